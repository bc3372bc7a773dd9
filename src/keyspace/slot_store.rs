//! One slot of one database: its table and the figures kept about it. With its lock it is one cache
//! line.
//!
//! Invariants, asserted by [`SlotStore::check`]: `expires` counts the keys with an expiry, `bytes`
//! is what all entries cost, and no key expires before `next_expiry`.

use super::entry::{Entry, EntryMut, EntryRef};
use super::table::{Spot, Table};
use crate::base::{KeyHasher, Millis};

/// A walk over a slot in search of expired keys.
#[derive(Debug)]
pub(super) struct SlotWalk {
    position: u64,
    /// The earliest expiry seen of keys that stay.
    earliest: Millis,
}

impl Default for SlotWalk {
    fn default() -> SlotWalk {
        SlotWalk { position: 0, earliest: Millis::MAX }
    }
}

impl SlotWalk {
    pub(super) fn is_new(&self) -> bool {
        self.position == 0
    }
}

/// See the module's head.
pub struct SlotStore {
    table: Table,
    bytes: u64,
    /// No key that the last complete sweep saw expires earlier.
    known_expiry: Millis,
    /// Nor does any that was given an expiry since that sweep began.
    added_expiry: Millis,
    expires: u32,
}

impl Default for SlotStore {
    fn default() -> SlotStore {
        SlotStore {
            table: Table::default(),
            bytes: 0,
            known_expiry: Millis::MAX,
            added_expiry: Millis::MAX,
            expires: 0,
        }
    }
}

impl SlotStore {
    /// Number of keys, expired ones included until they are deleted.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Number of keys with an expiry.
    #[must_use]
    pub fn expires(&self) -> usize {
        self.expires as usize
    }

    /// Bytes of entries, values and table, as the allocator rounds them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes + self.table.bytes() as u64
    }

    /// No key expires earlier; [`Millis::MAX`] if none does.
    #[inline]
    #[must_use]
    pub fn next_expiry(&self) -> Millis {
        self.known_expiry.min(self.added_expiry)
    }

    /// For walks: scans, snapshots, samples.
    #[inline]
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    #[inline]
    pub(super) fn locate(&self, hash: u64, key: &[u8]) -> Option<Spot> {
        self.table.locate(hash, key)
    }

    pub(super) fn locate_hash(&self, hash: u64, hasher: &KeyHasher) -> Option<Spot> {
        self.table.locate_hash(hash, hasher)
    }

    #[inline]
    pub(super) fn at(&self, hash: u64, place: Spot) -> EntryRef<'_> {
        self.table.at(hash, place)
    }

    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.table.find(hash, key)
    }

    /// For changes that leave size and expiry as they are (the access history).
    #[inline]
    pub(super) fn touch(&mut self, hash: u64, place: Spot) -> EntryMut<'_> {
        self.table.at_mut(hash, place)
    }

    /// The entry with the byte count that its changes have to be settled in.
    #[inline]
    pub(super) fn touch_counted(&mut self, hash: u64, place: Spot) -> (EntryMut<'_>, &mut u64) {
        (self.table.at_mut(hash, place), &mut self.bytes)
    }

    /// Changes an entry and settles the figures.
    #[inline]
    pub(super) fn edit<R>(
        &mut self,
        hash: u64,
        place: Spot,
        change: impl FnOnce(EntryMut<'_>) -> R,
    ) -> R {
        let before = self.table.at(hash, place);
        self.bytes -= before.total_bytes() as u64;
        self.expires -= u32::from(before.expiry().is_some());
        let result = change(self.table.at_mut(hash, place));
        let after = Self::figures(self.table.at(hash, place));
        self.add(after);
        result
    }

    #[inline]
    fn figures(entry: EntryRef<'_>) -> (u64, Option<Millis>) {
        (entry.total_bytes() as u64, entry.expiry())
    }

    #[inline]
    fn add(&mut self, (bytes, expiry): (u64, Option<Millis>)) {
        self.bytes += bytes;
        if let Some(at) = expiry {
            self.expires += 1;
            self.added_expiry = self.added_expiry.min(at);
        }
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) -> EntryMut<'_> {
        self.add(Self::figures(entry.view()));
        self.table.insert(hash, entry, hasher)
    }

    pub(super) fn remove_at(&mut self, hash: u64, place: Spot, hasher: &KeyHasher) -> Entry {
        let entry = self.table.remove_at(hash, place);
        self.subtract(entry.view());
        self.table.give_room_back(hasher);
        entry
    }

    fn subtract(&mut self, entry: EntryRef<'_>) {
        self.bytes -= entry.total_bytes() as u64;
        self.expires -= u32::from(entry.expiry().is_some());
    }

    pub fn remove(&mut self, hash: u64, key: &[u8], hasher: &KeyHasher) -> Option<Entry> {
        let place = self.locate(hash, key)?;
        Some(self.remove_at(hash, place, hasher))
    }

    /// Takes the whole table, to be freed elsewhere.
    pub fn take(&mut self) -> Table {
        std::mem::take(self).table
    }

    /// Deletes what has expired in the bucket that the walk has come to; whether the walk is over.
    pub(super) fn sweep_bucket(
        &mut self,
        walk: &mut SlotWalk,
        now: Millis,
        mut taken: impl FnMut(Entry),
    ) -> bool {
        if walk.is_new() {
            self.added_expiry = Millis::MAX;
        }
        let SlotStore { table, bytes, expires, .. } = self;
        let gone = |entry: EntryRef<'_>| {
            entry.expiry().is_some_and(|at| {
                if at > now {
                    walk.earliest = walk.earliest.min(at);
                }
                at <= now
            })
        };
        let next = table.sweep(walk.position, gone, |entry| {
            *bytes -= entry.view().total_bytes() as u64;
            *expires -= 1;
            taken(entry);
        });
        match next {
            Some(next) => walk.position = next,
            None => self.known_expiry = walk.earliest,
        }
        next.is_none()
    }

    /// Does some of the work of a resize in progress; whether more is left.
    pub fn step(&mut self, buckets: usize, hasher: &KeyHasher) -> bool {
        self.table.give_room_back(hasher);
        self.table.step(buckets, hasher)
    }

    /// Asserts every invariant; for tests.
    pub fn check(&self, hasher: &KeyHasher) {
        self.table.check(hasher);
        let (mut bytes, mut expires, mut position) = (0, 0, Some(0));
        while let Some(at) = position {
            position = self.table.scan(at, |entry| {
                bytes += entry.total_bytes() as u64;
                if let Some(at) = entry.expiry() {
                    expires += 1;
                    assert!(at >= self.next_expiry(), "no key expires before the bound");
                }
            });
        }
        assert_eq!(bytes, self.bytes, "the byte count is the sum over the entries");
        assert_eq!(expires, self.expires, "the number of keys with an expiry is right");
    }
}
