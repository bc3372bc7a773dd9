//! Loading a dataset from a file. One thread reads and decodes, others put the keys in place.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::file::{SaveError, path, save_alone};
use super::{RETRY, now};
use parking_lot::Mutex;

use crate::base::{Millis, ReplId, Rng, Slot};
use crate::commands::limits_of;
use crate::keyspace::{Clock, Held, Place, Recording};
use crate::persist::rdb::file::{self, Record, Sink, Usage};
use crate::persist::rdb::{Fault, RdbError};
use crate::state::Server;
use crate::state::conditions::Condition;
use crate::state::control::Reload;
use crate::state::replication::HistoryPoint;

/// Keys handed over at a time, and batches that may wait.
const BATCH: usize = 128;
const BATCHES_WAITING: usize = 16;
/// More threads than this would wait for the one that decodes.
const THREADS_MAX: usize = 2;

/// Why a dataset could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum LoadError {
    #[error("could not read {path}")]
    Read {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("{path} cannot be loaded")]
    Content {
        path: String,
        #[source]
        cause: RdbError,
    },
}

/// Loads `dbfilename` into an empty keyspace; without such a file it stays empty. Blocks.
///
/// # Errors
/// See [`LoadError`]; part of the keys may be there then.
pub(in crate::server) fn load_at_start(server: &Server) -> Result<(), LoadError> {
    load(server, Manner { resumes: true, merges: false })
}

/// How a file is loaded.
#[derive(Clone, Copy)]
struct Manner {
    /// Goes on with the history that the file is a point of.
    resumes: bool,
    /// Replaces keys that are there; otherwise a key that is there makes the file unfit.
    merges: bool,
}

fn load(server: &Server, manner: Manner) -> Result<(), LoadError> {
    let path = path(server);
    match File::open(&path) {
        Ok(file) => load_file(server, &path, file, manner),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(LoadError::Read { path: path.display().to_string(), cause }),
    }
}

/// DEBUG RELOAD: saves, empties all databases and loads, while nobody else touches a key, and after
/// any other snapshot that is being made. Blocks.
///
/// # Errors
/// In words for the client.
pub(in crate::server) fn reload(
    server: &Server,
    how: Reload,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pass = loop {
        let pass = server.keyspace.gate().exclusive();
        // Keys are put in place behind the back of any walk.
        if !server.keyspace.is_walked() {
            break pass;
        }
        drop(pass);
        std::thread::sleep(RETRY);
    };
    if how.save {
        let saved = save_alone(server, &pass).map_err(|error: SaveError| Box::new(error))?;
        server.persistence.note_saved(saved.changes);
    }
    if how.flush {
        let mut held = Held::whole(&server.keyspace, 0, &mut [], now());
        for db in 0..server.keyspace.databases() {
            held.flush(db as u8);
        }
        server.garbage.throw(std::mem::take(&mut held.garbage));
    }
    server.conditions.set(Condition::LOADING, true);
    let loaded = load(server, Manner { resumes: false, merges: how.merge });
    server.conditions.set(Condition::LOADING, false);
    Ok(loaded?)
}

fn load_file(server: &Server, path: &Path, file: File, manner: Manner) -> Result<(), LoadError> {
    let name = || path.display().to_string();
    let total = file.metadata().map_err(|cause| LoadError::Read { path: name(), cause })?.len();
    let loaded = &server.persistence.loaded;
    loaded.used_memory.store(0, Ordering::Relaxed);
    server.loading.begin(now(), total);
    let filled = fill(server, file, manner);
    server.loading.end();
    let outcome = filled.map_err(|cause| LoadError::Content { path: name(), cause })?;
    if !outcome.is_checked {
        tracing::info!("no checksum was compared");
    }
    if outcome.empty > 0 {
        tracing::warn!(keys = outcome.empty, "collections without elements were left out");
    }
    tracing::info!(
        keys = loaded.keys_loaded.load(Ordering::Relaxed),
        expired = loaded.keys_expired.load(Ordering::Relaxed),
        bytes = outcome.bytes,
        "dataset loaded"
    );
    Ok(())
}

