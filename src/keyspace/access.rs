//! What commands see of the keyspace: [`Held`], the locked slots of a batch.
//!
//! Locks are taken here and nowhere else for more than one slot, in ascending order of [`Place`];
//! the keys of a batch carry the index of their slot's guard. In whole mode, under the exclusive
//! gate, slots are locked when first named and kept.
//!
//! A lookup never shows an expired key. On a primary it deletes it, too, and notes its name in
//! [`Held::incidents`] for whoever propagates deletions. What is too large to be freed while slots
//! are locked goes to [`Held::garbage`].
//!
//! Methods take `&mut self` if they may delete or leave a trace in the access history; `peek` and
//! `view` do neither, so that several collections can be looked at side by side.

mod fill;
mod hold;
mod removal;
mod strings;
mod whole;

use std::ops::{Deref, DerefMut};

pub use hold::{Held, Key};

use super::entry::{Entry, EntryMut, EntryRef};
use super::keyspace::Place;
use super::slot_store::Tally;
use super::string::StrRef;
use super::table::{Spot, Table};
use crate::base::{Millis, same_bytes};
use crate::spec::CmdError;
use crate::types::{Collection, Kind};

/// A collection with more elements is freed by the garbage's owner instead of in place.
const LIGHT_ELEMENTS_MAX: usize = 64;

/// The key holds another kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl From<WrongType> for CmdError {
    fn from(_: WrongType) -> CmdError {
        CmdError::WrongType
    }
}

/// What lookups do with an expired key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Expiry {
    /// A primary deletes it.
    #[default]
    Delete,
    /// A replica answers as if it were gone; its primary will say so.
    Hide,
    /// What a primary sends its replica is about the key as it is; loading a dump, too.
    Show,
}

/// Something that a lookup or an insertion brought about and that the command itself does not
/// report.
#[derive(Debug)]
pub struct Incident {
    pub kind: IncidentKind,
    pub place: Place,
    pub key: Box<[u8]>,
}

/// What happened to the key of an [`Incident`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// A lookup found it expired and deleted it.
    Expired,
    /// A lookup found these elements of its collection expired and removed them.
    ElementsExpired(Vec<Box<[u8]>>),
    /// It went with the last of them.
    Emptied,
    /// It came to be. Told only if [`Held::tell_created`] says so.
    Created,
    /// It was looked for to be read and is not there. Told only if [`Held::tell_missed`] says so.
    Missed,
}

/// Something large that was removed: to be dropped where nobody waits.
pub enum Garbage {
    Entry(Entry),
    /// With what its entries take.
    Table(Table, u64),
}

impl Garbage {
    /// What freeing it gives back.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Garbage::Entry(entry) => entry.view().total_bytes(),
            Garbage::Table(_, bytes) => *bytes as usize,
        }
    }

    /// Frees a light entry at once.
    pub(super) fn if_heavy(entry: Entry) -> Option<Garbage> {
        let view = entry.view();
        let heavy = match view.string() {
            Some(text) => matches!(text, StrRef::Big(_)),
            None => view.elements() > LIGHT_ELEMENTS_MAX,
        };
        heavy.then_some(Garbage::Entry(entry))
    }
}

/// What happened during a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub hits: u64,
    pub misses: u64,
    /// Keys deleted because they had expired.
    pub expired: u64,
}

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    Keep,
    Forever,
    Until(Millis),
}

/// A collection that is being changed. Meanwhile the slot's byte count is without it. Two words: so
/// it is returned in registers.
pub struct CollectionMut<'a, T: Collection> {
    value: &'a mut T,
    tally: &'a mut Tally,
}

impl<T: Collection> Deref for CollectionMut<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: Collection> DerefMut for CollectionMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}

impl<T: Collection> Drop for CollectionMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.tally.bytes += self.value.heap_bytes() as u64;
        if T::ELEMENTS_EXPIRE {
            self.tally.note_elements(self.value.next_expiry());
        }
    }
}

