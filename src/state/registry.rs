//! Who is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

use super::ClientShared;

/// Every connection by id. A side table that any thread may read; ids are never used twice.
#[derive(Debug)]
pub struct Registry {
    by_id: DashMap<u64, Arc<ClientShared>>,
    next_id: AtomicU64,
    count: AtomicUsize,
    per_worker: Box<[AtomicUsize]>,
}

impl Registry {
    /// For connections spread over `workers` threads.
    #[must_use]
    pub fn new(workers: usize) -> Registry {
        Registry {
            by_id: DashMap::new(),
            next_id: AtomicU64::default(),
            count: AtomicUsize::default(),
            per_worker: (0..workers).map(|_| AtomicUsize::default()).collect(),
        }
    }

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

    /// Takes back an [`Registry::admit`] whose connection was then refused.
    pub fn dismiss(&self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    /// The worker with the fewest connections, counted as having one more.
    pub fn assign(&self) -> usize {
        let load = |worker: &usize| self.per_worker[*worker].load(Ordering::Relaxed);
        let least = (0..self.per_worker.len()).min_by_key(load).expect("at least one worker");
        self.per_worker[least].fetch_add(1, Ordering::Relaxed);
        least
    }

    pub fn insert(&self, client: Arc<ClientShared>) {
        self.by_id.insert(client.id, client);
    }

    /// Forgets an admitted and assigned connection.
    pub fn remove(&self, client: &ClientShared) {
        self.by_id.remove(&client.id);
        self.per_worker[client.worker].fetch_sub(1, Ordering::Relaxed);
        self.dismiss();
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
