//! One slot of one database: its table and the figures kept about it. With its lock it is one cache
//! line.
//!
//! Invariants, asserted by [`SlotStore::check`]: `expires` counts the keys with an expiry, `bytes`
//! is what all entries cost, and no key expires before `next_expiry`.

use super::entry::{Entry, EntryMut, EntryRef};
use super::table::{STEP_BUCKETS, Spot, Table, Take};
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

    /// Where it has come to.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

/// See the module's head.
pub struct SlotStore {
    table: Table,
    /// Nothing that the last complete sweep saw expires earlier.
    known_expiry: Millis,
    tally: Tally,
}

/// The figures that a change to an entry has to be settled in.
pub(super) struct Tally {
    pub bytes: u64,
    /// Nothing that was given an expiry since the last complete sweep began expires earlier.
    added_expiry: Millis,
    expires: u32,
    /// Some collection here has had elements that expire.
    elements_expire: bool,
    /// The latest walk that has everything the slot held when it began; 0: none. Here for want of
    /// room in the slot's line.
    epoch: u16,
}

impl Tally {
    /// Notes when the first element of a collection expires.
    #[inline]
    pub fn note_elements(&mut self, next: Millis) {
        if next < Millis::MAX {
            self.elements_expire = true;
            self.added_expiry = self.added_expiry.min(next);
        }
    }
}

impl Default for SlotStore {
    fn default() -> SlotStore {
        SlotStore {
            table: Table::default(),
            known_expiry: Millis::MAX,
            tally: Tally {
                bytes: 0,
                added_expiry: Millis::MAX,
                expires: 0,
                elements_expire: false,
                epoch: 0,
            },
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
        self.tally.expires as usize
    }

    /// Bytes of entries, values and table, as the allocator rounds them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tally.bytes + self.table.bytes() as u64
    }

    /// No key and no element of one expires earlier; [`Millis::MAX`] if none does.
    #[inline]
    #[must_use]
    pub fn next_expiry(&self) -> Millis {
        self.known_expiry.min(self.tally.added_expiry)
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

    /// The entry with the figures that its changes have to be settled in.
    #[inline]
    pub(super) fn touch_counted(&mut self, hash: u64, place: Spot) -> (EntryMut<'_>, &mut Tally) {
        (self.table.at_mut(hash, place), &mut self.tally)
    }

    /// Whether a lookup has to think of elements that have expired.
    #[inline]
    pub(super) fn elements_expire(&self) -> bool {
        self.tally.elements_expire
    }

    /// Removes up to `max` elements of a collection that expire by `now`; how many are left in it.
    pub(super) fn expire_elements(
        &mut self,
        hash: u64,
        place: Spot,
        now: Millis,
        max: usize,
        gone: &mut dyn FnMut(&[u8]),
    ) -> usize {
        self.edit(hash, place, |entry| entry.expire_elements(now, max, gone));
        self.table.at(hash, place).elements()
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
        self.tally.bytes -= before.total_bytes() as u64;
        self.tally.expires -= u32::from(before.expiry().is_some());
        let result = change(self.table.at_mut(hash, place));
        let after = Self::figures(self.table.at(hash, place));
        self.add(after);
        result
    }

    #[inline]
    fn figures(entry: EntryRef<'_>) -> (u64, Option<Millis>, Millis) {
        (entry.total_bytes() as u64, entry.expiry(), entry.next_element_expiry())
    }

    #[inline]
    fn add(&mut self, (bytes, expiry, elements): (u64, Option<Millis>, Millis)) {
        let tally = &mut self.tally;
        tally.bytes += bytes;
        if let Some(at) = expiry {
            tally.expires += 1;
            tally.added_expiry = tally.added_expiry.min(at);
        }
        tally.note_elements(elements);
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, hash: u64, entry: Entry, hasher: &KeyHasher) -> EntryMut<'_> {
        self.add(Self::figures(entry.view()));
        self.table.insert(hash, entry, hasher)
    }

