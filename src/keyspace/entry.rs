//! One key with its value: a single heap block behind a thin pointer.
//!
//! `block.rs` has the layout, `word.rs` the pointer with a tag that buckets are made of; here are
//! the handles that everybody else uses: an owner, a shared view and an exclusive one. All unsafe
//! code about blocks is in these three files.
#![expect(unsafe_code, reason = "one block behind a thin pointer: 96 bytes instead of 160 per key")]

mod block;
mod word;

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

pub use block::LRU_BITS;
use block::*;
pub(super) use word::{Payload, Word};

use super::shape::Shape;
use super::string::{EMBSTR_MAX, INLINE_MAX, NewStr, Stored, StrRef};
use crate::base::Millis;
use crate::types::memory::allocated;
use crate::types::{Collection, Kind};

/// An entry outside of any table. Invariant: its word is not empty.
pub struct Entry(Word);

impl Entry {
    #[must_use]
    pub fn string(key: &[u8], value: NewStr<'_>, expiry: Option<Millis>, lru: u32) -> Entry {
        value.encode(|stored| Entry::of(Block::string(key, stored, expiry, lru)))
    }

    #[must_use]
    pub fn collection<T: Collection>(
        key: &[u8],
        value: T,
        expiry: Option<Millis>,
        lru: u32,
    ) -> Entry {
        const { assert!(size_of::<T>() == 8 && align_of::<T>() <= 8) };
        Shape::register::<T>();
        let expiry_len = if expiry.is_some() { EXPIRY_LEN } else { 0 };
        let block = Block::allocate(BOXED_FIXED + expiry_len + key.len());
        block.write_front(Head::new(code::<T>(), expiry.is_some(), lru), key, expiry);
        // SAFETY: the word is aligned and uninitialised; `T` fits it by the assertion above.
        unsafe { block.at(PAYLOAD_AT).cast::<T>().write(value) };
        Entry::of(block)
    }

    fn of(block: Block) -> Entry {
        Entry(Word(block.0.as_ptr()))
    }

    /// The same value, expiry and history under another key. O(key + inline value).
    #[must_use]
    pub fn with_key(mut self, key: &[u8]) -> Entry {
        let old = std::mem::replace(&mut self.0, Word::EMPTY);
        let old = ManuallyDrop::new(old).block().expect("an entry's word is not empty");
        let (head, used, value_at) = (old.head(), old.used(), old.value_at());
        let new = if head.is_boxed() {
            let new = Block::allocate(head.key_at() + key.len());
            // SAFETY: moves the word bitwise, provenance included; the old block is freed without
            // dropping it.
            unsafe { ptr::copy_nonoverlapping(old.at(PAYLOAD_AT), new.at(PAYLOAD_AT), 8) };
            new.write_front(head, key, old.expiry());
            new
        } else {
            let front = head.key_at() + prefix_len(key.len()) + key.len();
            let new = Block::allocate(front + (used - value_at));
            new.write_front(head, key, old.expiry());
            // SAFETY: the new block was sized for the front and the value's bytes.
            unsafe { ptr::copy_nonoverlapping(old.at(value_at), new.at(front), used - value_at) };
            new
        };
        old.free(used);
        Entry::of(new)
    }

    #[must_use]
    pub fn view(&self) -> EntryRef<'_> {
        self.0.entry().expect("an entry's word is not empty")
    }

    pub fn edit(&mut self) -> EntryMut<'_> {
        EntryMut(&mut self.0)
    }
}

fn code<T: Collection>() -> u32 {
    COLLECTION + T::KIND as u32
}

/// A shared view of an entry.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(Block, PhantomData<&'a Word>);

