//! The dataset as it was at one moment, walked while others change it: no fork, no second copy.
//!
//! # Use
//! ```text
//! let pass = keyspace.gate().exclusive();          // the moment: nobody is inside
//! let walk = keyspace.begin_snapshot(&pass, new_encoder)?;  // None: one is under way
//! let offset = log.end();                          // what else belongs to this moment
//! drop(pass);                                      // held for microseconds
//! while walk.advance(keyspace, Some(lane), &mut |chunk| send(chunk))? {}
//! ```
//! [`Walk::advance`] does a bounded amount of work under the gate lane given and one slot's lock at
//! a time, then hands out what came of it with neither held: a `send` that blocks stops nobody but
//! the walk. With `None` for a lane the caller holds the exclusive gate all the while. A
//! [`Chunk`] is key records of one database; a record of a large value may be cut into several
//! chunks that follow each other directly. Every key of that moment comes exactly once, in no
//! order; databases may recur. [`Walk::counts`] says beforehand how many there are.
//!
//! Whoever gives up calls [`Walk::stop`]; there is one walk at a time. Whoever cannot wait for
//! another's ends it with [`Keyspace::preempt_walk`]: that one's `advance` then fails.
//!
//! # How it stays exact
//! A walk has a number. A slot's store notes the latest walk that has all of it, and so does every
//! bucket; whoever is about to change a slot that the walk does not have captures first what the
//! change may touch (see [`super::table`]). Captured small values are written as records at once,
//! under the slot's lock; large ones are frozen by a clone that shares its nodes, to be written by
//! the walk. What a flush takes away goes to the walk as whole tables. When no walk is under
//! way a change tests one number in its [`super::Held`].
//!
//! The walk holds what writers captured until `advance` is called again: at worst the dataset as
//! records, if the receiver is slow and everything is rewritten meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;

use super::entry::{Entry, EntryRef};
use super::gate::Pass;
use super::keyspace::{Keyspace, Place};
use super::slot_store::SlotStore;
use super::string::StrRef;
use super::table::Table;
use crate::base::{Millis, Slot};

/// Walks are numbered up to this; then all marks are cleared and numbers start again.
const EPOCH_MAX: u16 = if cfg!(test) { 3 } else { u16::MAX - 1 };
/// Captures meet in so many places, so that writers rarely wait for each other.
const LANES: usize = 8;
/// Values of more bytes or elements are frozen instead of written at once.
const LIGHT_BYTES_MAX: usize = 4096;
const LIGHT_ELEMENTS_MAX: usize = 64;
/// A chunk is handed out when it has grown to this.
const CHUNK_BYTES: usize = 64 * 1024;
/// Buckets and slots visited in one call.
const VISITS: usize = 128;
/// Buckets captured while a slot is locked: some 200 keys, 20 microseconds.
const VISITS_PER_LOCK: usize = if cfg!(test) { 2 } else { 32 };

/// Makes records of entries.
pub trait Encode: Send {
    /// Appends a key's record. `pause` may take output away whenever it has grown long.
    fn encode(&mut self, entry: EntryRef<'_>, pause: &mut dyn FnMut(&mut Vec<u8>));

    /// What was written and not taken.
    fn out(&mut self) -> &mut Vec<u8>;
}

/// Records of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub db: u8,
    pub bytes: Bytes,
    /// Records that begin here.
    pub keys: u64,
}

/// How many keys a database had when a walk began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub db: u8,
    pub keys: u64,
    pub expires: u64,
}

/// The walk was ended for another that could not wait: what came of it is worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("given up for another snapshot")]
pub struct Preempted;

/// What a keyspace knows of walks.
#[derive(Default)]
pub(super) struct Snapshots {
    /// Held by who begins or ends a walk.
    changing: Mutex<()>,
    /// The number of the walk under way; 0: none.
    current: AtomicU16,
    /// The number of the latest.
    latest: AtomicU16,
    active: ArcSwapOption<Active>,
}

/// What writers and the walk share.
struct Active {
    epoch: u16,
    /// By a database's index: its number when the walk began, if it was in use.
    numbers: Box<[Option<u8>]>,
    lanes: Box<[Mutex<Captured>]>,
    /// Tables that were flushed before the walk had come to them.
    flushed: Mutex<Vec<(u8, Table)>>,
    /// Bytes of records that writers captured.
    captured_bytes: AtomicU64,
    /// Whether writers captured something with elements that expire, or took away slots that may
    /// have had such.
    elements_expire: AtomicBool,
}

