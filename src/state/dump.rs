//! What the data and control planes leave to the janitor: values to be freed, slots to be emptied.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::base::Slot;
use crate::keyspace::Garbage;

/// Values handed to the janitor at a time, so that others can help with the rest.
const PORTION_MAX: usize = 64;

/// The janitor's inbox. Garbage is memory that nobody can reach any more, so it is bounded by what
/// the keyspace held.
#[derive(Default)]
pub struct Dump {
    waiting: Mutex<Chores>,
    pending: AtomicUsize,
    pending_bytes: AtomicU64,
    arrived: Condvar,
}

/// What the janitor has to do.
#[derive(Default)]
pub struct Chores {
    /// Removed values, to be dropped.
    pub garbage: Vec<Garbage>,
    /// Slots that went to another node.
    pub lost_slots: Vec<Slot>,
}

impl Chores {
    fn is_empty(&self) -> bool {
        self.garbage.is_empty() && self.lost_slots.is_empty()
    }
}

impl Dump {
    /// Leaves values to be freed.
    pub fn throw(&self, garbage: Vec<Garbage>) {
        let bytes: usize = garbage.iter().map(Garbage::bytes).sum();
        self.pending.fetch_add(garbage.len(), Ordering::Relaxed);
        self.pending_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.waiting.lock().garbage.extend(garbage);
        self.arrived.notify_one();
    }

    /// Leaves slots to be emptied.
    pub fn drop_slots(&self, slots: impl Iterator<Item = Slot>) {
        self.waiting.lock().lost_slots.extend(slots);
        self.arrived.notify_one();
    }

    /// Takes some of what there is to do, waiting up to `patience` for something.
    pub fn collect(&self, patience: Duration) -> Chores {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            self.arrived.wait_for(&mut waiting, patience);
        }
        let from = waiting.garbage.len().saturating_sub(PORTION_MAX);
        let garbage = waiting.garbage.split_off(from);
        Chores { garbage, lost_slots: std::mem::take(&mut waiting.lost_slots) }
    }

    /// Frees one value that was left here.
    pub fn free(&self, garbage: Garbage) {
        let bytes = garbage.bytes();
        drop(garbage);
        self.pending.fetch_sub(1, Ordering::Relaxed);
        self.pending_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Frees a value that waits, on behalf of the janitor; false if there is none.
    pub fn free_one(&self) -> bool {
        let waiting = self.waiting.lock().garbage.pop();
        waiting.map(|garbage| self.free(garbage)).is_some()
    }

    /// Bytes thrown and not yet freed.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// Values thrown and not yet freed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dump({} pending)", self.pending())
    }
}