impl Held<'_> {
    /// Finds a key that is not expired.
    #[inline]
    fn live(&mut self, key: &Key<'_>) -> Option<Spot> {
        let store = self.store(key);
        let spot = store.locate(key.hash, key.bytes)?;
        if let Some(at) = store.at(key.hash, spot).expiry()
            && self.is_past(at)
        {
            self.expire(key, spot);
            return None;
        }
        if self.store(key).elements_expire() && self.expire_elements(key, spot) {
            return None;
        }
        Some(spot)
    }

    /// Removes the elements of a collection that have expired; whether it went with the last.
    #[cold]
    fn expire_elements(&mut self, key: &Key<'_>, spot: Spot) -> bool {
        let (now, entry) = (self.now, self.store(key).at(key.hash, spot));
        if self.expiry != Expiry::Delete || !entry.next_element_expiry().is_over(now) {
            return false;
        }
        let mut elements: Vec<Box<[u8]>> = Vec::new();
        let mut gone = |element: &[u8]| elements.push(element.into());
        let left = self.change(key).expire_elements(key.hash, spot, now, usize::MAX, &mut gone);
        self.note(IncidentKind::ElementsExpired(elements), key);
        if left == 0 {
            self.discard(key, spot);
            self.note(IncidentKind::Emptied, key);
        }
        left == 0
    }

    #[inline]
    pub(super) fn is_past(&self, at: Millis) -> bool {
        at.is_over(self.now) && self.expiry != Expiry::Show
    }

    #[cold]
    fn expire(&mut self, key: &Key<'_>, spot: Spot) {
        if self.expiry == Expiry::Delete || self.removes_expired {
            self.discard(key, spot);
            self.counters.expired += 1;
            self.note(IncidentKind::Expired, key);
        }
    }

    #[cold]
    fn note(&mut self, kind: IncidentKind, key: &Key<'_>) {
        self.incidents.push(Incident { kind, place: self.place(key), key: key.bytes.into() });
    }

    /// Takes an entry out and frees it, now or later.
    fn discard(&mut self, key: &Key<'_>, spot: Spot) {
        let entry = self.take_at(key, spot);
        self.bin(entry);
    }

    fn take_at(&mut self, key: &Key<'_>, spot: Spot) -> Entry {
        let hasher = self.keyspace.hasher();
        self.change(key).remove_at(key.hash, spot, hasher)
    }

    fn bin(&mut self, entry: Entry) {
        self.garbage.extend(Garbage::if_heavy(entry));
    }

    /// The entry, its use recorded.
    #[inline]
    fn used(&mut self, key: &Key<'_>, spot: Spot) -> EntryMut<'_> {
        let (clock, random) = (self.clock, key.hash ^ self.draw());
        let mut entry = self.store_mut(key).touch(key.hash, spot);
        let lru = entry.view().lru();
        entry.set_lru(clock.used(lru, random));
        entry
    }

    /// Looks a key up to read it: counts a hit or a miss and records the use.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let Some(spot) = self.live(key) else {
            self.miss(key);
            return None;
        };
        self.counters.hits += 1;
        Some(self.used(key, spot).into_view())
    }

    /// Looks a key up to tell what it is: counts a hit or a miss, but no use; `told`: whether
    /// a miss is an event, too.
    #[inline]
    pub fn inspect(&mut self, key: &Key<'_>, told: bool) -> Option<EntryRef<'_>> {
        match self.live(key) {
            Some(spot) => {
                self.counters.hits += 1;
                Some(self.store(key).at(key.hash, spot))
            }
            None if told => {
                self.miss(key);
                None
            }
            None => {
                self.counters.misses += 1;
                None
            }
        }
    }

    #[inline]
    fn miss(&mut self, key: &Key<'_>) {
        self.counters.misses += 1;
        if self.tell_missed {
            self.note(IncidentKind::Missed, key);
        }
    }

    /// Looks a key up and leaves no trace; an expired one is not shown, but stays.
    #[inline]
    #[must_use]
    pub fn peek(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let entry = self.store(key).find(key.hash, key.bytes)?;
        let past = entry.expiry().is_some_and(|at| self.is_past(at));
        (!past).then_some(entry)
    }

    /// Looks a key up to change it; records the use. Changes that affect size or expiry must go
    /// through the other methods, which settle the slot's figures.
    #[inline]
    pub fn write(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let spot = self.live(key)?;
        Some(self.used(key, spot).into_view())
    }

    #[inline]
    pub fn exists(&mut self, key: &Key<'_>) -> bool {
        self.live(key).is_some()
    }

    pub fn kind(&mut self, key: &Key<'_>) -> Option<Kind> {
        let spot = self.live(key)?;
        Some(self.store(key).at(key.hash, spot).kind())
    }

    /// As [`Held::read`], for collections of one type.
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn get<T: Collection>(&mut self, key: &Key<'_>) -> Result<Option<&T>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.get::<T>().map(Some).ok_or(WrongType),
        }
    }

    /// As [`Held::peek`], for collections of one type: several may be looked at side by side.
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn view<T: Collection>(&self, key: &Key<'_>) -> Result<Option<&T>, WrongType> {
        match self.peek(key) {
            None => Ok(None),
            Some(entry) => entry.get::<T>().map(Some).ok_or(WrongType),
        }
    }

    /// The collection, to be changed.
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn get_mut<T: Collection>(
        &mut self,
        key: &Key<'_>,
    ) -> Result<Option<CollectionMut<'_, T>>, WrongType> {
        let Some(spot) = self.live(key) else { return Ok(None) };
        self.collection_at(key, spot, false).map(Some)
    }

    /// The collection, to be changed; a new one if there is no such key. Whoever leaves it empty
    /// calls [`Held::remove_if_empty`].
    ///
    /// # Errors
    /// If the key holds another kind.
    #[inline]
    pub fn get_or_create<T: Collection + Default>(
        &mut self,
        key: &Key<'_>,
    ) -> Result<CollectionMut<'_, T>, WrongType> {
        if let Some(spot) = self.live(key) {
            return self.collection_at(key, spot, false);
        }
        let entry = Entry::collection(key.bytes, T::default(), None, self.clock.fresh());
        let spot = self.insert(key, entry);
        self.collection_at(key, spot, true)
    }

    /// Adds an entry under a key that [`Held::live`] did not find.
    #[inline]
    fn add(&mut self, key: &Key<'_>, entry: Entry) {
        self.add_quietly(key, entry);
        if self.tell_created {
            self.note(IncidentKind::Created, key);
        }
    }

    /// As [`Held::add`]; nobody is told that the key came to be.
    #[inline]
    fn add_quietly(&mut self, key: &Key<'_>, entry: Entry) {
        if self.expiry == Expiry::Hide
            && let Some(hidden) = self.store(key).locate(key.hash, key.bytes)
        {
            self.discard(key, hidden);
        }
        let history = self
            .queues
            .as_ref()
            .and_then(|queues| queues.as_ref())
            .map(|queues| queues.admit(self.place(key), key.hash, self.store(key).is_empty()));
        let hasher = self.keyspace.hasher();
        let mut entry = self.change(key).insert(key.hash, entry, hasher);
        if let Some(history) = history {
            entry.set_lru(history);
        }
    }

    /// As [`Held::add`]; where it is now.
    fn insert(&mut self, key: &Key<'_>, entry: Entry) -> Spot {
        self.add(key, entry);
        self.store(key).locate(key.hash, key.bytes).expect("it was just inserted")
    }

    #[inline]
    fn collection_at<T: Collection>(
        &mut self,
        key: &Key<'_>,
        spot: Spot,
        is_new: bool,
    ) -> Result<CollectionMut<'_, T>, WrongType> {
        let (clock, random) = (self.clock, key.hash ^ self.draw());
        let (mut entry, tally) = self.change(key).touch_counted(key.hash, spot);
        if !is_new {
            let lru = entry.view().lru();
            entry.set_lru(clock.used(lru, random));
        }
        let value = entry.get_mut::<T>().ok_or(WrongType)?;
        tally.bytes -= value.heap_bytes() as u64;
        Ok(CollectionMut { value, tally })
    }

    /// Takes an entry out, to be put elsewhere.
    pub fn take(&mut self, key: &Key<'_>) -> Option<Entry> {
        let spot = self.live(key)?;
        Some(self.take_at(key, spot))
    }

    /// Stores an entry under a key, in place of what was there. O(key + inline value).
    pub fn put(&mut self, key: &Key<'_>, entry: Entry) {
        if let Some(spot) = self.store(key).locate(key.hash, key.bytes) {
            self.discard(key, spot);
        }
        let entry = if same_bytes(entry.view().key(), key.bytes) {
            entry
        } else {
            entry.with_key(key.bytes)
        };
        self.add(key, entry);
    }

    /// Stores a collection under a key, in place of whatever was there and without an expiry; an
    /// empty one only removes the key. What SUNIONSTORE and its kin do.
    pub fn put_collection<T: Collection>(&mut self, key: &Key<'_>, value: T) {
        if value.is_empty() {
            self.remove(key);
            return;
        }
        let entry = Entry::collection(key.bytes, value, None, self.clock.fresh());
        if self.remove(key) { self.add_quietly(key, entry) } else { self.add(key, entry) }
    }

    /// A copy of what is stored under `from`, to be put under another key. Collections are copied
    /// deeply, big strings shared. Its history begins now.
    #[must_use]
    pub fn copy_entry(&self, from: &Key<'_>, to: &Key<'_>) -> Option<Entry> {
        let mut copy = self.peek(from)?.duplicate(to.bytes);
        copy.edit().set_lru(self.clock.fresh());
        Some(copy)
    }

    /// Sets or takes away a key's expiry; whether the key is there.
    pub fn set_expiry(&mut self, key: &Key<'_>, expiry: Option<Millis>) -> bool {
        let Some(spot) = self.live(key) else { return false };
        self.change(key).edit(key.hash, spot, |mut entry| entry.set_expiry(expiry));
        true
    }

    /// Until when a key lives: `None` if there is no such key, `Some(None)` if it does not expire.
    #[must_use]
    pub fn expiry(&self, key: &Key<'_>) -> Option<Option<Millis>> {
        Some(self.peek(key)?.expiry())
    }

    /// Sets a key's access history (RESTORE, RDB); one that belongs to a queue stays.
    pub fn set_history(&mut self, key: &Key<'_>, lru: u32) {
        if self.queues.is_none()
            && let Some(spot) = self.live(key)
        {
            self.store_mut(key).touch(key.hash, spot).set_lru(lru);
        }
    }
}

#[cfg(test)]
mod tests;