    /// Makes room for so many keys in an empty slot.
    pub(super) fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys);
    }

    pub(super) fn remove_at(&mut self, hash: u64, place: Spot, hasher: &KeyHasher) -> Entry {
        let entry = self.table.remove_at(hash, place);
        self.subtract(entry.view());
        self.table.give_room_back(hasher);
        entry
    }

    fn subtract(&mut self, entry: EntryRef<'_>) {
        self.tally.bytes -= entry.total_bytes() as u64;
        self.tally.expires -= u32::from(entry.expiry().is_some());
    }

    pub fn remove(&mut self, hash: u64, key: &[u8], hasher: &KeyHasher) -> Option<Entry> {
        let place = self.locate(hash, key)?;
        Some(self.remove_at(hash, place, hasher))
    }

    /// Takes the whole table, to be freed elsewhere. Whether a walk has seen it is the caller's to
    /// mind.
    pub(super) fn take(&mut self) -> Table {
        let epoch = self.tally.epoch;
        let old = std::mem::take(self);
        self.tally.epoch = epoch;
        old.table
    }

    /// Becomes `other`; the walk under way, if there is one, has seen all it is to see here.
    pub(super) fn replace(&mut self, other: SlotStore, walk: u16) {
        let captured = if walk == 0 { self.tally.epoch } else { walk };
        *self = other;
        self.tally.epoch = captured;
    }

    /// Whether a walk has everything the slot held when it began.
    #[inline]
    pub(super) fn is_captured(&self, epoch: u16) -> bool {
        self.tally.epoch == epoch
    }

    pub(super) fn set_captured(&mut self, epoch: u16) {
        self.tally.epoch = epoch;
    }

    /// Captures for a walk what a change of a key with this hash may touch.
    pub(super) fn capture_change(&mut self, hash: u64, epoch: u16, take: &mut Take<'_>) {
        if self.table.capture_change(hash, epoch, take) {
            self.tally.epoch = epoch;
        }
    }

    /// Captures for a walk what so many steps of a resize may touch.
    pub(super) fn capture_steps(&mut self, count: usize, epoch: u16, take: &mut Take<'_>) {
        // One more round of steps is made when room is given back.
        if self.table.capture_steps(count + STEP_BUCKETS, epoch, take) {
            self.tally.epoch = epoch;
        }
    }

    /// Captures the bucket around `position` for a walk; where the next one starts.
    pub(super) fn capture_at(
        &mut self,
        position: u64,
        epoch: u16,
        take: &mut Take<'_>,
    ) -> Option<u64> {
        self.table.capture_at(position, epoch, take)
    }

    /// Forgets all walks.
    pub(super) fn clear_epochs(&mut self) {
        self.table.clear_epochs();
        self.tally.epoch = 0;
    }

    /// Deletes what has expired in the bucket that the walk has come to; whether the walk is over.
    /// `due` gets the keys of collections with expired elements.
    pub(super) fn sweep_bucket(
        &mut self,
        walk: &mut SlotWalk,
        now: Millis,
        mut taken: impl FnMut(Entry),
        due: &mut Vec<Box<[u8]>>,
    ) -> bool {
        if walk.is_new() {
            self.tally.added_expiry = Millis::MAX;
        }
        let SlotStore { table, tally, .. } = self;
        let elements_expire = tally.elements_expire;
        let gone = |entry: EntryRef<'_>| {
            let elements = if elements_expire { entry.next_element_expiry() } else { Millis::MAX };
            let expiry = entry.expiry().unwrap_or(Millis::MAX);
            if expiry.is_over(now) {
                return true;
            }
            if elements.is_over(now) {
                due.push(entry.key().into());
            } else {
                walk.earliest = walk.earliest.min(elements);
            }
            walk.earliest = walk.earliest.min(expiry);
            false
        };
        let next = table.sweep(walk.position, gone, |entry| {
            tally.bytes -= entry.view().total_bytes() as u64;
            tally.expires -= 1;
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
                let elements = entry.next_element_expiry();
                assert!(elements >= self.next_expiry(), "nor does an element");
            });
        }
        assert_eq!(bytes, self.tally.bytes, "the byte count is the sum over the entries");
        assert_eq!(expires, self.tally.expires, "the number of keys with an expiry is right");
    }
}
