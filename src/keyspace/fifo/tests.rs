use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::base::Slot;

fn item(number: u64) -> Item {
    // Hashes are spread as the keyspace's are.
    let hash = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Item { hash, place: Place { db: 0, slot: Slot::new(0).unwrap() }, ticket: number as u32 }
}

/// A cache of so many keys around the queues: what the keyspace does with them.
#[derive(Default)]
struct Cache {
    fifo: S3Fifo,
    uses: BTreeMap<u64, u32>,
    evicted: Vec<u64>,
}

impl Cache {
    fn with(capacity: usize, keys: impl IntoIterator<Item = u64>) -> (Cache, usize) {
        let mut cache = Cache::default();
        let hits = keys.into_iter().filter(|&key| cache.access(capacity, key)).count();
        (cache, hits)
    }

    /// Whether it was a hit.
    fn access(&mut self, capacity: usize, key: u64) -> bool {
        if let Some(uses) = self.uses.get_mut(&key) {
            *uses = (*uses + 1).min(3);
            return true;
        }
        while self.uses.len() >= capacity {
            self.evict();
        }
        self.fifo.admit(item(key));
        self.uses.insert(key, 0);
        false
    }

    fn evict(&mut self) {
        while let Some((item, queue)) = self.fifo.next() {
            let key = u64::from(item.ticket);
            let Some(&uses) = self.uses.get(&key) else { continue };
            match self.fifo.judge(item, queue, uses) {
                Verdict::Keep(left) => {
                    self.uses.insert(key, left);
                }
                Verdict::Evict => {
                    self.uses.remove(&key);
                    self.evicted.push(key);
                    return;
                }
            }
        }
    }

    fn queued(&mut self) -> Vec<u64> {
        let mut keys = Vec::new();
        while let Some((item, _)) = self.fifo.next() {
            keys.push(u64::from(item.ticket));
        }
        keys
    }
}

/// The same with plain queues and an exact memory of what was evicted.
#[derive(Default)]
struct Model {
    small: VecDeque<u64>,
    main: VecDeque<u64>,
    /// All that were ever evicted from the small queue, and how many of them count.
    ghost: Vec<u64>,
    remembered: usize,
    uses: BTreeMap<u64, u32>,
    evicted: Vec<u64>,
}

impl Model {
    fn access(&mut self, capacity: usize, key: u64) {
        if let Some(uses) = self.uses.get_mut(&key) {
            *uses = (*uses + 1).min(3);
            return;
        }
        while self.uses.len() >= capacity {
            self.evict();
        }
        let oldest = self.ghost.len().saturating_sub(self.remembered);
        if let Some(at) = self.ghost.iter().skip(oldest).position(|&known| known == key) {
            self.ghost[oldest + at] = u64::MAX; // others still are as old as they were
            self.main.push_back(key);
        } else {
            self.small.push_back(key);
        }
        self.uses.insert(key, 0);
    }

    fn evict(&mut self) {
        let total = self.small.len() + self.main.len();
        let from_small = self.small.len() * 10 >= total && !self.small.is_empty();
        if from_small || self.main.is_empty() {
            let key = self.small.pop_front().expect("the cache is full");
            if self.uses[&key] > 1 {
                self.uses.insert(key, 0);
                self.main.push_back(key);
                return;
            }
            self.remembered = ((total - 1) * 9 / 10).max(1);
            self.ghost.push(key);
            self.gone(key);
            return;
        }
        let key = self.main.pop_front().expect("not empty");
        match self.uses[&key] {
            0 => self.gone(key),
            uses => {
                self.uses.insert(key, uses - 1);
                self.main.push_back(key);
            }
        }
    }

    fn gone(&mut self, key: u64) {
        self.uses.remove(&key);
        self.evicted.push(key);
    }
}

proptest! {
    #[test]
    fn it_agrees_with_plain_queues(
        capacity in 2..12_usize,
        keys in prop::collection::vec(0..24_u64, 0..400),
    ) {
        let (mut cache, mut model) = (Cache::default(), Model::default());
        for key in keys {
            cache.access(capacity, key);
            model.access(capacity, key);
            prop_assert_eq!(&cache.uses, &model.uses);
        }
        prop_assert_eq!(cache.evicted, model.evicted);
    }

    #[test]
    fn every_key_is_queued_once_and_none_is_lost(
        capacity in 1..100_usize,
        keys in prop::collection::vec(0..300_u64, 0..2000),
    ) {
        let (mut cache, _) = Cache::with(capacity, keys);
        let queued = cache.queued();
        let distinct: BTreeSet<u64> = queued.iter().copied().collect();
        prop_assert_eq!(queued.len(), distinct.len());
        prop_assert_eq!(distinct, cache.uses.keys().copied().collect::<BTreeSet<_>>());
        prop_assert!(cache.uses.len() <= capacity);
    }

    #[test]
    fn a_scan_pushes_out_nothing_that_is_used(scan in 100..5000_u64) {
        let (mut cache, _) = Cache::with(100, (0..50).chain(0..50).chain(0..50));
        for key in 0..scan {
            cache.access(100, 1000 + key);
        }
        let kept = (0..50).filter(|key| cache.uses.contains_key(key)).count();
        prop_assert_eq!(kept, 50);
    }
}

#[test]
fn passers_by_leave_in_the_order_they_came() {
    let (cache, hits) = Cache::with(10, 0..100);
    assert_eq!(hits, 0);
    assert_eq!(cache.evicted, (0..90).collect::<Vec<_>>());
}

#[test]
fn who_comes_back_soon_stays_longer() {
    let (mut cache, _) = Cache::with(20, 0..21);
    assert_eq!(cache.evicted, [0]);
    cache.access(20, 0);
    (100..300).for_each(|key| assert!(!cache.access(20, key)));
    assert!(cache.uses.contains_key(&0), "in the main queue");
}

#[test]
fn the_memory_of_the_evicted_is_bounded_and_follows_the_size() {
    let mut ghost = Ghost::default();
    (0..100_000).for_each(|n| ghost.add(item(n).hash, 10_000));
    assert!(ghost.bytes() <= 10_000 * 32, "{}", ghost.bytes());
    let known = (0..100_000).filter(|&n| ghost.take(item(n).hash)).count();
    assert!((9_000..=10_010).contains(&known), "most of the latest, none before: {known}");
    (0..100).for_each(|n| ghost.add(item(n).hash, 100));
    assert!(ghost.bytes() <= 100 * 64);
}

#[test]
fn a_queue_gives_back_its_blocks() {
    let mut queue = Fifo::default();
    for round in 0..3 {
        (0..2000).for_each(|n| queue.push(item(n)));
        assert!((0..2000).all(|n| queue.pop() == Some(item(n))), "round {round}");
        assert_eq!((queue.pop(), queue.len()), (None, 0));
    }
}
