//! Loading a dataset from a file.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::Ordering;

use super::file::{SaveError, path, save_alone};
use super::fill::{Done, Host, Source, Target, fill};
use super::{RETRY, now};
use crate::base::{ReplId, Rng};
use crate::keyspace::Held;
use crate::persist::rdb::{Fault, RdbError, file};
use crate::replication::identity::is_offset;
use crate::state::Server;
use crate::state::conditions::Condition;
use crate::state::control::Reload;
use crate::state::replication::HistoryPoint;

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
    load(server, Manner { resumes: true, merges: false })?;
    server.log_if_wanted();
    Ok(())
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
    let (_replacing, pass) = loop {
        let replacing = server.replacing.lock();
        let pass = server.keyspace.gate().exclusive();
        // Keys are put in place behind the back of any walk.
        if !server.keyspace.is_walked() {
            break (replacing, pass);
        }
        drop((pass, replacing));
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
    let filled = fill_from(server, file, total, manner);
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
fn fill_from(
    server: &Server,
    file: File,
    size: u64,
    manner: Manner,
) -> Result<file::Outcome, RdbError> {
    let mut host = FileHost {
        server,
        // Its primary says when a replica's keys are gone; replicas of a primary that goes on have
        // to be told, which whoever removes them later does.
        keeps_expired: !manner.resumes || server.replication.is_replica(),
        history: History::default(),
    };
    // DEBUG RELOAD, which does not resume, holds the exclusive gate.
    let target = if manner.resumes { Target::Shared } else { Target::Exclusive };
    let source = Source { input: file, size, target, merges: manner.merges };
    let filled = fill(server, &server.keyspace, source, &mut host)?;
    host.note(filled.done);
    if manner.resumes {
        host.resume(filled.lapsed);
    }
    Ok(filled.outcome)
}

/// What a file says of the history it is a point of.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    id: Option<ReplId>,
    offset: Option<u64>,
    /// 0 if the file says one that there is not.
    db: Option<u8>,
}

/// What is made of a file besides its keys.
struct FileHost<'a> {
    server: &'a Server,
    keeps_expired: bool,
    history: History,
}

impl FileHost<'_> {
    /// Goes on with the history that the file is a point of, if it is one. Of the keys that have
    /// `lapsed`, replicas that go on have to be told.
    fn resume(&self, lapsed: Vec<(u8, Vec<u8>)>) {
        let History { id: Some(id), offset: Some(offset), db: Some(db) } = self.history else {
            return;
        };
        let server = self.server;
        let point = HistoryPoint { id, offset, db };
        let new_name = ReplId::random(&mut Rng::from_entropy());
        let as_replica = server.resume_history(point, new_name);
        if server.log.is_active() {
            for (db, key) in lapsed {
                server.log.append_command(db, &[b"DEL", &key]);
            }
        }
        tracing::info!(offset, as_replica, "replication history taken up again");
    }

    /// Shows how many keys there are so far.
    fn note(&self, done: Done) {
        let loaded = &self.server.persistence.loaded;
        loaded.keys_loaded.store(done.loaded, Ordering::Relaxed);
        loaded.keys_expired.store(done.expired, Ordering::Relaxed);
    }
}

impl Host for FileHost<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        let loaded = &self.server.persistence.loaded;
        match &*name {
            "used-mem" => loaded.used_memory.store(value.parse().unwrap_or(0), Ordering::Relaxed),
            "repl-id" => self.history.id = value.parse().ok(),
            "repl-offset" => self.history.offset = value.parse().ok().filter(is_offset),
            "repl-stream-db" => self.history.db = Some(self.server.stream_db(value.as_bytes())),
            "aof-base" | "aof-preamble" if value != "0" => self.keeps_expired = true,
            _ => {}
        }
        if matches!(&*name, "redis-ver" | "valkey-ver" | "ctime" | "used-mem") {
            tracing::info!(%name, %value, "loading");
        }
    }

    fn keeps_expired(&self) -> bool {
        self.keeps_expired
    }

    fn progress(&mut self, bytes: u64, done: Done) -> Result<(), Fault> {
        self.server.loading.reach(bytes);
        self.note(done);
        Ok(())
    }
}