impl<'a> EntryRef<'a> {
    #[inline]
    #[must_use]
    pub fn key(self) -> &'a [u8] {
        let (at, len) = self.0.key_span();
        // SAFETY: the key's bytes are initialised and live as long as the borrow.
        unsafe { std::slice::from_raw_parts(self.0.at(at), len) }
    }

    #[inline]
    #[must_use]
    pub fn expiry(self) -> Option<Millis> {
        self.0.expiry()
    }

    #[must_use]
    pub fn kind(self) -> Kind {
        self.0.head().kind()
    }

    /// The 24 bits of access history; see [`super::history`].
    #[must_use]
    pub fn lru(self) -> u32 {
        self.0.head().lru()
    }

    /// As OBJECT ENCODING prints it.
    #[must_use]
    pub fn encoding(self) -> &'static str {
        match self.string() {
            Some(StrRef::Int(_)) => "int",
            Some(StrRef::Bytes(bytes)) => {
                let modified = self.0.head().code() == RAW;
                if modified || bytes.len() > EMBSTR_MAX { "raw" } else { "embstr" }
            }
            Some(StrRef::Big(_)) => "raw",
            None => (Shape::of(self.kind()).encoding)(self),
        }
    }

    /// The value, if it is a string.
    #[inline]
    #[must_use]
    pub fn string(self) -> Option<StrRef<'a>> {
        match self.0.head().code() {
            INT => Some(StrRef::Int(self.0.read_u64(self.0.value_at()) as i64)),
            TEXT | RAW => {
                let (at, len) = self.0.read_prefix(self.0.value_at());
                // SAFETY: the value's bytes are initialised and live as long as the borrow.
                Some(StrRef::Bytes(unsafe { std::slice::from_raw_parts(self.0.at(at), len) }))
            }
            // SAFETY: the payload of a BIG block is an initialised, aligned Arc.
            BIG => Some(StrRef::Big(unsafe { &*self.0.at(PAYLOAD_AT).cast::<Arc<Vec<u8>>>() })),
            _ => None,
        }
    }

    /// The value, if it is a `T`.
    #[inline]
    #[must_use]
    pub fn get<T: Collection>(self) -> Option<&'a T> {
        if self.0.head().code() != code::<T>() {
            return None;
        }
        Shape::assert_is::<T>(T::KIND);
        // SAFETY: the code and the shape check say that the aligned payload is a `T`.
        Some(unsafe { &*self.0.at(PAYLOAD_AT).cast::<T>() })
    }

    /// Elements of a collection; 1 for a string.
    #[must_use]
    pub fn elements(self) -> usize {
        match self.kind() {
            Kind::String => 1,
            kind => (Shape::of(kind).len)(self),
        }
    }

    /// When the first element of a collection expires; [`Millis::MAX`] if none does.
    #[inline]
    #[must_use]
    pub fn next_element_expiry(self) -> Millis {
        match self.kind() {
            // The one kind with such elements: all others are spared the call.
            Kind::Hash => (Shape::of(Kind::Hash).next_expiry)(self),
            _ => Millis::MAX,
        }
    }

    /// Starts to fetch what finding elements of a collection will read; see
    /// [`Collection::prefetch`].
    #[inline]
    #[must_use]
    pub fn prefetch_elements(self, step: usize, hashes: &[u64]) -> bool {
        let kind = self.kind();
        kind != Kind::String && (Shape::of(kind).prefetch)(self, step, hashes)
    }

    /// Bytes of the block, as the allocator rounds them.
    #[inline]
    #[must_use]
    pub fn block_bytes(self) -> usize {
        allocated(self.0.used())
    }

    /// Bytes behind the payload, as the allocator rounds them.
    #[inline]
    #[must_use]
    pub fn heap_bytes(self) -> usize {
        match self.0.head().code() {
            TEXT | RAW | INT => 0,
            BIG => match self.string() {
                Some(StrRef::Big(bytes)) => big_bytes(bytes),
                _ => 0,
            },
            _ => (Shape::of(self.kind()).heap_bytes)(self),
        }
    }

    /// Everything the entry costs.
    #[inline]
    #[must_use]
    pub fn total_bytes(self) -> usize {
        self.block_bytes() + self.heap_bytes()
    }

    /// A deep copy under another key (COPY). Big strings are shared until one side is edited.
    #[must_use]
    pub fn duplicate(self, key: &[u8]) -> Entry {
        match self.string() {
            Some(StrRef::Int(value)) => {
                Entry::string(key, NewStr::Int(value), self.expiry(), self.lru())
            }
            Some(StrRef::Bytes(bytes)) => {
                let raw = self.0.head().code() == RAW;
                let value = if raw { NewStr::Raw(bytes) } else { NewStr::Text(bytes) };
                Entry::string(key, value, self.expiry(), self.lru())
            }
            Some(StrRef::Big(bytes)) => {
                Entry::string(key, NewStr::Shared(Arc::clone(bytes)), self.expiry(), self.lru())
            }
            None => (Shape::of(self.kind()).duplicate)(self, key),
        }
    }
}

