//! One slot of one database: its table and the figures kept about it. With its lock it is one cache line.
//!
//! Invariants, asserted by [`SlotStore::check`]: `expires` counts the keys with an expiry, `bytes` is what
//! all entries cost, and no key expires before `next_expiry`.

use super::entry::{Entry, EntryMut, EntryRef};
use super::table::{Spot, Table};
use crate::base::{KeyHasher, Millis};

/// Who serves the slot, as its requests see it. Changed under the slot's lock, so that no request falls
/// between the check and the command. Without cluster mode every slot is `Owned`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Ownership {
    #[default]
    Owned,
    Elsewhere,
    /// Ours, on its way to another node: missing keys are asked for there.
    Migrating,
    /// Another node's, on its way to us: served to those who say ASKING.
    Importing,
}

/// See the module's head.
pub struct SlotStore {
    table: Table,
    bytes: u64,
    next_expiry: Millis,
    expires: u32,
    pub ownership: Ownership,
}

impl Default for SlotStore {
    fn default() -> SlotStore {
        SlotStore {
            table: Table::default(),
            bytes: 0,
            next_expiry: Millis::MAX,
            expires: 0,
            ownership: Ownership::Owned,
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
        self.next_expiry
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
            self.next_expiry = self.next_expiry.min(at);
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

    /// Takes the whole table, to be freed elsewhere; the ownership stays.
    pub fn take(&mut self) -> Table {
        let ownership = self.ownership;
        let emptied = std::mem::replace(self, SlotStore { ownership, ..SlotStore::default() });
        emptied.table
    }

    /// As [`Table::sweep`], settling the figures.
    pub(super) fn sweep_bucket(
        &mut self,
        position: u64,
        gone: impl FnMut(EntryRef<'_>) -> bool,
        mut taken: impl FnMut(Entry),
    ) -> Option<u64> {
        let SlotStore { table, bytes, expires, .. } = self;
        table.sweep(position, gone, |entry| {
            *bytes -= entry.view().total_bytes() as u64;
            *expires -= u32::from(entry.view().expiry().is_some());
            taken(entry);
        })
    }

    /// What a completed sweep has found to be the earliest expiry left.
    pub(super) fn set_next_expiry(&mut self, at: Millis) {
        self.next_expiry = at;
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
                    assert!(at >= self.next_expiry, "no key expires before the bound");
                }
            });
        }
        assert_eq!(bytes, self.bytes, "the byte count is the sum over the entries");
        assert_eq!(expires, self.expires, "the number of keys with an expiry is right");
    }
}
