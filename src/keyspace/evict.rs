//! Choosing keys to delete when memory runs out, by sampling.
//!
//! A round takes some keys of every database: a random slot that has any, a random bucket of it and
//! what follows until enough are seen. The best of all rounds are kept in a small pool and the very
//! best is deleted, if it is still there and was not used meanwhile. One slot is locked at a time.
//!
//! Keys of a bucket have nothing in common but their hash, so a bucket is as good a sample as keys
//! from anywhere, and costs one cache miss instead of one per key.

mod crowd;

use crowd::Crowd;

use super::access::Garbage;
use super::entry::EntryRef;
use super::history::Clock;
use super::keyspace::{Keyspace, Place};
use super::slot_store::SlotStore;
use super::table::POSITION_BITS;
use crate::base::{Millis, Rng};

/// Candidates that are kept between rounds.
const POOL_MAX: usize = 16;
/// Buckets looked at in one slot before another is tried: keys that expire may be rare in it.
const BUCKETS_MAX: usize = 64;
/// Rounds after which a search gives up for now.
const ROUNDS_MAX: usize = 16;

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    LeastRecent,
    LeastFrequent,
    SoonestExpiry,
    Random,
    /// Whose turn it is in the queues of S3-FIFO; random without them.
    Queued,
}

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criteria {
    pub order: Order,
    /// Only keys that expire.
    pub volatile_only: bool,
    /// Keys to look at per database and round.
    pub samples: usize,
}

impl Criteria {
    fn is_random(&self) -> bool {
        matches!(self.order, Order::Random | Order::Queued)
    }

    fn admits(&self, entry: EntryRef<'_>) -> bool {
        !self.volatile_only || entry.expiry().is_some()
    }

    /// Higher goes first.
    fn score(&self, entry: EntryRef<'_>, clock: &Clock) -> u64 {
        match self.order {
            Order::LeastRecent => clock.idle_secs(entry.lru()),
            Order::LeastFrequent => u64::from(u8::MAX - clock.frequency(entry.lru())),
            Order::SoonestExpiry => u64::MAX - entry.expiry().map_or(u64::MAX, |at| at.0),
            Order::Random | Order::Queued => 0,
        }
    }
}

/// How a search ended.
pub enum Eviction {
    /// A key was deleted; if it was large, it is the caller's to free.
    Done(Option<Garbage>),
    /// None was found in the time a search may take; there may be some.
    NotFound,
    /// There is no key that may be evicted.
    NothingLeft,
}

struct Candidate {
    score: u64,
    place: Place,
    key: Vec<u8>,
}

/// What is remembered from search to search. Each thread has its own.
#[derive(Default)]
pub struct Evictor {
    criteria: Option<Criteria>,
    /// By score, the best last.
    pool: Vec<Candidate>,
    /// Buffers of former candidates.
    spare: Vec<Vec<u8>>,
    /// Where random eviction goes on, so that all databases have their turn.
    next_db: u8,
    /// A slot that has keys that expire, walked up to here without meeting one.
    unfinished: Option<(Place, u64)>,
    crowd: Crowd,
}

impl Evictor {
    /// Deletes one key. `evicted` is told its name before it goes, under the lock of its slot, so
    /// that whoever propagates deletions keeps their order. The caller holds a pass of the gate.
    pub fn evict(
        &mut self,
        keyspace: &Keyspace,
        criteria: Criteria,
        now: Millis,
        rng: &mut Rng,
        mut evicted: impl FnMut(Place, &[u8]),
    ) -> Eviction {
        if self.criteria != Some(criteria) {
            self.criteria = Some(criteria);
            self.unfinished = None;
            self.crowd = Crowd::default();
            self.clear_pool();
        }
        if criteria.order == Order::Queued
            && let Some(queues) = &*keyspace.queues()
        {
            return queues.evict(keyspace, rng, evicted);
        }
        let clock = Clock::new(now, keyspace.recording());
        let mut search = Search { keyspace, criteria, clock, rng };
        for _ in 0..ROUNDS_MAX {
            self.crowd.look_on(keyspace, criteria.volatile_only);
            let any = if criteria.is_random() {
                self.pick(&mut search)
            } else {
                self.sample(&mut search)
            };
            if !any {
                return Eviction::NothingLeft;
            }
            while let Some(candidate) = self.pool.pop() {
                let gone = search.remove(&candidate, &mut evicted);
                self.spare.push(candidate.key);
                if let Some(garbage) = gone {
                    return Eviction::Done(garbage);
                }
            }
        }
        Eviction::NotFound
    }

