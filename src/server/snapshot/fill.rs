//! Putting what an RDB holds into the keyspace, whatever it is loaded for: a snapshot, the base of
//! the append-only file, a full copy.
//!
//! The calling thread reads: it finds out where keys begin and end, sums the file up and deals
//! keys out in batches as they stand in the file. Other threads, as many as there are cores,
//! decode them and put them in place, some keys under one set of locks, as a client's batch is.
//! With a single core the calling thread does that, too. A value that is too large to be dealt out
//! is decoded where it is read, piece by piece, so that memory holds no second copy of it.
//!
//! Batches that wait are bounded. The first fault in the order of the file is the one that is told.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{give_way, loader_lane, now};
use crate::base::{Millis, Slot};
use crate::commands::limits_of;
use crate::keyspace::{Clock, Entry, Expiry, Held, Key, Keyspace, Place, Recording};
use crate::persist::rdb::file::{
    Loading, Outcome, RawBatch, RawRecord, Record, Sink, Undecoded, Usage, load,
};
use crate::persist::rdb::{Fault, RdbError};
use crate::state::Server;
use crate::types::Limits;

/// Threads that put keys in place, and one that reads, at most: so many lanes of the gate are
/// theirs.
pub(in crate::server) const LOADERS_MAX: usize = 8;
/// A batch is dealt out when it has so many bytes or keys.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_KEYS: usize = 512;
/// Batches that may wait for each thread.
const BATCHES_WAITING: usize = 4;
/// Keys put in place under one set of locks.
const CHUNK_KEYS: usize = 16;
/// Every key takes at least so many bytes of the file: bounds what is believed of hints.
const KEY_BYTES_MIN: u64 = 4;

/// For whom an RDB is loaded.
pub(in crate::server) trait Host {
    /// What the file says of itself.
    fn aux(&mut self, _name: &[u8], _value: &[u8]) {}

    /// Whether keys whose time is over are put in place all the same. Asked at the beginning, and
    /// again when the file has said something of itself.
    fn keeps_expired(&self) -> bool {
        true
    }

    /// Now and then: how much was read, and how many keys were put in place or left out.
    ///
    /// # Errors
    /// To give up.
    fn progress(&mut self, bytes: u64, done: Done) -> Result<(), Fault>;
}

/// How far loading is.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct Done {
    pub loaded: u64,
    /// Left out because their time was over.
    pub expired: u64,
}

/// What is to be loaded, and how.
pub(in crate::server) struct Source<R> {
    pub input: R,
    /// Bytes of it, at most; 0 if that is not known.
    pub size: u64,
    pub target: Target,
    /// Replaces keys that are there; otherwise a key that is there makes the file unfit.
    pub merges: bool,
}

/// Who else may touch the keyspace that is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Target {
    /// Everybody: keys are put in place by lanes of the gate, of which the caller holds none.
    Shared,
    /// Nobody: the caller holds the exclusive gate, or it is a keyspace that nobody knows.
    Exclusive,
}

/// What was loaded.
pub(in crate::server) struct Filled {
    pub outcome: Outcome,
    pub done: Done,
    /// The keys that were left out because their time was over.
    pub lapsed: Vec<(u8, Vec<u8>)>,
}

/// Loads everything. Blocks.
///
/// # Errors
/// If it is no RDB, or one that cannot be kept. Part of it is there then.
pub(in crate::server) fn fill<R: Read>(
    server: &Server,
    keyspace: &Keyspace,
    source: Source<R>,
    host: &mut dyn Host,
) -> Result<Filled, RdbError> {
    let settings = server.settings();
    let limits = limits_of(&settings, keyspace);
    let loading = Loading {
        limits: &limits,
        databases: keyspace.databases(),
        checksum: settings.rdbchecksum,
    };
    let mut placing = Placing::new(keyspace, &limits);
    placing.first_lane = match source.target {
        Target::Shared => Some(loader_lane(server, 0)),
        Target::Exclusive => None,
    };
    placing.merges = source.merges;
    placing.keep_expired = AtomicBool::new(host.keeps_expired());
    let (outcome, functions) = std::thread::scope(|scope| {
        let threads = threads();
        let (batches, waiting) = sync_channel(threads * BATCHES_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 1..=threads {
            let (placing, waiting) = (&placing, Arc::clone(&waiting));
            scope.spawn(move || placing.work(number, &waiting));
        }
        let mut deal = Deal {
            placing: &placing,
            host,
            size: source.size,
            batches: (threads > 0).then_some(batches),
            batch: RawBatch::default(),
            functions: 0,
        };
        let outcome = load(source.input, loading, &mut deal);
        // What came before a fault is looked at, too: it may have an earlier one.
        deal.hand_out();
        (outcome, deal.functions)
    });
    let mut outcome = match placing.fault.lock().take() {
        Some(error) => return Err(error),
        None => outcome?,
    };
    warn_of_functions(functions);
    let empty = placing.empty.load(Ordering::Relaxed);
    outcome.keys -= empty;
    outcome.empty += empty;
    Ok(Filled { outcome, done: placing.done(), lapsed: placing.lapsed.into_inner() })
}

/// How many threads put keys in place besides the one that reads.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 { 0 } else { cores.min(LOADERS_MAX - 1) }
}

