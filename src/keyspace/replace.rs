//! Taking over another keyspace's data at one moment: a copy that was loaded beside this one.

use super::access::Garbage;
use super::gate::Pass;
use super::keyspace::{Keyspace, Place};
use crate::base::Slot;

impl Keyspace {
    /// An empty keyspace whose data this one can take over: as many databases, the same hash. Its
    /// gate is for nobody: only those who fill it may know of it.
    #[must_use]
    pub fn beside(&self) -> Keyspace {
        let other = Keyspace::new(self.databases(), self.hasher().clone(), 1);
        other.set_recording(self.recording());
        other
    }

    /// Replaces everything here by what is in `other`, which [`Keyspace::beside`] has made. What
    /// was here is the caller's to free; a walk under way goes on with it.
    ///
    /// # Panics
    /// Unless the pass is an exclusive one.
    #[must_use]
    pub fn replace(&self, pass: &Pass<'_>, other: Keyspace) -> Vec<Garbage> {
        assert!(matches!(pass, Pass::Exclusive(_)), "somebody would see half of it");
        let mut garbage = Vec::new();
        for db in 0..=(self.databases() - 1) as u8 {
            if !self.is_allocated(db) && !other.is_allocated(db) {
                continue;
            }
            for slot in Slot::all() {
                let place = Place { db, slot };
                let (table, bytes) = self.with_slot(place, |store| {
                    let bytes = store.bytes();
                    (self.empty_slot(place, store), bytes)
                });
                if !table.is_empty() {
                    garbage.push(Garbage::Table(table, bytes));
                }
                if other.is_allocated(db) {
                    let new = std::mem::take(&mut *other.slot(place).lock());
                    let walk = self.walk_epoch();
                    self.with_slot(place, |store| store.replace(new, walk));
                }
            }
        }
        self.reset_queues();
        garbage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeyHasher, Millis, Rng};
    use crate::keyspace::{Entry, Held, Key, NewStr};

    fn put(keyspace: &Keyspace, db: u8, name: &str, value: &str) {
        let bytes = name.as_bytes();
        let mut keys = [Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes))];
        let mut held = Held::lock(keyspace, db, &mut keys, Millis(1));
        let [key] = keys;
        held.put(&key, Entry::string(bytes, NewStr::Bytes(value.as_bytes()), None, 0));
        held.release();
    }

    fn has(keyspace: &Keyspace, db: u8, name: &str) -> bool {
        let bytes = name.as_bytes();
        let place = Place { db, slot: Slot::of(bytes) };
        keyspace.is_allocated(db)
            && keyspace.slot(place).lock().find(keyspace.hash(bytes), bytes).is_some()
    }

    #[test]
    fn everything_is_replaced_and_counted() {
        let keyspace = Keyspace::new(4, KeyHasher::seeded(&mut Rng::from_seed(1)), 1);
        keyspace.meter().set_on(true);
        for index in 0..100 {
            put(&keyspace, 0, &format!("old{index}"), "value");
            put(&keyspace, 1, &format!("gone{index}"), "value");
        }
        let before = keyspace.meter().used();
        let other = keyspace.beside();
        for index in 0..50 {
            put(&other, 0, &format!("new{index}"), "value");
            put(&other, 2, &format!("more{index}"), "value");
        }
        let garbage = keyspace.replace(&keyspace.gate().exclusive(), other);
        assert_eq!([0, 1, 2, 3].map(|db| keyspace.counts(db).0), [50, 0, 50, 0]);
        assert!(has(&keyspace, 0, "new7") && has(&keyspace, 2, "more7"));
        assert!(!has(&keyspace, 0, "old7") && !has(&keyspace, 1, "gone7"));
        assert!(!garbage.is_empty());
        let after = keyspace.meter().used();
        assert!(after < before, "{after} of {before} bytes");
        put(&keyspace, 0, "new7", "other");
        assert_eq!(keyspace.counts(0).0, 50);
    }
}
