//! All databases of a process.
//!
//! Databases are allocated at first use. SWAPDB exchanges two indexes, which needs the exclusive
//! gate, as does nothing else here: everything besides is done under the locks of the slots
//! concerned.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;

use super::access::Expiry;
use super::database::Database;
use super::gate::Gate;
use super::history::Recording;
use super::meter::Meter;
use super::queues::Queues;
use super::slot_store::SlotStore;
use super::snapshot::Snapshots;
use super::table::Table;
use crate::base::{KeyHasher, Rng, Slot, SlotSet};

/// A slot of a database. Locks are taken in the order of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub db: u8,
    pub slot: Slot,
}

/// Stale items are looked for among so many per slot whose keys would be taken in.
const ITEMS_PER_SLOT: usize = 64;

/// [`Recording::Uses`], packed: frequencies have bit 32.
const USES: u64 = 2;

/// See the module's head.
pub struct Keyspace {
    databases: Box<[OnceLock<Box<Database>>]>,
    /// Which of `databases` a number means.
    order: Box<[AtomicU8]>,
    hasher: KeyHasher,
    gate: Gate,
    expiry: AtomicU8,
    /// A [`Recording`], packed.
    recording: AtomicU64,
    meter: Meter,
    /// Only while [`Recording::Uses`] is recorded and memory is limited.
    queues: ArcSwapOption<Queues>,
    pub(super) snapshots: Snapshots,
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyspace({} databases)", self.databases.len())
    }
}

impl Keyspace {
    /// `threads` is how many threads will touch slots; each has a number below it.
    ///
    /// # Panics
    /// Unless there are 1 to 256 databases.
    #[must_use]
    pub fn new(databases: usize, hasher: KeyHasher, threads: usize) -> Keyspace {
        assert!((1..=256).contains(&databases), "databases are numbered by a byte");
        Keyspace {
            databases: (0..databases).map(|_| OnceLock::new()).collect(),
            order: (0..databases).map(|index| AtomicU8::new(index as u8)).collect(),
            hasher,
            gate: Gate::new(threads),
            expiry: AtomicU8::new(Expiry::default() as u8),
            recording: AtomicU64::new(0),
            meter: Meter::default(),
            queues: ArcSwapOption::empty(),
            snapshots: Snapshots::default(),
        }
    }

    /// Number of databases.
    #[must_use]
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    #[must_use]
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    #[inline]
    fn cell(&self, db: u8) -> &OnceLock<Box<Database>> {
        &self.databases[self.index_of(db)]
    }

    /// Which of the databases a number means now.
    #[inline]
    pub(super) fn index_of(&self, db: u8) -> usize {
        usize::from(self.order[usize::from(db)].load(Ordering::Relaxed))
    }

    /// A database by its index, which never changes; `None` if it was never used.
    pub(super) fn by_index(&self, index: usize) -> Option<&Database> {
        self.databases[index].get().map(|database| &**database)
    }

    #[inline]
    pub(super) fn database(&self, db: u8) -> &Database {
        self.cell(db).get_or_init(Box::default)
    }

    /// The slot with its lock. Changes to its number of keys have to be counted: prefer
    /// [`Keyspace::with_slot`] or [`super::Held`].
    ///
    /// # Panics
    /// If there is no such database.
    #[inline]
    #[must_use]
    pub fn slot(&self, place: Place) -> &Mutex<SlotStore> {
        self.database(place.db).slot(place.slot)
    }

    /// Locks one slot and works on it.
    pub fn with_slot<R>(&self, place: Place, work: impl FnOnce(&mut SlotStore) -> R) -> R {
        let mut store = self.slot(place).lock();
        let before = (store.len(), store.expires());
        let metered = self.meter.is_on();
        let bytes = if metered { store.bytes() } else { 0 };
        let result = work(&mut store);
        let after = (store.len(), store.expires());
        self.occupy(place, before, after);
        let grown = if metered { store.bytes() as i64 - bytes as i64 } else { 0 };
        drop(store);
        self.meter.add(grown);
        let (keys, expires) = (after.0 as i64 - before.0 as i64, after.1 as i64 - before.1 as i64);
        self.count(place.db, place.slot, keys, expires);
        result
    }

    /// Notes which of a slot's counts (keys, keys that expire) became or ceased to be zero. The
    /// caller has the slot locked.
    #[inline]
    pub(super) fn occupy(&self, place: Place, before: (usize, usize), after: (usize, usize)) {
        if (before.0 == 0, before.1 == 0) != (after.0 == 0, after.1 == 0) {
            self.database(place.db).occupy(place.slot, after.0 > 0, after.1 > 0);
        }
    }

    /// A random slot that has keys, or keys that expire.
    pub(super) fn random_slot(&self, db: u8, expiring: bool, rng: &mut Rng) -> Option<Slot> {
        self.cell(db).get()?.occupancy(expiring).random(rng)
    }

    /// The mean number of keys, or of keys that expire, of the slots that have any.
    pub(super) fn mean_of_slots(&self, db: u8, expiring: bool) -> usize {
        let (keys, expires) = self.counts(db);
        let all = if expiring { expires } else { keys };
        let slots = self.cell(db).get().map_or(0, |database| database.occupancy(expiring).len());
        all / slots.max(1)
    }

