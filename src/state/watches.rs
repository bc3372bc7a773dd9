//! WATCH: which keys somebody wants to be told of when they change.
//!
//! A key is watched and touched under its slot's lock, so a writer that starts after WATCH has
//! answered finds the watch. Without watches a writer pays one load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;

/// A key of a database.
pub type Name = (u8, Box<[u8]>);

/// What a connection's EXEC asks: has a watched key changed?
#[derive(Debug, Default)]
pub struct Watcher(AtomicBool);

impl Watcher {
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub fn touch(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The keys a connection watches.
#[derive(Debug, Default)]
pub struct Watching {
    pub watcher: Arc<Watcher>,
    /// Whether there was a key of this name.
    pub keys: BTreeMap<Name, bool>,
}

/// Every watched key with its watchers.
#[derive(Debug, Default)]
pub struct Watches {
    count: AtomicUsize,
    watchers: DashMap<Name, Vec<Arc<Watcher>>>,
}

impl Watches {
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Watches a key. Call it with the key's slot locked.
    pub fn add(&self, watching: &mut Watching, name: Name, existed: bool) {
        if watching.keys.contains_key(&name) {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.watchers.entry(name.clone()).or_default().push(Arc::clone(&watching.watcher));
        watching.keys.insert(name, existed);
    }

    /// Forgets everything that one connection watches.
    pub fn remove(&self, watching: &Watching) {
        for name in watching.keys.keys() {
            if let Some(mut watchers) = self.watchers.get_mut(name) {
                watchers.retain(|watcher| !Arc::ptr_eq(watcher, &watching.watcher));
            }
            self.watchers.remove_if(name, |_, watchers| watchers.is_empty());
        }
        self.count.fetch_sub(watching.keys.len(), Ordering::Relaxed);
    }

    /// Tells a key's watchers that it changed.
    pub fn touch(&self, db: u8, key: &[u8]) {
        if let Some(watchers) = self.watchers.get(&(db, key.into())) {
            watchers.iter().for_each(|watcher| watcher.touch());
        }
    }

    /// Every watched key of a database. O(watched keys).
    #[must_use]
    pub fn names(&self, db: u8) -> Vec<Box<[u8]>> {
        let of_db = self.watchers.iter().filter(|entry| entry.key().0 == db);
        of_db.map(|entry| entry.key().1.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &[u8]) -> Name {
        (0, key.into())
    }

    #[test]
    fn only_the_watchers_of_the_key_are_told_and_none_is_left_behind() {
        let watches = Watches::default();
        let (mut one, mut other) = (Watching::default(), Watching::default());
        watches.add(&mut one, name(b"a"), true);
        watches.add(&mut one, name(b"a"), true);
        watches.add(&mut other, name(b"b"), false);
        watches.touch(0, b"a");
        watches.touch(1, b"b");
        assert!(one.watcher.is_touched() && !other.watcher.is_touched());
        watches.remove(&one);
        assert!(!watches.is_empty());
        watches.remove(&other);
        assert!(watches.is_empty() && watches.watchers.is_empty());
    }
}
