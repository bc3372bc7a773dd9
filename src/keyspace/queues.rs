//! The S3-FIFO queues of a keyspace: shards by slot, so that threads rarely meet, and the way in
//! for keys that were there before.
//!
//! An entry says in its access history how often it was used and which ticket its item has (see
//! [`super::history`]); an item whose ticket its entry does not have is stale. Keys are queued when
//! they are added to a slot that was adopted. Adopting a slot queues what it holds. A shard's lock
//! is taken under a slot's, never the other way round.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::access::Garbage;
use super::evict::Eviction;
use super::fifo::{Item, Queue, S3Fifo, Verdict};
use super::history::Tally;
use super::keyspace::{Keyspace, Place};
use super::occupancy::Occupancy;
use super::slot_store::SlotStore;
use crate::base::{Rng, Slot};

const SHARDS: usize = 16;
/// Items looked at in one search.
const STEPS_MAX: usize = 256;
/// Stale items are cleared out when there are more than twice the keys, and so many more.
const STALE_MAX: usize = 1 << 14;

#[repr(align(128))]
#[derive(Default)]
struct Shard {
    fifo: Mutex<S3Fifo>,
    /// Its length when it was last changed, to be read without the lock.
    len: AtomicUsize,
    tickets: AtomicU32,
}

impl Shard {
    fn with<R>(&self, work: impl FnOnce(&mut S3Fifo) -> R) -> R {
        let mut fifo: MutexGuard<'_, S3Fifo> = self.fifo.lock();
        let result = work(&mut fifo);
        self.len.store(fifo.len(), Ordering::Relaxed);
        result
    }
}

/// See the module's head.
pub(super) struct Queues {
    shards: Box<[Shard]>,
    adopted: Box<[Occupancy]>,
    /// The next slot to be adopted, counted through all databases.
    next: Mutex<usize>,
    is_adopted: AtomicBool,
    cleaning: Mutex<Cleaning>,
}

/// A walk through all queues in search of stale items.
#[derive(Default)]
struct Cleaning {
    /// Two queues per shard; past the last when there is nothing to do.
    queue: usize,
    /// Items of the queue still to be looked at.
    left: usize,
}

impl Queues {
    pub(super) fn new(databases: usize) -> Queues {
        Queues {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            adopted: (0..databases).map(|_| Occupancy::default()).collect(),
            next: Mutex::default(),
            is_adopted: AtomicBool::default(),
            cleaning: Mutex::new(Cleaning { queue: 2 * SHARDS, left: 0 }),
        }
    }