/// Puts every key of a file into the keyspace.
fn fill(server: &Server, file: File, manner: Manner) -> Result<file::Outcome, RdbError> {
    let settings = server.settings();
    let limits = limits_of(&settings, &server.keyspace);
    let loading = file::Loading {
        limits: &limits,
        databases: server.keyspace.databases(),
        checksum: settings.rdbchecksum,
    };
    let placing = Placing {
        server,
        now: now(),
        clock: Clock::new(now(), server.keyspace.recording()),
        // Its primary says when a replica's keys are gone.
        keep_expired: AtomicBool::new(settings.replicaof.is_some()),
        merges: manner.merges,
        failed: AtomicBool::new(false),
        loaded: AtomicU64::new(0),
        expired: AtomicU64::new(0),
        lapsed: Mutex::default(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.saturating_sub(1).clamp(1, THREADS_MAX);
    std::thread::scope(|scope| {
        let mut lanes = Vec::new();
        let mut placers = Vec::new();
        for _ in 0..threads {
            let (sender, records) = sync_channel::<Vec<Record>>(BATCHES_WAITING);
            lanes.push(sender);
            let placing = &placing;
            placers.push(scope.spawn(move || {
                records.into_iter().flatten().for_each(|record| placing.place(record));
            }));
        }
        let mut sink = Spread {
            placing: &placing,
            lanes,
            next: 0,
            batch: Vec::new(),
            history: History::default(),
            functions: 0,
        };
        let outcome = file::load(file, loading, &mut sink);
        sink.send();
        let history = std::mem::take(&mut sink.history);
        warn_of_functions(sink.functions);
        drop(sink);
        placers.into_iter().for_each(|placer| placer.join().expect("a key is put in place"));
        placing.note();
        if outcome.is_ok() && manner.resumes {
            placing.resume(&history);
        }
        match outcome {
            Ok(outcome) if placing.failed.load(Ordering::Relaxed) => {
                Err(RdbError { at: outcome.bytes, fault: Fault::Duplicate })
            }
            outcome => outcome,
        }
    })
}

/// Says that a snapshot held libraries of functions, which are not kept here.
pub(in crate::server) fn warn_of_functions(libraries: u64) {
    if libraries > 0 {
        tracing::warn!(
            libraries,
            "function libraries were left out: there are no functions here, and the next snapshot \
             will not hold them"
        );
    }
}

/// Puts records in place.
struct Placing<'a> {
    server: &'a Server,
    now: Millis,
    clock: Clock,
    keep_expired: AtomicBool,
    merges: bool,
    /// A key came twice.
    failed: AtomicBool,
    loaded: AtomicU64,
    expired: AtomicU64,
    /// What was left out because its time is over; replicas that go on have it still.
    lapsed: Mutex<Vec<(u8, Vec<u8>)>>,
}

impl Placing<'_> {
    fn place(&self, record: Record) {
        let Record { db, key, value, expiry, usage } = record;
        if expiry.is_some_and(|at| at.is_over(self.now))
            && !self.keep_expired.load(Ordering::Relaxed)
        {
            self.expired.fetch_add(1, Ordering::Relaxed);
            self.lapsed.lock().push((db, key));
            return;
        }
        let lru = match (usage, self.clock.recording()) {
            (Some(Usage::IdleSecs(seconds)), Recording::LastUse) => self.clock.from_idle(seconds),
            (Some(Usage::Frequency(count)), Recording::Frequency { .. }) => {
                self.clock.from_frequency(count)
            }
            _ => self.clock.fresh(),
        };
        let entry = value.into_entry(&key, expiry, lru);
        let (keyspace, place) = (&self.server.keyspace, Place { db, slot: Slot::of(&key) });
        let hash = keyspace.hash(&key);
        keyspace.with_slot(place, |store| {
            let former = self.merges.then(|| store.remove(hash, &key, keyspace.hasher()));
            if former.is_none() && store.find(hash, &key).is_some() {
                self.failed.store(true, Ordering::Relaxed);
            } else {
                store.insert(hash, entry, keyspace.hasher());
            }
        });
        self.loaded.fetch_add(1, Ordering::Relaxed);
    }

    /// Goes on with the history that the file is a point of, if it is one.
    fn resume(&self, history: &History) {
        let &History { id: Some(id), offset: Some(offset), db: Some(db) } = history else {
            return;
        };
        let server = self.server;
        let point = HistoryPoint { id, offset, db: db.max(0) as u8 };
        let as_replica = server.settings.load().replicaof.is_some();
        server.resume_history(point, as_replica, ReplId::random(&mut Rng::from_entropy()));
        if server.log.is_active() {
            for (db, key) in self.lapsed.lock().drain(..) {
                server.log.append_command(db, &[b"DEL", &key]);
            }
        }
        tracing::info!(offset, as_replica, "replication history taken up again");
    }

    /// Shows how many keys there are so far.
    fn note(&self) {
        let loaded = &self.server.persistence.loaded;
        loaded.keys_loaded.store(self.loaded.load(Ordering::Relaxed), Ordering::Relaxed);
        loaded.keys_expired.store(self.expired.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// What a file says of the history it is a point of.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    id: Option<ReplId>,
    offset: Option<u64>,
    db: Option<i32>,
}

/// Deals records out to the threads that put them in place.
struct Spread<'a> {
    placing: &'a Placing<'a>,
    lanes: Vec<SyncSender<Vec<Record>>>,
    next: usize,
    batch: Vec<Record>,
    /// What the file says of the history it is a point of.
    history: History,
    /// Libraries of functions that were left out.
    functions: u64,
}

impl Spread<'_> {
    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let count = self.lanes.len();
        self.lanes[self.next % count].send(batch).expect("they end when we do");
        self.next += 1;
    }
}

impl Sink for Spread<'_> {
    fn key(&mut self, record: Record) -> Result<(), Fault> {
        self.batch.push(record);
        if self.batch.len() == BATCH {
            self.send();
            if self.placing.failed.load(Ordering::Relaxed) {
                return Err(Fault::Duplicate);
            }
        }
        Ok(())
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        self.functions += 1;
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        let loaded = &self.placing.server.persistence.loaded;
        match &*name {
            "used-mem" => loaded.used_memory.store(value.parse().unwrap_or(0), Ordering::Relaxed),
            "repl-id" => self.history.id = value.parse().ok(),
            "repl-offset" => self.history.offset = value.parse().ok(),
            "repl-stream-db" => self.history.db = value.parse().ok(),
            "aof-base" | "aof-preamble" => {
                self.placing.keep_expired.store(value != "0", Ordering::Relaxed);
            }
            _ => {}
        }
        if matches!(&*name, "redis-ver" | "valkey-ver" | "ctime" | "used-mem") {
            tracing::info!(%name, %value, "loading");
        }
    }

    fn progress(&mut self, bytes: u64) {
        self.placing.server.loading.reach(bytes);
        self.placing.note();
    }
}
