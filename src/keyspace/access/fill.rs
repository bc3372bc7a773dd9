//! What loading a dataset needs: keys that are new, in slots whose size is known beforehand.

use super::{Held, Key};
use crate::keyspace::entry::Entry;

impl Held<'_> {
    /// Says how many keys the slot of a key is going to have: an empty one gets room for them.
    #[inline]
    pub fn expect(&mut self, key: &Key<'_>, keys: usize) {
        if self.store(key).is_empty() {
            self.change(key).reserve(keys);
        }
    }

    /// Stores an entry of this very key; false if there is one already, which stays.
    #[inline]
    pub fn put_new(&mut self, key: &Key<'_>, entry: Entry) -> bool {
        debug_assert_eq!(entry.view().key(), key.bytes, "it is this key's");
        let is_new = self.store(key).locate(key.hash, key.bytes).is_none();
        if is_new {
            self.add(key, entry);
        }
        is_new
    }
}