    fn shard(&self, slot: Slot) -> &Shard {
        &self.shards[slot.index() % SHARDS]
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len.load(Ordering::Relaxed)).sum()
    }

    /// The history of a key that is being added to its slot, which the caller has locked.
    pub(super) fn admit(&self, place: Place, hash: u64, is_first: bool) -> u32 {
        let adopted = &self.adopted[usize::from(place.db)];
        if is_first {
            adopted.set(place.slot, true);
        } else if !adopted.contains(place.slot) {
            return 0; // adopting the slot will queue it
        }
        let (shard, ticket) = (self.shard(place.slot), self.ticket(place.slot));
        shard.with(|fifo| fifo.admit(Item { hash, place, ticket }));
        Tally { ticket, uses: 0 }.pack()
    }

    fn ticket(&self, slot: Slot) -> u32 {
        self.shard(slot).tickets.fetch_add(1, Ordering::Relaxed) % Tally::TICKETS
    }

    /// Adopts the next slot; false if all are.
    pub(super) fn adopt(&self, keyspace: &Keyspace) -> bool {
        if self.is_adopted.load(Ordering::Relaxed) {
            return false;
        }
        let mut next = self.next.lock();
        while *next < self.adopted.len() * Slot::COUNT {
            let db = (*next / Slot::COUNT) as u8;
            if !keyspace.is_allocated(db) {
                // Whoever adds its first key marks that slot; the others are looked at then.
                *next = (usize::from(db) + 1) * Slot::COUNT;
                continue;
            }
            let slot = Slot::new((*next % Slot::COUNT) as u16).expect("below the count");
            *next += 1;
            let place = Place { db, slot };
            let is_new = !self.adopted[usize::from(db)].contains(slot);
            if is_new && keyspace.with_slot(place, |store| self.adopt_slot(keyspace, place, store))
            {
                return true;
            }
        }
        self.is_adopted.store(true, Ordering::Relaxed);
        false
    }

    /// Queues all keys of a slot; whether there were any.
    fn adopt_slot(&self, keyspace: &Keyspace, place: Place, store: &mut SlotStore) -> bool {
        let adopted = &self.adopted[usize::from(place.db)];
        if adopted.contains(place.slot) {
            return false;
        }
        adopted.set(place.slot, true);
        let shard = self.shard(place.slot);
        let (mut hashes, mut position) = (Vec::new(), Some(0));
        while let Some(at) = position {
            let keep = |entry: super::EntryRef<'_>| hashes.push(keyspace.hash(entry.key()));
            position = store.table().scan(at, keep);
        }
        for &hash in &hashes {
            let ticket = self.ticket(place.slot);
            if let Some(spot) = store.locate_hash(hash, keyspace.hasher()) {
                store.touch(hash, spot).set_lru(Tally { ticket, uses: 0 }.pack());
                shard.with(|fifo| fifo.adopt(Item { hash, place, ticket }));
            }
        }
        !hashes.is_empty()
    }

    /// Begins to adopt from the first slot again: keys are there that are in no queue.
    fn start_again(&self) {
        self.adopted.iter().for_each(Occupancy::clear);
        let mut next = self.next.lock();
        *next = 0;
        self.is_adopted.store(false, Ordering::Relaxed);
    }

    /// Deletes the key whose turn it is; see [`super::Evictor::evict`].
    pub(super) fn evict(
        &self,
        keyspace: &Keyspace,
        rng: &mut Rng,
        mut evicted: impl FnMut(Place, &[u8]),
    ) -> Eviction {
        self.adopt(keyspace);
        for _ in 0..STEPS_MAX {
            let Some(shard) = self.random_shard(rng) else {
                if self.adopt(keyspace) {
                    continue;
                }
                if (0..keyspace.databases() as u8).all(|db| !keyspace.has_keys(db)) {
                    return Eviction::NothingLeft;
                }
                self.start_again();
                continue;
            };
            let Some((item, queue)) = shard.with(S3Fifo::next) else { continue };
            let gone = keyspace.with_slot(item.place, |store| {
                decide(keyspace, shard, store, (item, queue), &mut evicted)
            });
            if let Some(garbage) = gone {
                return Eviction::Done(garbage);
            }
        }
        Eviction::NotFound
    }

    /// A shard, chosen with a probability proportional to its length.
    fn random_shard(&self, rng: &mut Rng) -> Option<&Shard> {
        let lens = self.shards.iter().map(|shard| shard.len.load(Ordering::Relaxed));
        let total = lens.sum::<usize>() as u64;
        let mut rest = if total > 0 { rng.below(total) as usize } else { return None };
        self.shards.iter().find(|shard| {
            let len = shard.len.load(Ordering::Relaxed);
            let found = rest < len;
            rest = rest.saturating_sub(len);
            found
        })
    }

    /// Looks for stale items if there are too many, at so many `items` at most: keys that are
    /// deleted leave theirs behind. Whether there is more to do.
    pub(super) fn clean(&self, keyspace: &Keyspace, items: usize) -> bool {
        let mut at = self.cleaning.lock();
        if at.queue == 2 * SHARDS {
            let keys = (0..keyspace.databases()).map(|db| keyspace.counts(db as u8).0);
            if self.len() <= 2 * keys.sum::<usize>() + STALE_MAX {
                return false;
            }
            *at = Cleaning { queue: 0, left: self.queue_len(0) };
        }
        for _ in 0..items {
            while at.left == 0 {
                at.queue += 1;
                if at.queue == 2 * SHARDS {
                    return false;
                }
                at.left = self.queue_len(at.queue);
            }
            at.left -= 1;
            self.turn(keyspace, at.queue);
        }
        true
    }

    fn queue_len(&self, queue: usize) -> usize {
        self.shards[queue / 2].with(|fifo| fifo.queue_len(QUEUES[queue % 2]))
    }

    /// Takes the oldest item of a queue and puts it back as the newest, unless it is stale.
    fn turn(&self, keyspace: &Keyspace, queue: usize) {
        let (shard, queue) = (&self.shards[queue / 2], QUEUES[queue % 2]);
        let Some(item) = shard.with(|fifo| fifo.turn(queue)) else { return };
        keyspace.with_slot(item.place, |store| {
            if is_current(keyspace, store, item) {
                shard.with(|fifo| fifo.turn_back(item, queue));
            }
        });
    }
}

const QUEUES: [Queue; 2] = [Queue::Small, Queue::Main];

fn is_current(keyspace: &Keyspace, store: &SlotStore, item: Item) -> bool {
    let spot = store.locate_hash(item.hash, keyspace.hasher());
    spot.is_some_and(|spot| Tally::of(store.at(item.hash, spot).lru()).ticket == item.ticket)
}

/// Evicts or keeps the key at the end of its queue; `None` if it stays, or is no longer there.
fn decide(
    keyspace: &Keyspace,
    shard: &Shard,
    store: &mut SlotStore,
    (item, queue): (Item, Queue),
    evicted: &mut impl FnMut(Place, &[u8]),
) -> Option<Option<Garbage>> {
    let hasher = keyspace.hasher();
    let spot = store.locate_hash(item.hash, hasher)?;
    let entry = store.at(item.hash, spot);
    let tally = Tally::of(entry.lru());
    if tally.ticket != item.ticket {
        return None;
    }
    match shard.with(|fifo| fifo.judge(item, queue, tally.uses)) {
        Verdict::Keep(uses) => {
            store.touch(item.hash, spot).set_lru(Tally { uses, ..tally }.pack());
            None
        }
        Verdict::Evict => {
            evicted(item.place, entry.key());
            keyspace.before_change(item.place, store, item.hash);
            Some(Garbage::if_heavy(store.remove_at(item.hash, spot, hasher)))
        }
    }
}

#[cfg(test)]
mod tests;
