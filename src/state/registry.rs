//! Who is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

use super::ClientShared;

/// Every connection by id. A side table that any thread may read; ids are never used twice.
#[derive(Debug, Default)]
pub struct Registry {
    by_id: DashMap<u64, Arc<ClientShared>>,
    next_id: AtomicU64,
    count: AtomicUsize,
}

impl Registry {
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Connections there are, those still being set up included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one connection more, unless there are `max` already.
    pub fn admit(&self, max: usize) -> bool {
        let admit = |count| (count < max).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, admit).is_ok()
    }

    pub fn insert(&self, client: Arc<ClientShared>) {
        self.by_id.insert(client.id, client);
    }

    /// Forgets an admitted connection.
    pub fn remove(&self, id: u64) {
        self.by_id.remove(&id);
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<ClientShared>> {
        self.by_id.get(&id).map(|client| Arc::clone(&client))
    }

    /// Every connection, oldest first. O(n log n).
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ClientShared>> {
        let mut all: Vec<_> = self.by_id.iter().map(|entry| Arc::clone(&entry)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }
}
