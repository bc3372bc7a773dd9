//! Taking the locks of a batch, prefetching what it will touch, and letting go.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::Guard;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::{Counters, Expiry, Garbage, Incident};
use crate::base::{Millis, Slot, same_bytes};
use crate::keyspace::entry::EntryRef;
use crate::keyspace::history::{Clock, Recording};
use crate::keyspace::keyspace::{Keyspace, Place};
use crate::keyspace::queues::Queues;
use crate::keyspace::slot_store::SlotStore;

/// The index of a key that has not been given a guard.
const UNBOUND: u32 = u32::MAX;

/// Slots of a batch up to which nothing is allocated. [`Held`] is moved a few times per batch: more
/// room costs every batch, less only the long ones.
const HOLDS_INLINE: usize = 16;

/// Elements of a batch that are fetched ahead without allocating.
const ELEMENTS_INLINE: usize = 64;

/// A key of a request: hashed once, and bound to its slot's guard.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub bytes: &'a [u8],
    pub hash: u64,
    pub slot: Slot,
    lock: u32,
}

impl<'a> Key<'a> {
    /// `hash` is [`Keyspace::hash`] of `bytes`, `slot` its [`Slot::of`].
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], hash: u64, slot: Slot) -> Key<'a> {
        Key { bytes, hash, slot, lock: UNBOUND }
    }
}

/// A locked slot, and its counts when it was locked.
struct Hold<'k> {
    place: Place,
    keys: u32,
    expires: u32,
    store: MutexGuard<'k, SlotStore>,
}

/// See [`super`].
pub struct Held<'k> {
    pub(in crate::keyspace) keyspace: &'k Keyspace,
    db: u8,
    holds: SmallVec<[Hold<'k>; HOLDS_INLINE]>,
    /// In whole mode: which hold a place has.
    pub(super) index: Option<BTreeMap<Place, u32>>,
    pub now: Millis,
    pub clock: Clock,
    pub expiry: Expiry,
    /// Whether lookups delete expired keys although [`Held::expiry`] would hide them.
    pub removes_expired: bool,
    draws: u64,
    /// The snapshot walk under way; 0: none.
    walk: u16,
    /// Whether the slots' growth is measured, and how much it is so far.
    metered: bool,
    pub(super) queues: Option<Guard<Option<Arc<Queues>>>>,
    grown: i64,
    pub counters: Counters,
    /// What lookups and insertions brought about on the way, in order.
    pub incidents: Vec<Incident>,
    /// Whether somebody wants to hear of keys that come to be.
    pub tell_created: bool,
    /// Whether somebody wants to hear of reads that find nothing.
    pub tell_missed: bool,
    pub garbage: Vec<Garbage>,
}

