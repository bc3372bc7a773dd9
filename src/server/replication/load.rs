//! Taking a full copy into the keyspace.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::base::{Millis, Slot};
use crate::commands::limits_of;
use crate::keyspace::{Clock, Expiry, Held, Key, Keyspace, Pass, Place};
use crate::persist::rdb::file::{Loading, Record, Sink, Usage, load};
use crate::persist::rdb::{Fault, RdbError};
use crate::server::snapshot::warn_of_functions;
use crate::state::Server;

/// A sink that only wants to know whether there is anything.
struct Probe {
    holds_keys: bool,
}

impl Sink for Probe {
    fn key(&mut self, _: Record) -> Result<(), Fault> {
        self.holds_keys = true;
        Err(Fault::Refused("one key is enough".to_owned()))
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        Ok(())
    }
}

/// What a copy says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    /// The database that its stream has selected.
    pub db: u8,
    pub keys: u64,
    /// Libraries of functions that were left out.
    functions: u64,
}

/// Where keys go.
enum Target<'a> {
    /// This node's keyspace, by way of a lane of its gate.
    Own(usize),
    /// One that nobody else knows.
    Beside(&'a Keyspace),
}

/// Puts keys where they belong.
struct Filler<'a> {
    server: &'a Server,
    target: Target<'a>,
    now: Millis,
    copied: Copied,
    keep_alive: &'a mut dyn FnMut(),
}

impl Filler<'_> {
    fn put_into_own(&self, lane: usize, record: Record) -> Result<(), Fault> {
        let keyspace = &self.server.keyspace;
        let bytes = record.key.as_slice();
        let mut keys = [Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes))];
        let pass = keyspace.gate().enter(lane, false);
        let mut held = Held::lock(keyspace, record.db, &mut keys, self.now);
        held.expiry = Expiry::Show;
        if held.peek(&keys[0]).is_some() {
            return Err(Fault::Duplicate);
        }
        let lru = history(record.usage, held.clock);
        held.put(&keys[0], record.value.into_entry(bytes, record.expiry, lru));
        held.release();
        drop(pass);
        Ok(())
    }

    fn put_beside(&self, keyspace: &Keyspace, record: Record) -> Result<(), Fault> {
        let bytes = record.key.as_slice();
        let (hash, place) = (keyspace.hash(bytes), Place { db: record.db, slot: Slot::of(bytes) });
        let lru = history(record.usage, Clock::new(self.now, keyspace.recording()));
        let entry = record.value.into_entry(bytes, record.expiry, lru);
        keyspace.with_slot(place, |store| {
            if store.find(hash, bytes).is_some() {
                return Err(Fault::Duplicate);
            }
            store.insert(hash, entry, keyspace.hasher());
            Ok(())
        })
    }
}

/// How a key was used, as entries note it.
fn history(usage: Option<Usage>, clock: Clock) -> u32 {
    match usage {
        Some(Usage::IdleSecs(seconds)) => clock.from_idle(seconds),
        Some(Usage::Frequency(counter)) => clock.from_frequency(counter),
        None => clock.fresh(),
    }
}

impl Sink for Filler<'_> {
    fn key(&mut self, record: Record) -> Result<(), Fault> {
        match self.target {
            Target::Own(lane) => self.put_into_own(lane, record),
            Target::Beside(keyspace) => self.put_beside(keyspace, record),
        }
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        self.copied.functions += 1;
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        if name == b"repl-stream-db" {
            let db = std::str::from_utf8(value).ok().and_then(|db| db.parse().ok());
            self.copied.db = db.unwrap_or(0);
        }
    }

    fn progress(&mut self, bytes: u64) {
        self.server.loading.reach(bytes);
        (self.keep_alive)();
    }
}

/// Whether a copy holds any key. Reads no further than the first.
pub(super) fn holds_keys(server: &Server, file: &mut File) -> bool {
    let mut probe = Probe { holds_keys: false };
    if file.seek(SeekFrom::Start(0)).is_ok() {
        drop(read(server, file, &mut probe));
    }
    probe.holds_keys
}

/// Loads a copy into the empty keyspace.
///
/// # Errors
/// If it is no such file, or one that cannot be kept. Part of it is there then.
pub(super) fn fill(
    server: &Server,
    lane: usize,
    file: &mut File,
    now: Millis,
    keep_alive: &mut dyn FnMut(),
) -> Result<Copied, RdbError> {
    let target = Target::Own(lane);
    let mut filler = Filler { server, target, now, copied: Copied::default(), keep_alive };
    let begun = file.seek(SeekFrom::Start(0));
    begun.map_err(|error| RdbError { at: 0, fault: Fault::Io(error) })?;
    let keys = read(server, file, &mut filler)?;
    Ok(filler.copied.told(keys))
}

/// As [`fill`], into a keyspace made by [`Keyspace::beside`].
///
/// # Errors
/// As [`fill`].
pub(super) fn fill_beside(
    server: &Server,
    keyspace: &Keyspace,
    source: impl Read,
) -> Result<Copied, RdbError> {
    let target = Target::Beside(keyspace);
    let keep_alive = &mut || {};
    let (now, copied) = (super::now(), Copied::default());
    let mut filler = Filler { server, target, now, copied, keep_alive };
    let keys = read(server, source, &mut filler)?;
    Ok(filler.copied.told(keys))
}

impl Copied {
    fn told(self, keys: u64) -> Copied {
        warn_of_functions(self.functions);
        tracing::info!(keys, "full copy loaded");
        Copied { keys, ..self }
    }
}

fn read(server: &Server, source: impl Read, sink: &mut dyn Sink) -> Result<u64, RdbError> {
    let settings = server.settings.load();
    let limits = limits_of(&settings, &server.keyspace);
    let loading = Loading {
        limits: &limits,
        databases: server.keyspace.databases(),
        checksum: settings.rdbchecksum,
    };
    Ok(load(source, loading, sink)?.keys)
}

/// Tells those who watch or cache keys that everything is about to be replaced.
fn announce(server: &Server) {
    server.tracking.forget_all(&server.clients);
    for db in 0..server.keyspace.databases() as u8 {
        for name in server.watches.names(db) {
            server.watches.touch(db, &name);
        }
    }
}

/// Empties every database.
pub(super) fn flush(server: &Server) {
    let lazily = server.settings.load().replica_lazy_flush;
    let _alone = server.keyspace.gate().exclusive();
    let keyspace = &server.keyspace;
    announce(server);
    for db in 0..keyspace.databases() as u8 {
        let mut held = Held::whole(keyspace, db, &mut [], Millis::ZERO);
        held.flush(db);
        let garbage = std::mem::take(&mut held.garbage);
        held.release();
        if lazily {
            server.garbage.throw(garbage);
        }
    }
}

/// Puts a copy that was loaded beside the data in its place.
pub(super) fn replace(server: &Server, pass: &Pass<'_>, copy: Keyspace) {
    announce(server);
    // Freed by another thread whatever the settings say: nobody is to wait for that.
    server.garbage.throw(server.keyspace.replace(pass, copy));
}
