//! One numbered database: 16384 locked slots and its key counts.

use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use super::occupancy::Occupancy;
use super::slot_store::SlotStore;
use crate::base::Slot;

/// Counts are spread over so many lines, so that workers adding to them rarely meet.
const SHARDS: usize = 16;

/// A slot and its lock: exactly one line, so that neighbours never contend.
#[repr(align(64))]
#[derive(Default)]
struct Cell(Mutex<SlotStore>);

const _: () = assert!(size_of::<Cell>() == 64);

#[repr(align(128))]
#[derive(Default)]
struct Shard {
    keys: AtomicI64,
    expires: AtomicI64,
}

/// See the module's head.
pub(super) struct Database {
    slots: Box<[Cell]>,
    shards: [Shard; SHARDS],
    /// Slots with keys, and with keys that expire.
    occupied: Occupancy,
    expiring: Occupancy,
}

impl Default for Database {
    fn default() -> Database {
        Database {
            slots: (0..Slot::COUNT).map(|_| Cell::default()).collect(),
            shards: Default::default(),
            occupied: Occupancy::default(),
            expiring: Occupancy::default(),
        }
    }
}

impl Database {
    #[inline]
    pub(super) fn slot(&self, slot: Slot) -> &Mutex<SlotStore> {
        &self.slots[slot.index()].0
    }

    /// Notes whether a slot has keys, and keys that expire; the caller has it locked.
    pub(super) fn occupy(&self, slot: Slot, keys: bool, expires: bool) {
        self.occupied.set(slot, keys);
        self.expiring.set(slot, expires);
    }

    /// Slots that have keys, or keys that expire.
    pub(super) fn occupancy(&self, expiring: bool) -> &Occupancy {
        if expiring { &self.expiring } else { &self.occupied }
    }

    /// Adds to the counts. Called once per batch and database, and only if something changed.
    pub(super) fn count(&self, thread: usize, keys: i64, expires: i64) {
        let shard = &self.shards[thread % SHARDS];
        shard.keys.fetch_add(keys, Ordering::Relaxed);
        shard.expires.fetch_add(expires, Ordering::Relaxed);
    }

    /// (keys, keys with an expiry). Exact when nobody is writing.
    pub(super) fn counts(&self) -> (usize, usize) {
        let sum = |field: fn(&Shard) -> &AtomicI64| {
            let total: i64 = self.shards.iter().map(|s| field(s).load(Ordering::Relaxed)).sum();
            usize::try_from(total).unwrap_or(0)
        };
        (sum(|shard| &shard.keys), sum(|shard| &shard.expires))
    }
}