impl<'k> Held<'k> {
    fn new(keyspace: &'k Keyspace, db: u8, now: Millis) -> Held<'k> {
        Held {
            keyspace,
            db,
            holds: SmallVec::new(),
            index: None,
            now,
            clock: Clock::new(now, keyspace.recording()),
            expiry: keyspace.expiry(),
            removes_expired: false,
            draws: now.0,
            walk: keyspace.walk_epoch(),
            metered: keyspace.meter().is_on(),
            queues: None,
            grown: 0,
            counters: Counters::default(),
            incidents: Vec::new(),
            tell_created: false,
            tell_missed: false,
            garbage: Vec::new(),
        }
    }

    /// Locks the slots of the keys, in ascending order, and starts to fetch what lookups will
    /// touch.
    pub fn lock(keyspace: &'k Keyspace, db: u8, keys: &mut [Key<'_>], now: Millis) -> Held<'k> {
        let mut held = Held::new(keyspace, db, now);
        if let [first, others @ ..] = keys
            && others.iter().all(|key| key.slot == first.slot)
        {
            held.take_lock(Place { db, slot: first.slot });
            keys.iter_mut().for_each(|key| key.lock = 0);
        } else {
            held.take_locks(keys);
        }
        held.look_up_queues();
        if keys.len() > 1 {
            held.prefetch_entries(keys);
        }
        held
    }

    /// Takes the locks of several slots, in ascending order.
    fn take_locks(&mut self, keys: &mut [Key<'_>]) {
        let db = self.db;
        for key in keys.iter() {
            self.keyspace.prefetch_slot(Place { db, slot: key.slot });
        }
        // Slot and index in one number sort in half the time of a pair.
        let number = |(index, key): (u64, &Key<'_>)| u64::from(key.slot.number()) << 32 | index;
        let mut order: SmallVec<[u64; HOLDS_INLINE]> = (0..).zip(keys.iter()).map(number).collect();
        order.sort_unstable();
        let mut latest = None;
        for number in order {
            let key = &mut keys[(number & u64::from(u32::MAX)) as usize];
            if latest != Some(key.slot) {
                latest = Some(key.slot);
                self.take_lock(Place { db, slot: key.slot });
            }
            key.lock = self.holds.len() as u32 - 1;
        }
    }

    /// Starts to fetch what lookups will touch. A key that comes several times in a row counts
    /// once.
    fn prefetch_entries(&self, keys: &[Key<'_>]) {
        let runs = || keys.chunk_by(|one, next| one.hash == next.hash).map(|run| &run[0]);
        for key in runs() {
            self.store(key).table().prefetch_bucket(key.hash);
        }
        for key in runs() {
            self.store(key).table().prefetch_entry(key.hash);
        }
    }

    /// Starts to fetch what finding elements of collections will read: each is a key with the hash
    /// of an element of it. A batch's misses then overlap, as those of its keys do.
    pub fn prefetch_elements<'a>(&self, elements: impl Iterator<Item = (&'a Key<'a>, u64)>) {
        let mut hashes: SmallVec<[u64; ELEMENTS_INLINE]> = SmallVec::new();
        // Each collection, with where its elements' hashes begin.
        let mut wanted: SmallVec<[(EntryRef<'_>, usize); ELEMENTS_INLINE]> = SmallVec::new();
        let mut latest: Option<&Key<'_>> = None;
        for (key, hash) in elements {
            let is_same = latest
                .is_some_and(|same| same.hash == key.hash && same_bytes(same.bytes, key.bytes));
            if !is_same {
                let Some(entry) = self.store(key).find(key.hash, key.bytes) else { continue };
                wanted.push((entry, hashes.len()));
                latest = Some(key);
            } else if hashes.last() == Some(&hash) {
                continue;
            }
            hashes.push(hash);
        }
        let (mut step, mut more) = (0, true);
        while more {
            more = false;
            let mut end = hashes.len();
            for (entry, start) in wanted.iter().rev() {
                more |= entry.prefetch_elements(step, &hashes[*start..end]);
                end = *start;
            }
            step += 1;
        }
    }

    /// Access to every slot, for a thread that holds the exclusive gate.
    pub fn whole(keyspace: &'k Keyspace, db: u8, keys: &mut [Key<'_>], now: Millis) -> Held<'k> {
        let mut held = Held::new(keyspace, db, now);
        held.index = Some(BTreeMap::new());
        held.look_up_queues();
        for key in keys {
            held.bind(db, key);
        }
        held
    }

    /// Makes `db` the database that [`Held::key`] means; only where any slot may be named.
    ///
    /// # Panics
    /// Outside whole mode.
    pub fn select(&mut self, db: u8) {
        assert!(self.is_whole() || db == self.db, "a batch works on one database");
        self.db = db;
    }

    /// Under the locks: a slot that was adopted before it was locked is then known to be.
    #[inline]
    fn look_up_queues(&mut self) {
        let recording = self.keyspace.recording();
        if recording == Recording::Uses {
            self.clock = Clock::new(self.now, recording);
            self.queues = Some(self.keyspace.queues());
        }
    }

    /// The database that the batch works on.
    #[must_use]
    pub fn db(&self) -> u8 {
        self.db
    }

    #[must_use]
    pub fn keyspace(&self) -> &'k Keyspace {
        self.keyspace
    }

    /// Whether every slot may be named (the exclusive gate is held).
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.index.is_some()
    }

    /// A key by its name, in the batch's database.
    ///
    /// # Panics
    /// If its slot is not locked and may not be now.
    pub fn key<'a>(&mut self, bytes: &'a [u8]) -> Key<'a> {
        self.key_in(self.db, bytes)
    }

    /// A key of any database; another one than the batch's needs whole mode.
    ///
    /// # Panics
    /// If its slot is not locked and may not be now.
    pub fn key_in<'a>(&mut self, db: u8, bytes: &'a [u8]) -> Key<'a> {
        let mut key = Key::new(bytes, self.keyspace.hash(bytes), Slot::of(bytes));
        self.bind(db, &mut key);
        key
    }

    /// Gives a key its guard.
    ///
    /// # Panics
    /// If its slot is not locked and may not be now.
    pub fn bind(&mut self, db: u8, key: &mut Key<'_>) {
        let place = Place { db, slot: key.slot };
        key.lock = match &self.index {
            Some(index) => match index.get(&place) {
                Some(&lock) => lock,
                None => self.take_lock(place),
            },
            None => self.lock_of(place).expect("a batch only touches slots it has locked"),
        };
    }

    /// Whether a key's slot is locked: commands whose keys depend on data ask before they bind.
    #[must_use]
    pub fn may_touch(&self, db: u8, bytes: &[u8]) -> bool {
        self.is_whole() || self.lock_of(Place { db, slot: Slot::of(bytes) }).is_some()
    }

    fn lock_of(&self, place: Place) -> Option<u32> {
        let found = self.holds.binary_search_by_key(&place, |hold| hold.place);
        found.ok().map(|lock| lock as u32)
    }

    fn take_lock(&mut self, place: Place) -> u32 {
        let store = self.keyspace.slot(place).lock();
        let lock = self.holds.len() as u32;
        let (keys, expires) = (store.len() as u32, store.expires() as u32);
        if self.metered {
            self.grown -= store.bytes() as i64;
        }
        self.holds.push(Hold { place, keys, expires, store });
        if let Some(index) = &mut self.index {
            index.insert(place, lock);
        }
        lock
    }

    /// The slot at a place, if the batch has locked it.
    pub(in crate::keyspace) fn held(&self, place: Place) -> Option<&SlotStore> {
        let lock = match &self.index {
            Some(index) => index.get(&place).copied(),
            None => self.lock_of(place),
        };
        Some(&self.holds[lock? as usize].store)
    }

    /// Whether other slots may be locked now: nobody waits for ours while we wait for theirs.
    pub(in crate::keyspace) fn may_roam(&self) -> bool {
        self.is_whole() || self.holds.is_empty()
    }

    #[inline]
    pub(super) fn store(&self, key: &Key<'_>) -> &SlotStore {
        &self.holds[key.lock as usize].store
    }

    /// For what no snapshot has to know of; see [`Held::change`].
    #[inline]
    pub(super) fn store_mut(&mut self, key: &Key<'_>) -> &mut SlotStore {
        &mut self.holds[key.lock as usize].store
    }

    /// The slot of a key that is about to change, expire or go: a walk that has not seen it yet
    /// takes it down first.
    #[inline]
    pub(super) fn change(&mut self, key: &Key<'_>) -> &mut SlotStore {
        let hold = &mut self.holds[key.lock as usize];
        if self.walk != 0 && !hold.store.is_captured(self.walk) {
            self.keyspace.before_change(hold.place, &mut hold.store, key.hash);
        }
        &mut hold.store
    }

    /// The slot of a key, for figures.
    #[inline]
    #[must_use]
    pub fn slot(&self, key: &Key<'_>) -> &SlotStore {
        self.store(key)
    }

    /// When a key expires, be that over or not.
    #[must_use]
    pub fn expiry_of(&self, key: &Key<'_>) -> Option<Millis> {
        self.store(key).find(key.hash, key.bytes)?.expiry()
    }

    /// Where a bound key is.
    #[must_use]
    pub fn place(&self, key: &Key<'_>) -> Place {
        self.holds[key.lock as usize].place
    }

    /// A number that differs from call to call: enough chance for a frequency counter.
    #[inline]
    pub(super) fn draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        self.draws >> 16
    }

    /// How many keys a database has, those included that this batch has added so far.
    #[must_use]
    pub fn size(&self, db: u8) -> usize {
        let grown = |hold: &Hold<'_>| hold.store.len() as i64 - i64::from(hold.keys);
        let here = self.holds.iter().filter(|hold| hold.place.db == db);
        let keys = self.keyspace.counts(db).0 as i64 + here.map(grown).sum::<i64>();
        usize::try_from(keys).unwrap_or(0)
    }

    /// Lets go of all slots, when the batch's effects are in the log.
    pub fn release(mut self) -> Counters {
        self.unlock();
        self.counters
    }

    /// The slot at a place, if it is locked: for whole mode.
    pub(super) fn held_mut(&mut self, place: Place) -> Option<&mut SlotStore> {
        let lock = *self.index.as_ref()?.get(&place)?;
        Some(&mut self.holds[lock as usize].store)
    }

    /// Adds what changed to the databases' counts, then unlocks.
    pub(super) fn unlock(&mut self) {
        let (mut db, mut keys, mut expires) = (self.db, 0, 0);
        for hold in self.holds.drain(..) {
            if hold.place.db != db {
                self.keyspace.count(db, hold.place.slot, keys, expires);
                (db, keys, expires) = (hold.place.db, 0, 0);
            }
            let before = (hold.keys as usize, hold.expires as usize);
            let after = (hold.store.len(), hold.store.expires());
            self.keyspace.occupy(hold.place, before, after);
            keys += after.0 as i64 - before.0 as i64;
            expires += after.1 as i64 - before.1 as i64;
            if self.metered {
                self.grown += hold.store.bytes() as i64;
            }
        }
        self.keyspace.count(db, Slot::new(0).expect("slot 0"), keys, expires);
        self.keyspace.meter().add(std::mem::take(&mut self.grown));
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.holds.is_empty() {
            self.unlock();
        }
    }
}
