//! Whether anything has elements that expire: who writes the dataset in a form that has to name its
//! version first asks beforehand.

use super::keyspace::{Keyspace, Place};
use super::slot_store::SlotStore;
use crate::base::{Millis, Slot};

/// Buckets looked at under one lock.
const BUCKETS_PER_LOCK: usize = 64;

impl Keyspace {
    /// Whether some collection has elements that expire, while others go on writing. `lane` is the
    /// calling thread's at the gate. O(slots), and O(keys) of slots that ever had such a
    /// collection, up to the first.
    #[must_use]
    pub fn has_expiring_elements(&self, lane: usize) -> bool {
        let databases = (0..self.databases()).map(|db| db as u8);
        let mut places = databases
            .filter(|&db| self.is_allocated(db))
            .flat_map(|db| Slot::all().map(move |slot| Place { db, slot }));
        places.any(|place| self.has_expiring_elements_in(place, lane))
    }

    fn has_expiring_elements_in(&self, place: Place, lane: usize) -> bool {
        let mut next = Some(0);
        while let Some(position) = next {
            let _pass = self.gate().enter(lane, false);
            let (is_found, rest) = self.with_slot(place, |store| look(store, position));
            if is_found {
                return true;
            }
            next = rest;
        }
        false
    }
}

/// Looks at some buckets from `position` on: whether something was found, and where to go on.
fn look(store: &SlotStore, mut position: u64) -> (bool, Option<u64>) {
    if !store.elements_expire() {
        return (false, None);
    }
    let mut is_found = false;
    for _ in 0..BUCKETS_PER_LOCK {
        let next = store.table().scan(position, |entry| {
            is_found |= entry.next_element_expiry() < Millis::MAX;
        });
        match next {
            Some(next) if !is_found => position = next,
            _ => return (is_found, None),
        }
    }
    (false, Some(position))
}