    pub(super) fn has_keys(&self, db: u8) -> bool {
        self.cell(db).get().is_some_and(|database| !database.occupancy(false).is_empty())
    }

    /// Whether evictions follow S3-FIFO; its queues are only there while they do. To be switched
    /// on after [`Keyspace::set_recording`], so that whoever sees the queues records uses.
    pub fn set_queues(&self, on: bool) {
        if on != self.queues.load().is_some() {
            self.queues.store(on.then(|| Arc::new(Queues::new(self.databases()))));
        }
    }

    pub(super) fn queues(&self) -> Guard<Option<Arc<Queues>>> {
        self.queues.load()
    }

    /// Begins with empty queues: what they hold is no longer true.
    pub(super) fn reset_queues(&self) {
        if self.queues.load().is_some() {
            self.queues.store(Some(Arc::new(Queues::new(self.databases()))));
        }
    }

    /// What the queues need now and then: takes in keys that were there before them, for so many
    /// `slots`, and clears out what is no longer there. The caller holds a pass of the gate.
    /// Whether there is more to take in.
    pub fn tend_queues(&self, slots: usize) -> bool {
        let Some(queues) = &*self.queues.load() else { return false };
        let is_more = (0..slots).all(|_| queues.adopt(self));
        queues.clean(self, slots * ITEMS_PER_SLOT) || is_more
    }

    /// How much memory is in use.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Starts to fetch the line of a slot's lock and header.
    #[inline]
    pub fn prefetch_slot(&self, place: Place) {
        crate::types::compact::prefetch(self.slot(place));
    }

    /// (keys, keys with an expiry) of a database. O(1); exact when nobody is writing.
    #[must_use]
    pub fn counts(&self, db: u8) -> (usize, usize) {
        self.cell(db).get().map_or((0, 0), |database| database.counts())
    }

    /// The slots of a database that have keys, without their locks: exact when nobody is writing.
    #[must_use]
    pub fn occupied_slots(&self, db: u8) -> SlotSet {
        let occupied = self.cell(db).get().map(|database| database.occupancy(false));
        occupied.into_iter().flat_map(|occupied| occupied.iter()).collect()
    }

    /// Whether a database was ever used: walks skip those that were not.
    #[must_use]
    pub fn is_allocated(&self, db: u8) -> bool {
        self.cell(db).get().is_some()
    }

    /// Number of keys in a slot.
    #[must_use]
    pub fn slot_len(&self, place: Place) -> usize {
        if self.is_allocated(place.db) { self.slot(place).lock().len() } else { 0 }
    }

    /// Empties a slot; the table is the caller's to free, elsewhere if it is large.
    pub fn flush_slot(&self, place: Place) -> Table {
        self.with_slot(place, |store| self.empty_slot(place, store))
    }

    /// Empties a database and hands its tables to `sink`. Slot by slot: FLUSHDB takes the exclusive
    /// gate around it so that nobody sees half of it.
    pub fn flush(&self, db: u8, mut sink: impl FnMut(Table)) {
        if !self.is_allocated(db) {
            return;
        }
        for slot in Slot::all() {
            let table = self.flush_slot(Place { db, slot });
            if !table.is_empty() {
                sink(table);
            }
        }
    }

    /// Exchanges two databases; see [`super::Held::swap`].
    pub(super) fn swap(&self, one: u8, other: u8) {
        let (one, other) = (&self.order[usize::from(one)], &self.order[usize::from(other)]);
        let index = one.swap(other.load(Ordering::Relaxed), Ordering::Relaxed);
        other.store(index, Ordering::Relaxed);
        self.reset_queues();
    }

    pub(super) fn count(&self, db: u8, slot: Slot, keys: i64, expires: i64) {
        if (keys, expires) != (0, 0) {
            self.database(db).count(slot.index(), keys, expires);
        }
    }

    /// What lookups do with expired keys, from the next batch on.
    #[inline]
    #[must_use]
    pub fn expiry(&self) -> Expiry {
        match self.expiry.load(Ordering::Relaxed) {
            0 => Expiry::Delete,
            1 => Expiry::Hide,
            _ => Expiry::Show,
        }
    }

    /// A node that becomes a replica hides expired keys, one that becomes a primary deletes them.
    pub fn set_expiry(&self, expiry: Expiry) {
        self.expiry.store(expiry as u8, Ordering::Relaxed);
    }

    /// What access histories record.
    #[inline]
    #[must_use]
    pub fn recording(&self) -> Recording {
        let packed = self.recording.load(Ordering::Relaxed);
        if packed == 0 {
            return Recording::LastUse;
        }
        if packed == USES {
            return Recording::Uses;
        }
        Recording::Frequency {
            log_factor: (packed >> 32) as u32 >> 1,
            decay_minutes: packed as u32,
        }
    }

    /// Follows `maxmemory-policy` and the `lfu-*` settings. Factors from 2^31 on count as 2^31 - 1.
    pub fn set_recording(&self, recording: Recording) {
        let packed = match recording {
            Recording::LastUse => 0,
            Recording::Uses => USES,
            Recording::Frequency { log_factor, decay_minutes } => {
                let factor = u64::from(log_factor.min(u32::MAX >> 1));
                (factor << 1 | 1) << 32 | u64::from(decay_minutes)
            }
        };
        self.recording.store(packed, Ordering::Relaxed);
    }
}