/// What writers captured and the walk has not collected.
struct Captured {
    encoder: Box<dyn Encode>,
    /// The database of what the encoder holds, and how many records that is.
    db: u8,
    keys: u64,
    ready: Vec<(u8, Vec<u8>, u64)>,
    frozen: Vec<(u8, Entry)>,
}

impl Captured {
    fn new(encoder: Box<dyn Encode>) -> Captured {
        Captured { encoder, db: 0, keys: 0, ready: Vec::new(), frozen: Vec::new() }
    }

    /// Takes down an entry that is about to change.
    fn take(&mut self, db: u8, entry: EntryRef<'_>) {
        if !is_light(entry) {
            self.frozen.push((db, entry.duplicate(entry.key())));
            return;
        }
        if self.db != db {
            self.close();
            self.db = db;
        }
        self.encoder.encode(entry, &mut |_| {});
        self.keys += 1;
    }

    /// Puts what the encoder holds among what is ready.
    fn close(&mut self) {
        let bytes = std::mem::take(self.encoder.out());
        let keys = std::mem::take(&mut self.keys);
        if !bytes.is_empty() {
            self.ready.push((self.db, bytes, keys));
        }
    }
}

/// Whether an entry may be written while its slot is locked.
fn is_light(entry: EntryRef<'_>) -> bool {
    match entry.string() {
        Some(StrRef::Int(_)) => true,
        Some(StrRef::Bytes(bytes)) => bytes.len() <= LIGHT_BYTES_MAX,
        Some(StrRef::Big(_)) => false,
        None => entry.elements() <= LIGHT_ELEMENTS_MAX && entry.heap_bytes() <= LIGHT_BYTES_MAX,
    }
}

/// What whoever changes a slot does first. All are called with the slot locked and the gate passed.
impl Keyspace {
    /// The number of the walk under way; 0: none.
    #[inline]
    pub(super) fn walk_epoch(&self) -> u16 {
        self.snapshots.current.load(Ordering::Relaxed)
    }

    /// Before a key of this hash is added, changed or removed.
    #[inline]
    pub(super) fn before_change(&self, place: Place, store: &mut SlotStore, hash: u64) {
        if self.is_due(store) {
            self.capture(place, store, |store, epoch, take| {
                store.capture_change(hash, epoch, take);
            });
        }
    }

    /// Before so many steps of a resize are made.
    #[inline]
    pub(super) fn before_steps(&self, place: Place, store: &mut SlotStore, count: usize) {
        if self.is_due(store) {
            self.capture(place, store, |store, epoch, take| {
                store.capture_steps(count, epoch, take);
            });
        }
    }

    /// Before keys of the bucket around `position` are removed.
    #[inline]
    pub(super) fn before_sweep(&self, place: Place, store: &mut SlotStore, position: u64) {
        if self.is_due(store) {
            self.capture(place, store, |store, epoch, take| {
                store.capture_at(position, epoch, take);
            });
        }
    }

    /// Empties a slot. The table is the caller's, unless a walk has yet to see it: then the walk
    /// has it and the caller gets an empty one.
    pub(super) fn empty_slot(&self, place: Place, store: &mut SlotStore) -> Table {
        if self.is_due(store)
            && !store.is_empty()
            && let Some(active) = &*self.snapshots.active.load()
            && let Some(db) = active.numbers[self.index_of(place.db)]
        {
            if store.elements_expire() {
                active.elements_expire.store(true, Ordering::Relaxed);
            }
            let table = store.take();
            store.set_captured(active.epoch);
            active.flushed.lock().push((db, table));
            return Table::default();
        }
        store.take()
    }

    /// Whether a walk is under way that does not have all of a slot.
    #[inline]
    fn is_due(&self, store: &SlotStore) -> bool {
        let epoch = self.walk_epoch();
        epoch != 0 && !store.is_captured(epoch)
    }

