//! What the data and control planes leave to the janitor: values to be freed, slots to be emptied.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::base::Slot;
use crate::keyspace::Garbage;

/// The janitor's inbox. Garbage is memory that nobody can reach any more, so it is bounded by what
/// the keyspace held.
#[derive(Default)]
pub struct Dump {
    waiting: Mutex<Chores>,
    pending: AtomicUsize,
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
        self.pending.fetch_add(garbage.len(), Ordering::Relaxed);
        self.waiting.lock().garbage.extend(garbage);
        self.arrived.notify_one();
    }

    /// Leaves slots to be emptied.
    pub fn drop_slots(&self, slots: impl Iterator<Item = Slot>) {
        self.waiting.lock().lost_slots.extend(slots);
        self.arrived.notify_one();
    }

    /// Takes everything there is to do, waiting up to `patience` for something.
    pub fn collect(&self, patience: Duration) -> Chores {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            self.arrived.wait_for(&mut waiting, patience);
        }
        std::mem::take(&mut *waiting)
    }

    /// Notes that `count` values have been freed.
    pub fn freed(&self, count: usize) {
        self.pending.fetch_sub(count, Ordering::Relaxed);
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