/// Deals out what is read.
struct Deal<'a> {
    placing: &'a Placing<'a>,
    host: &'a mut dyn Host,
    size: u64,
    /// None: there are no other threads.
    batches: Option<SyncSender<RawBatch>>,
    /// The keys to be dealt out next, of one database.
    batch: RawBatch,
    /// Libraries of functions that were left out.
    functions: u64,
}

impl Deal<'_> {
    /// Has the keys that were collected put in place.
    fn hand_out(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        match &self.batches {
            Some(batches) => {
                let fresh = RawBatch::with_capacity(BATCH_BYTES + BATCH_BYTES / 4);
                let batch = std::mem::replace(&mut self.batch, fresh);
                batches.send(batch).expect("they end when we do");
            }
            None => {
                self.placing.batch(0, &self.batch);
                self.batch.clear();
            }
        }
    }
}

impl Sink for Deal<'_> {
    fn takes_raw(&self) -> bool {
        true
    }

    fn raw(&mut self, record: RawRecord<'_>) -> Result<(), Fault> {
        self.batch.push(record);
        if self.batch.size() >= BATCH_BYTES || self.batch.len() >= BATCH_KEYS {
            self.hand_out();
        }
        Ok(())
    }

    fn key(&mut self, record: Record) -> Result<(), Fault> {
        self.placing.record(0, record)
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        self.functions += 1;
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.host.aux(name, value);
        self.placing.keep_expired.store(self.host.keeps_expired(), Ordering::Relaxed);
    }

    fn counts(&mut self, db: u8, keys: u64, _: u64) {
        let keys = keys.min(self.size / KEY_BYTES_MIN);
        let of_slot = u32::try_from(keys / Slot::COUNT as u64).unwrap_or(u32::MAX);
        self.placing.expected[usize::from(db)].store(of_slot, Ordering::Relaxed);
    }

    fn database(&mut self, _: u8) {
        self.hand_out();
    }

    fn progress(&mut self, bytes: u64) -> Result<(), Fault> {
        if self.placing.failed.load(Ordering::Relaxed) {
            return Err(Fault::Refused("a key that was read before cannot be kept".to_owned()));
        }
        self.host.progress(bytes, self.placing.done())
    }
}

/// Puts keys in place.
struct Placing<'a> {
    keyspace: &'a Keyspace,
    limits: &'a Limits,
    /// The reading thread's lane of the gate, behind which the others have theirs.
    first_lane: Option<usize>,
    merges: bool,
    began: Millis,
    keep_expired: AtomicBool,
    /// How many keys each slot of a database is going to have.
    expected: Box<[AtomicU32]>,
    loaded: AtomicU64,
    expired: AtomicU64,
    empty: AtomicU64,
    lapsed: Mutex<Vec<(u8, Vec<u8>)>>,
    /// The first one in the order of the file.
    fault: Mutex<Option<RdbError>>,
    failed: AtomicBool,
}