/// Two counts and the vector's three words, then the bytes.
fn big_bytes(bytes: &Arc<Vec<u8>>) -> usize {
    allocated(40) + allocated(bytes.capacity())
}

/// An exclusive handle on an entry; changes that outgrow the block move it and repoint the word.
pub struct EntryMut<'a>(&'a mut Word);

impl<'a> EntryMut<'a> {
    #[inline]
    fn block(&self) -> Block {
        self.0.block().expect("handles are made of occupied words")
    }

    #[inline]
    #[must_use]
    pub fn view(&self) -> EntryRef<'_> {
        EntryRef(self.block(), PhantomData)
    }

    /// The view for as long as the exclusive borrow would have lasted.
    #[inline]
    #[must_use]
    pub fn into_view(self) -> EntryRef<'a> {
        EntryRef(self.block(), PhantomData)
    }

    #[inline]
    pub fn set_lru(&mut self, lru: u32) {
        let block = self.block();
        let head = block.head();
        if head.lru() != lru & LRU_BITS {
            block.set_head(Head::new(head.code(), head.has_expiry(), lru));
        }
    }

    /// The value, if it is a `T`.
    #[inline]
    #[must_use]
    pub fn get_mut<T: Collection>(self) -> Option<&'a mut T> {
        let block = self.block();
        if block.head().code() != code::<T>() {
            return None;
        }
        Shape::assert_is::<T>(T::KIND);
        // SAFETY: as in `EntryRef::get`; the borrow of the word is exclusive.
        Some(unsafe { &mut *block.at(PAYLOAD_AT).cast::<T>() })
    }

    /// Removes up to `max` elements that are over by `now`, and tells which.
    pub fn expire_elements(self, now: Millis, max: usize, gone: &mut dyn FnMut(&[u8])) {
        let kind = self.view().kind();
        if kind != Kind::String {
            (Shape::of(kind).expire)(self, now, max, gone);
        }
    }

    /// Replaces the expiry. In place unless the block's size class changes.
    pub fn set_expiry(&mut self, expiry: Option<Millis>) {
        let block = self.block();
        let head = block.head();
        let at = head.expiry_at();
        if head.has_expiry() != expiry.is_some() {
            self.shift_tail(head, expiry.is_some());
        }
        if let Some(expiry) = expiry {
            self.block().write_u64(at, expiry.0);
        }
    }

    /// Opens or closes the eight bytes of the expiry.
    fn shift_tail(&mut self, head: Head, open: bool) {
        let block = self.block();
        let (at, used) = (head.expiry_at(), block.used());
        let (from, to) = if open { (at, at + EXPIRY_LEN) } else { (at + EXPIRY_LEN, at) };
        let tail = used - from;
        let target = if allocated(to + tail) == allocated(used) {
            block
        } else {
            let target = Block::allocate(to + tail);
            // SAFETY: both blocks have at least `at` bytes, head and payload among them.
            unsafe { ptr::copy_nonoverlapping(block.at(0), target.at(0), at) };
            target
        };
        // SAFETY: `tail` bytes exist behind `from`, and the target was sized for them behind `to`;
        // they may overlap when the block stays.
        unsafe { ptr::copy(block.at(from), target.at(to), tail) };
        target.set_head(Head::new(head.code(), open, head.lru()));
        if target.0 != block.0 {
            self.0.replace(target).free(used);
        }
    }

    /// Replaces value, expiry and history. What did not fit the block is handed back, to be dropped
    /// now or later.
    #[inline]
    pub fn set_string(
        &mut self,
        value: NewStr<'_>,
        expiry: Option<Millis>,
        lru: u32,
    ) -> Option<Entry> {
        value.encode(|stored| self.store(stored, expiry, lru))
    }

    #[inline]
    fn store(&mut self, value: Stored<'_>, expiry: Option<Millis>, lru: u32) -> Option<Entry> {
        let block = self.block();
        let old = block.head();
        let head = Head::new(code_of(&value), expiry.is_some(), lru);
        let (key_at, key_len) = block.key_span();
        let needed = Block::needed(key_len, expiry.is_some(), &value);
        if old.is_boxed() || head.is_boxed() || allocated(needed) != allocated(block.used()) {
            // SAFETY: the key's bytes live until the old block goes, which the caller holds after
            // us.
            let key = unsafe { std::slice::from_raw_parts(block.at(key_at), key_len) };
            let new = Block::string(key, value, expiry, lru);
            let old = self.0.replace(new);
            return Some(Entry::of(old));
        }
        let front = prefix_len(key_len);
        if old.has_expiry() != head.has_expiry() {
            // SAFETY: the key with its length fits at both places, which may overlap.
            unsafe { ptr::copy(block.at(old.key_at()), block.at(head.key_at()), front + key_len) };
        }
        block.set_head(head);
        if let Some(expiry) = expiry {
            block.write_u64(head.expiry_at(), expiry.0);
        }
        block.write_value(head.key_at() + front + key_len, value);
        None
    }

    /// The string's bytes to be changed in place, at least `len_min` of them (zeros are appended).
    /// It is `raw` from then on. `None` if the value is no string. Amortised O(bytes added).
    #[must_use]
    pub fn string_mut(mut self, len_min: usize) -> Option<&'a mut [u8]> {
        if !matches!(self.view().string()?, StrRef::Big(_)) && !self.grow_inline(len_min) {
            let mut digits = itoa::Buffer::new();
            let text = self.view().string()?.text(&mut digits);
            let mut bytes = Vec::with_capacity(text.len().max(len_min));
            bytes.extend_from_slice(text);
            bytes.resize(bytes.capacity(), 0);
            let (expiry, lru) = (self.view().expiry(), self.view().lru());
            if bytes.len() > INLINE_MAX {
                self.store(Stored::Big(Arc::new(bytes)), expiry, lru);
            } else {
                self.store(Stored::Inline { bytes: &bytes, raw: true }, expiry, lru);
            }
        }
        let block = self.block();
        if block.head().code() == BIG {
            // SAFETY: the payload of a BIG block is an initialised, aligned Arc, borrowed
            // exclusively.
            let big = unsafe { &mut *block.at(PAYLOAD_AT).cast::<Arc<Vec<u8>>>() };
            let bytes = Arc::make_mut(big);
            if bytes.len() < len_min {
                bytes.resize(len_min, 0);
            }
            return Some(bytes);
        }
        let (at, len) = block.read_prefix(block.value_at());
        // SAFETY: the value's bytes are initialised and exclusively borrowed with the word.
        Some(unsafe { std::slice::from_raw_parts_mut(block.at(at), len) })
    }

    /// Makes an inline text `raw` and long enough without leaving its block; false if it cannot.
    fn grow_inline(&mut self, len_min: usize) -> bool {
        let block = self.block();
        let head = block.head();
        if head.code() == INT {
            return false;
        }
        let value_at = block.value_at();
        let (at, old_len) = block.read_prefix(value_at);
        let len = old_len.max(len_min);
        let fits = len <= INLINE_MAX
            && prefix_len(len) == at - value_at
            && allocated(at + len) == allocated(at + old_len);
        if fits {
            block.write_prefix(value_at, len);
            // SAFETY: the block's size class holds `at + len` bytes.
            unsafe { block.at(at + old_len).write_bytes(0, len - old_len) };
            block.set_head(Head::new(RAW, head.has_expiry(), head.lru()));
        }
        fits
    }
}

#[cfg(test)]
mod tests;