    /// Puts the best of some keys of every database into the pool; false if there are none at all.
    fn sample(&mut self, search: &mut Search<'_>) -> bool {
        let mut any = false;
        for db in 0..search.keyspace.databases() as u8 {
            let mut seen = 0;
            // A slot has at least one key: so many suffice, unless others delete meanwhile.
            for _ in 0..search.criteria.samples {
                let wanted = search.criteria.samples - seen;
                let Some((place, start)) = self.next_slot(search, db) else { break };
                any = true;
                seen += self.visit(search, place, start, wanted);
                if seen >= search.criteria.samples {
                    break;
                }
            }
        }
        any
    }

    /// Puts one random key into the pool, each time of another database.
    fn pick(&mut self, search: &mut Search<'_>) -> bool {
        let databases = search.keyspace.databases();
        for _ in 0..databases {
            let db = self.next_db;
            self.next_db = ((usize::from(db) + 1) % databases) as u8;
            if let Some((place, start)) = self.next_slot(search, db) {
                self.clear_pool();
                self.visit(search, place, start, 1);
                return true;
            }
        }
        false
    }

    /// A slot with eligible keys and where to begin in it.
    fn next_slot(&mut self, search: &mut Search<'_>, db: u8) -> Option<(Place, u64)> {
        if let Some(unfinished) = self.unfinished.take_if(|(place, _)| place.db == db) {
            return Some(unfinished);
        }
        let volatile_only = search.criteria.volatile_only;
        let keyspace = search.keyspace;
        let slot = match self.crowd.draw(keyspace, db, volatile_only, search.rng) {
            Some(slot) => slot,
            None => keyspace.random_slot(db, volatile_only, search.rng)?,
        };
        Some((Place { db, slot }, search.rng.next_u64() >> (64 - POSITION_BITS)))
    }

    /// Offers keys of a slot to the pool: whole buckets until `wanted` are seen. How many were.
    fn visit(&mut self, search: &mut Search<'_>, place: Place, start: u64, wanted: usize) -> usize {
        let store = search.keyspace.slot(place).lock();
        // From a bucket's first position on, so that coming round to it is noticed.
        let start = store.table().after(start).unwrap_or(0);
        let (mut seen, mut position, mut wrapped) = (0, start, false);
        for _ in 0..BUCKETS_MAX {
            let next = store.table().scan(position, |entry| {
                if search.criteria.admits(entry) {
                    seen += 1;
                    self.offer(search, place, entry);
                }
            });
            if seen >= wanted {
                return seen;
            }
            position = match next {
                Some(next) => next,
                None => {
                    wrapped = true;
                    0
                }
            };
            if wrapped && position >= start {
                return seen;
            }
        }
        if seen == 0 {
            self.unfinished = Some((place, position));
        }
        seen
    }

    fn offer(&mut self, search: &mut Search<'_>, place: Place, entry: EntryRef<'_>) {
        let score = match search.criteria.order {
            Order::Random | Order::Queued => search.rng.next_u64(),
            _ => search.criteria.score(entry, &search.clock),
        };
        let is_full = self.pool.len() == POOL_MAX;
        if is_full && self.pool[0].score >= score {
            return;
        }
        let key = entry.key();
        if self.pool.iter().any(|known| known.place == place && known.key == key) {
            return;
        }
        if is_full {
            self.spare.push(self.pool.remove(0).key);
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(key);
        let at = self.pool.partition_point(|known| known.score < score);
        self.pool.insert(at, Candidate { score, place, key: copy });
    }

    fn clear_pool(&mut self) {
        self.spare.extend(self.pool.drain(..).map(|candidate| candidate.key));
    }
}

/// What one search works with.
struct Search<'a> {
    keyspace: &'a Keyspace,
    criteria: Criteria,
    clock: Clock,
    rng: &'a mut Rng,
}

impl Search<'_> {
    /// Deletes a candidate unless it is gone, no longer eligible, or was used since it was seen.
    fn remove(
        &self,
        candidate: &Candidate,
        evicted: &mut impl FnMut(Place, &[u8]),
    ) -> Option<Option<Garbage>> {
        let Candidate { score, place, key } = candidate;
        let (hash, hasher) = (self.keyspace.hash(key), self.keyspace.hasher());
        self.keyspace.with_slot(*place, |store: &mut SlotStore| {
            let spot = store.locate(hash, key)?;
            let entry = store.at(hash, spot);
            let is_used =
                !self.criteria.is_random() && self.criteria.score(entry, &self.clock) < *score;
            if is_used || !self.criteria.admits(entry) {
                return None;
            }
            evicted(*place, key);
            self.keyspace.before_change(*place, store, hash);
            Some(Garbage::if_heavy(store.remove_at(hash, spot, hasher)))
        })
    }
}

#[cfg(test)]
mod tests;
