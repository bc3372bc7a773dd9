//! Strings: set, replaced in place where the block allows it, and edited with amortised growth.

use super::{Held, Key, Lifetime, WrongType};
use crate::keyspace::entry::Entry;
use crate::keyspace::string::{NewStr, StrRef};
use crate::keyspace::table::Spot;

impl Held<'_> {
    /// The string, as a read.
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn string(&mut self, key: &Key<'_>) -> Result<Option<StrRef<'_>>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(WrongType),
        }
    }

    /// As [`Held::string`] without a trace: several may be looked at side by side.
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn view_string(&self, key: &Key<'_>) -> Result<Option<StrRef<'_>>, WrongType> {
        match self.peek(key) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(WrongType),
        }
    }

    /// Stores a string in place of whatever was there. True if the key is new.
    #[inline]
    pub fn set_string(&mut self, key: &Key<'_>, value: NewStr<'_>, lifetime: Lifetime) -> bool {
        let Some(spot) = self.live(key) else {
            let expiry = match lifetime {
                Lifetime::Until(at) => Some(at),
                Lifetime::Keep | Lifetime::Forever => None,
            };
            let entry = Entry::string(key.bytes, value, expiry, self.clock.fresh());
            self.add(key, entry);
            return true;
        };
        self.overwrite(key, spot, value, lifetime);
        false
    }

    /// Replaces a string by what `next` makes of it (of `None`, if there is no such key), in one
    /// lookup. Its lifetime stays.
    ///
    /// # Errors
    /// If the key holds another kind, and whatever `next` refuses; then nothing has changed.
    #[inline]
    pub fn update_string<E: From<WrongType>>(
        &mut self,
        key: &Key<'_>,
        next: impl FnOnce(Option<StrRef<'_>>) -> Result<NewStr<'static>, E>,
    ) -> Result<(), E> {
        let Some(spot) = self.live(key) else {
            let entry = Entry::string(key.bytes, next(None)?, None, self.clock.fresh());
            self.add(key, entry);
            return Ok(());
        };
        let old = self.store(key).at(key.hash, spot).string().ok_or(WrongType)?;
        let value = next(Some(old))?;
        self.overwrite(key, spot, value, Lifetime::Keep);
        Ok(())
    }

    #[inline]
    fn overwrite(&mut self, key: &Key<'_>, spot: Spot, value: NewStr<'_>, lifetime: Lifetime) {
        let (clock, random) = (self.clock, key.hash ^ self.draw());
        let replaced = self.change(key).edit(key.hash, spot, |mut entry| {
            let expiry = match lifetime {
                Lifetime::Keep => entry.view().expiry(),
                Lifetime::Forever => None,
                Lifetime::Until(at) => Some(at),
            };
            let lru = clock.used(entry.view().lru(), random);
            entry.set_string(value, expiry, lru)
        });
        if let Some(old) = replaced {
            self.bin(old);
        }
    }

    /// Edits a string in place as bytes, at least `len_min` of them: it is extended with zeros, and
    /// created if the key is missing. Amortised O(bytes added and edited).
    ///
    /// # Errors
    /// If the key holds another kind.
    pub fn edit_string<R>(
        &mut self,
        key: &Key<'_>,
        len_min: usize,
        edit: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, WrongType> {
        let is_new = self.live(key).is_none();
        if is_new {
            self.set_string(key, NewStr::Raw(b""), Lifetime::Forever);
        }
        let spot = self.live(key).ok_or(WrongType)?;
        let (clock, random) = (self.clock, key.hash ^ self.draw());
        self.change(key).edit(key.hash, spot, |mut entry| {
            if !is_new {
                let lru = clock.used(entry.view().lru(), random);
                entry.set_lru(lru);
            }
            entry.string_mut(len_min).map(edit).ok_or(WrongType)
        })
    }

    /// Appends to a string, or sets it as SET would; its length afterwards.
    ///
    /// # Errors
    /// If the key holds another kind.
    pub fn append(&mut self, key: &Key<'_>, tail: &[u8]) -> Result<usize, WrongType> {
        let Some(spot) = self.live(key) else {
            self.set_string(key, NewStr::Bytes(tail), Lifetime::Forever);
            return Ok(tail.len());
        };
        let old = self.store(key).at(key.hash, spot).string().ok_or(WrongType)?.len();
        let len = old + tail.len();
        self.edit_string(key, len, |bytes| bytes[old..].copy_from_slice(tail))?;
        Ok(len)
    }

    /// Overwrites a part of a string, padding with zeros in front of it; its length afterwards.
    ///
    /// # Errors
    /// If the key holds another kind.
    pub fn set_range(
        &mut self,
        key: &Key<'_>,
        offset: usize,
        part: &[u8],
    ) -> Result<usize, WrongType> {
        let end = offset + part.len();
        self.edit_string(key, end, |bytes| {
            bytes[offset..end].copy_from_slice(part);
            bytes.len()
        })
    }
}
