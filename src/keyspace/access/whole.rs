//! What only a thread that holds the exclusive gate can do: empty a database, exchange two.

use std::collections::BTreeMap;

use super::{Garbage, Held};
use crate::base::Slot;
use crate::keyspace::keyspace::Place;
use crate::keyspace::slot_store::SlotStore;

impl Held<'_> {
    /// Empties a database; its tables become garbage. Returns how many keys there were.
    ///
    /// # Panics
    /// Outside whole mode.
    pub fn flush(&mut self, db: u8) -> usize {
        assert!(self.is_whole(), "somebody would see half of it");
        if !self.keyspace.is_allocated(db) {
            return 0;
        }
        self.keyspace.reset_queues();
        let mut keys = 0;
        for slot in Slot::all() {
            let place = Place { db, slot };
            let keyspace = self.keyspace;
            let take = |store: &mut SlotStore| {
                (store.bytes(), store.len(), keyspace.empty_slot(place, store))
            };
            let (bytes, count, table) = match self.held_mut(place) {
                Some(store) => take(store),
                None => keyspace.with_slot(place, take),
            };
            keys += count;
            if !table.is_empty() {
                self.garbage.push(Garbage::Table(table, bytes));
            }
        }
        keys
    }

    /// Exchanges two databases. Lets go of all slots: keys have to be bound again.
    ///
    /// # Panics
    /// Outside whole mode, or if there is no such database.
    pub fn swap(&mut self, one: u8, other: u8) {
        assert!(self.is_whole(), "somebody would see half of it");
        self.unlock();
        self.index = Some(BTreeMap::new());
        self.keyspace.swap(one, other);
    }
}
