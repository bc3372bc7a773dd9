//! Whether anything has elements that expire: who writes the dataset in a form that has to name its
//! version first asks beforehand.
//!
//! Others write meanwhile, so the answer is of no moment. Whoever walks over the dataset asks when
//! the walk has begun, and then the walk itself ([`Walk::lost_expiring_elements`]): what had such
//! elements when it began has them still when its slot is looked at, or somebody has changed it
//! before, under that slot's lock, and the walk was told.
//!
//! [`Walk::lost_expiring_elements`]: super::Walk::lost_expiring_elements

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeyHasher, Rng};
    use crate::keyspace::{Encode, EntryRef, Held, Key, Walk};
    use crate::types::{Hash, Limits};

    const NOW: Millis = Millis(1000);

    #[derive(Default)]
    struct Nothing(Vec<u8>);

    impl Encode for Nothing {
        fn encode(&mut self, _: EntryRef<'_>, _: &mut dyn FnMut(&mut Vec<u8>)) {}

        fn out(&mut self) -> &mut Vec<u8> {
            &mut self.0
        }
    }

    fn change(keyspace: &Keyspace, change: impl FnOnce(&mut Held<'_>, &Key<'_>)) {
        let _pass = keyspace.gate().enter(0, false);
        let mut keys = [Key::new(b"key", keyspace.hash(b"key"), Slot::of(b"key"))];
        let mut held = Held::lock(keyspace, 0, &mut keys, NOW);
        let [key] = keys;
        change(&mut held, &key);
        held.release();
    }

    fn expire_first(held: &mut Held<'_>, key: &Key<'_>, at: Option<Millis>) {
        let mut hash = held.get_mut::<Hash>(key).expect("a hash").expect("it is there");
        assert!(hash.set_expiry(b"field 0", at));
    }

    /// A hash of so many fields, of which one expires, and a walk that has not come to it.
    fn walked(fields: usize, at: Option<Millis>) -> (Keyspace, Walk) {
        let keyspace = Keyspace::new(2, KeyHasher::seeded(&mut Rng::from_seed(1)), 1);
        let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(2)));
        change(&keyspace, |held, key| {
            let mut hash = held.get_or_create::<Hash>(key).expect("nothing else");
            for field in 0..fields {
                hash.insert(format!("field {field}").as_bytes(), b"value", &limits);
            }
        });
        change(&keyspace, |held, key| expire_first(held, key, at));
        let encoder = || Box::new(Nothing::default()) as Box<dyn Encode>;
        let walk = keyspace.begin_snapshot(&keyspace.gate().exclusive(), encoder);
        (keyspace, walk.expect("no other is under way"))
    }

    #[test]
    fn what_had_expiring_elements_when_a_walk_began_is_known_whatever_became_of_it() {
        type Loss = fn(&Keyspace);
        let losses: [Loss; 3] = [
            |keyspace| change(keyspace, |held, key| expire_first(held, key, None)),
            |keyspace| change(keyspace, |held, key| assert!(held.remove(key))),
            |keyspace| {
                let _alone = keyspace.gate().exclusive();
                Held::whole(keyspace, 0, &mut [], NOW).flush(0);
            },
        ];
        // Captured at once, and frozen.
        for fields in [3, 500] {
            for loss in losses {
                let (keyspace, walk) = walked(fields, Some(Millis(9000)));
                assert!(keyspace.has_expiring_elements(0) && !walk.lost_expiring_elements());
                loss(&keyspace);
                assert!(!keyspace.has_expiring_elements(0) && walk.lost_expiring_elements());
            }
        }
    }

    #[test]
    fn what_gets_expiring_elements_after_a_walk_began_is_not_lost() {
        let (keyspace, walk) = walked(3, None);
        change(&keyspace, |held, key| expire_first(held, key, Some(Millis(9000))));
        assert!(keyspace.has_expiring_elements(0) && !walk.lost_expiring_elements());
    }
}
