//! Who is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, MutexGuard};

use super::ClientShared;

/// Every connection by id. A side table that any thread may read; ids are never used twice.
#[derive(Debug)]
pub struct Registry {
    by_id: DashMap<u64, Arc<ClientShared>>,
    next_id: AtomicU64,
    count: AtomicUsize,
    per_worker: Box<[AtomicUsize]>,
    /// Bytes that all of them take.
    memory: AtomicU64,
    evictions: Mutex<()>,
    /// Evicting has turned out useless; forgotten at the next tick.
    in_vain: AtomicBool,
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
            memory: AtomicU64::default(),
            evictions: Mutex::default(),
            in_vain: AtomicBool::default(),
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
        self.disown(client);
        self.per_worker[client.worker].fetch_sub(1, Ordering::Relaxed);
        self.dismiss();
    }

    /// Forgets a connection of this node's own making, which was neither admitted nor assigned.
    pub fn withdraw(&self, client: &ClientShared) {
        self.by_id.remove(&client.id);
        self.disown(client);
    }

    /// Counts what a connection takes by now; how much more that is. Its own thread calls this.
    #[inline]
    pub fn weigh(&self, client: &ClientShared) -> i64 {
        let weight = client.memory();
        let is_same = client.weight.load(Ordering::Relaxed) == weight;
        if is_same || client.disowned.load(Ordering::Relaxed) {
            return 0;
        }
        let before = client.weight.swap(weight, Ordering::Relaxed);
        self.memory.fetch_add(weight.wrapping_sub(before), Ordering::Relaxed);
        weight as i64 - before as i64
    }

    /// Counts a connection no longer: it ends. False if it was not counted any more.
    pub fn disown(&self, client: &ClientShared) -> bool {
        let first = !client.disowned.swap(true, Ordering::Relaxed);
        let weight = client.weight.swap(0, Ordering::Relaxed);
        self.memory.fetch_sub(weight, Ordering::Relaxed);
        first
    }

    /// Bytes that all connections take.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// The right to evict connections, unless somebody has it or it was found useless.
    #[must_use]
    pub fn lock_evictions(&self) -> Option<MutexGuard<'_, ()>> {
        let useful = !self.in_vain.load(Ordering::Relaxed);
        useful.then(|| self.evictions.try_lock()).flatten()
    }

    /// Nobody is left who may be evicted.
    pub fn give_up_evictions(&self) {
        self.in_vain.store(true, Ordering::Relaxed);
    }

    /// Evicting is worth another try.
    pub fn retry_evictions(&self) {
        self.in_vain.store(false, Ordering::Relaxed);
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