    #[cold]
    fn capture(
        &self,
        place: Place,
        store: &mut SlotStore,
        work: impl FnOnce(&mut SlotStore, u16, &mut super::table::Take<'_>),
    ) {
        let active = self.snapshots.active.load();
        // A walk that was just given up is not there any more.
        let Some(active) = &*active else { return };
        let db = active.numbers[self.index_of(place.db)].filter(|_| !store.is_empty());
        let Some(db) = db else {
            // Nothing was here when it began.
            store.set_captured(active.epoch);
            return;
        };
        let mut lane = active.lanes[place.slot.index() % LANES].lock();
        let before = lane.encoder.out().len();
        work(store, active.epoch, &mut |entry| {
            if entry.next_element_expiry() < Millis::MAX {
                active.elements_expire.store(true, Ordering::Relaxed);
            }
            lane.take(db, entry);
        });
        let written = lane.encoder.out().len().saturating_sub(before) as u64;
        active.captured_bytes.fetch_add(written, Ordering::Relaxed);
    }
}

impl Keyspace {
    /// Begins a walk over the dataset as it is now; `None` if one is under way. `encoder` is called
    /// a few times. See the module's head.
    ///
    /// # Panics
    /// Unless the pass is an exclusive one.
    pub fn begin_snapshot(
        &self,
        pass: &Pass<'_>,
        mut encoder: impl FnMut() -> Box<dyn Encode>,
    ) -> Option<Walk> {
        assert!(matches!(pass, Pass::Exclusive(_)), "a moment is when nobody is inside");
        let _changing = self.snapshots.changing.lock();
        if self.snapshots.active.load().is_some() {
            return None;
        }
        let latest = self.snapshots.latest.load(Ordering::Relaxed);
        let epoch = if latest == EPOCH_MAX { 1 } else { latest + 1 };
        if latest == EPOCH_MAX {
            self.clear_epochs();
        }
        let mut numbers = vec![None; self.databases()].into_boxed_slice();
        let mut counts = Vec::new();
        for db in 0..=(self.databases() - 1) as u8 {
            let (keys, expires) = self.counts(db);
            if keys > 0 {
                numbers[self.index_of(db)] = Some(db);
                counts.push(Count { db, keys: keys as u64, expires: expires as u64 });
            }
        }
        let todo = counts.iter().rev().map(|count| (count.db, self.index_of(count.db))).collect();
        let active = Arc::new(Active {
            epoch,
            numbers,
            lanes: (0..LANES).map(|_| Mutex::new(Captured::new(encoder()))).collect(),
            flushed: Mutex::default(),
            captured_bytes: AtomicU64::new(0),
            elements_expire: AtomicBool::new(false),
        });
        self.snapshots.latest.store(epoch, Ordering::Relaxed);
        self.snapshots.active.store(Some(Arc::clone(&active)));
        self.snapshots.current.store(epoch, Ordering::Relaxed);
        Some(Walk::new(active, Captured::new(encoder()), counts, todo))
    }

    /// Whether a walk is under way.
    #[must_use]
    pub fn is_walked(&self) -> bool {
        self.snapshots.active.load().is_some()
    }

    /// Makes the numbers of all walks new again. O(buckets), once in 65,534 walks.
    fn clear_epochs(&self) {
        for database in (0..self.databases()).filter_map(|index| self.by_index(index)) {
            Slot::all().for_each(|slot| database.slot(slot).lock().clear_epochs());
        }
    }

    /// Ends the walk under way, whoever makes it, so that another can begin.
    ///
    /// # Panics
    /// Unless the pass is an exclusive one: nobody captures for it meanwhile.
    pub fn preempt_walk(&self, pass: &Pass<'_>) {
        assert!(matches!(pass, Pass::Exclusive(_)), "somebody captures for it");
        let active = self.snapshots.active.load_full();
        active.inspect(|active| self.end_snapshot(active));
    }

    /// Whether this is the walk under way.
    fn is_current(&self, walk: &Arc<Active>) -> bool {
        self.snapshots.active.load().as_ref().is_some_and(|active| Arc::ptr_eq(active, walk))
    }

    /// Ends a walk, unless that was done.
    fn end_snapshot(&self, walk: &Arc<Active>) {
        let _changing = self.snapshots.changing.lock();
        if self.is_current(walk) {
            self.snapshots.current.store(0, Ordering::Relaxed);
            self.snapshots.active.store(None);
        }
    }
}

mod walk;

pub use walk::Walk;

#[cfg(test)]
mod tests;
