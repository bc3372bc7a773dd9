//! Keys that go.

use super::{Held, Key};
use crate::keyspace::Garbage;
use crate::types::Kind;

impl Held<'_> {
    /// Deletes a key; whether it was there.
    pub fn remove(&mut self, key: &Key<'_>) -> bool {
        let Some(spot) = self.live(key) else { return false };
        self.discard(key, spot);
        true
    }

    /// Deletes a key and leaves all freeing to the garbage's owner (UNLINK); whether it was there.
    pub fn unlink(&mut self, key: &Key<'_>) -> bool {
        let Some(entry) = self.take(key) else { return false };
        if entry.view().heap_bytes() > 0 {
            self.garbage.push(Garbage::Entry(entry));
        }
        true
    }

    /// Deletes a collection without elements; whether there was one.
    pub fn remove_if_empty(&mut self, key: &Key<'_>) -> bool {
        let Some(spot) = self.live(key) else { return false };
        let entry = self.store(key).at(key.hash, spot);
        let empty = entry.kind() != Kind::String && entry.elements() == 0;
        if empty {
            self.discard(key, spot);
        }
        empty
    }

    /// Deletes a key even if its time is over, which then nobody is told of; whether it was there.
    /// That is what becomes of a destination for which there is nothing.
    pub fn clear(&mut self, key: &Key<'_>) -> bool {
        let Some(spot) = self.store(key).locate(key.hash, key.bytes) else { return false };
        self.discard(key, spot);
        true
    }
}