impl<'a> Placing<'a> {
    fn new(keyspace: &'a Keyspace, limits: &'a Limits) -> Placing<'a> {
        Placing {
            keyspace,
            limits,
            first_lane: None,
            merges: false,
            began: now(),
            keep_expired: AtomicBool::new(true),
            expected: (0..keyspace.databases()).map(|_| AtomicU32::new(0)).collect(),
            loaded: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            empty: AtomicU64::new(0),
            lapsed: Mutex::default(),
            fault: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    fn done(&self) -> Done {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Done { loaded: count(&self.loaded), expired: count(&self.expired) }
    }

    /// Puts batches in place until there are no more.
    fn work(&self, number: usize, waiting: &Mutex<Receiver<RawBatch>>) {
        loop {
            // One waits for the next batch, the others for that one.
            let next = waiting.lock().recv();
            let Ok(batch) = next else { return };
            self.batch(number, &batch);
        }
    }

    fn batch(&self, number: usize, batch: &RawBatch) {
        let (now, mut records) = (now(), batch.iter());
        for start in (0..batch.len()).step_by(CHUNK_KEYS) {
            let count = CHUNK_KEYS.min(batch.len() - start);
            if let Err(error) = self.chunk(number, now, records.by_ref().take(count)) {
                self.fails(error);
                return;
            }
        }
        give_way(); // clients may be served meanwhile
    }

    fn fails(&self, error: RdbError) {
        let mut first = self.fault.lock();
        if first.as_ref().is_none_or(|known| error.at < known.at) {
            *first = Some(error);
        }
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Decodes some keys of one database and puts them in place.
    fn chunk<'r>(
        &self,
        number: usize,
        now: Millis,
        records: impl Iterator<Item = RawRecord<'r>>,
    ) -> Result<(), RdbError> {
        let keyspace = self.keyspace;
        let mut read: SmallVec<[Undecoded<'_>; CHUNK_KEYS]> = SmallVec::new();
        for record in records {
            let one = record.key()?;
            if self.is_over(one.note.expiry) {
                self.leave_out(one.note.db, one.key.into_owned());
            } else {
                read.push(one);
            }
        }
        let Some(db) = read.first().map(|one| one.note.db) else { return Ok(()) };
        let mut keys: SmallVec<[Key<'_>; CHUNK_KEYS]> = SmallVec::new();
        for one in &read {
            let slot = Slot::of(&one.key);
            keyspace.prefetch_slot(Place { db, slot });
            keys.push(Key::new(&one.key, keyspace.hash(&one.key), slot));
        }
        let clock = Clock::new(now, keyspace.recording());
        let mut entries: SmallVec<[Option<Entry>; CHUNK_KEYS]> = SmallVec::new();
        for one in &read {
            entries.push(match one.entry(self.limits, history(&clock, one.note.usage)) {
                Ok(entry) => Some(entry),
                Err(RdbError { fault: Fault::Empty, .. }) => None,
                Err(error) => return Err(error),
            });
        }
        let loaded = entries.iter().flatten().count();
        self.empty.fetch_add((entries.len() - loaded) as u64, Ordering::Relaxed);
        self.loaded.fetch_add(loaded as u64, Ordering::Relaxed);
        let found = self.put((number, now, db), &mut keys, entries.drain(..));
        let error = |index: usize| RdbError { at: read[index].end, fault: Fault::Duplicate };
        found.map_err(error)
    }

    /// Puts entries in place, as far as there are any; the index of one whose key is there already.
    fn put(
        &self,
        (number, now, db): (usize, Millis, u8),
        keys: &mut [Key<'_>],
        entries: impl Iterator<Item = Option<Entry>>,
    ) -> Result<(), usize> {
        let keyspace = self.keyspace;
        let expected = self.expected[usize::from(db)].load(Ordering::Relaxed) as usize;
        let _pass = self.first_lane.map(|lane| keyspace.gate().enter(lane + number, false));
        let mut held = Held::lock(keyspace, db, keys, now);
        // Keys of a replica or of a log may be over and stay.
        held.expiry = Expiry::Show;
        for (index, (key, entry)) in keys.iter().zip(entries).enumerate() {
            let Some(entry) = entry else { continue };
            held.expect(key, expected);
            if self.merges {
                held.put(key, entry);
            } else if !held.put_new(key, entry) {
                return Err(index);
            }
        }
        held.release();
        Ok(())
    }

    /// Puts a key in place that was decoded while it was read.
    fn record(&self, number: usize, record: Record) -> Result<(), Fault> {
        let Record { db, key, value, expiry, usage } = record;
        if self.is_over(expiry) {
            self.leave_out(db, key);
            return Ok(());
        }
        let (now, keyspace) = (now(), self.keyspace);
        let clock = Clock::new(now, keyspace.recording());
        let entry = value.into_entry(&key, expiry, history(&clock, usage));
        let mut keys = [Key::new(&key, keyspace.hash(&key), Slot::of(&key))];
        self.loaded.fetch_add(1, Ordering::Relaxed);
        let put = self.put((number, now, db), &mut keys, std::iter::once(Some(entry)));
        put.map_err(|_| Fault::Duplicate)
    }

    fn is_over(&self, expiry: Option<Millis>) -> bool {
        expiry.is_some_and(|at| at.is_over(self.began))
            && !self.keep_expired.load(Ordering::Relaxed)
    }

    fn leave_out(&self, db: u8, key: Vec<u8>) {
        self.expired.fetch_add(1, Ordering::Relaxed);
        self.lapsed.lock().push((db, key));
    }
}

/// Says that a snapshot held libraries of functions, which are not kept here.
fn warn_of_functions(libraries: u64) {
    if libraries > 0 {
        tracing::warn!(
            libraries,
            "function libraries were left out: there are no functions here, and the next snapshot \
             will not hold them"
        );
    }
}

/// A key's access history, as far as what the file says of it is recorded here.
fn history(clock: &Clock, usage: Option<Usage>) -> u32 {
    match (usage, clock.recording()) {
        (Some(Usage::IdleSecs(seconds)), Recording::LastUse) => clock.from_idle(seconds),
        (Some(Usage::Frequency(count)), Recording::Frequency { .. }) => clock.from_frequency(count),
        _ => clock.fresh(),
    }
}
