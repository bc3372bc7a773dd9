//! Slots that hold far more keys than the others, because many keys share a hash tag.
//!
//! Slots are drawn evenly, which treats keys alike while slots hold about the same number. A slot
//! with a thousand times as many would hardly ever be drawn, and the keys of all others be evicted
//! first. So a look at a few slots per round goes through all of them in turn and remembers the
//! crowded ones, which are drawn by their number of keys.

use crate::base::{Rng, Slot};
use crate::keyspace::keyspace::{Keyspace, Place};

/// Slots looked at per round.
const LOOKS: usize = 4;
/// A slot is crowded if it holds more than so many times the mean, and so many more.
const TIMES_MEAN: usize = 8;
const MORE_THAN: usize = 64;
/// Slots remembered.
const FOUND_MAX: usize = 256;

/// See the module's head.
#[derive(Default)]
pub(super) struct Crowd {
    found: Vec<(Place, u64)>,
    db: u8,
    slot: u16,
    /// Keys from which a slot of this database is crowded.
    threshold: usize,
}

impl Crowd {
    /// Goes on looking for crowded slots; `expiring` keys only, or all.
    pub(super) fn look_on(&mut self, keyspace: &Keyspace, expiring: bool) {
        for _ in 0..LOOKS {
            let slot = Slot::new(self.slot).filter(|_| keyspace.is_allocated(self.db));
            let Some(slot) = slot else {
                self.slot = 0;
                let next = usize::from(self.db) + 1;
                self.db = if next < keyspace.databases() { next as u8 } else { 0 };
                continue;
            };
            if self.slot == 0 {
                self.threshold = keyspace.mean_of_slots(self.db, expiring) * TIMES_MEAN + MORE_THAN;
            }
            self.slot += 1;
            self.look_at(keyspace, Place { db: self.db, slot }, expiring);
        }
    }

    fn look_at(&mut self, keyspace: &Keyspace, place: Place, expiring: bool) {
        let len = {
            let store = keyspace.slot(place).lock();
            if expiring { store.expires() } else { store.len() }
        };
        self.found.retain(|(known, _)| *known != place);
        if len > self.threshold && self.found.len() < FOUND_MAX {
            self.found.push((place, len as u64));
        }
    }

    /// One of the crowded slots, as likely as its keys are many among all of the database.
    pub(super) fn draw(
        &self,
        keyspace: &Keyspace,
        db: u8,
        expiring: bool,
        rng: &mut Rng,
    ) -> Option<Slot> {
        let here = || self.found.iter().filter(|(place, _)| place.db == db);
        let crowded: u64 = here().map(|(_, len)| len).sum();
        if crowded == 0 {
            return None;
        }
        let (keys, expires) = keyspace.counts(db);
        let all = if expiring { expires } else { keys } as u64;
        let mut point = rng.below(all.max(crowded));
        let found = here().find(|(_, len)| {
            let is_it = point < *len;
            point = point.saturating_sub(*len);
            is_it
        });
        found.map(|(place, _)| place.slot)
    }
}
