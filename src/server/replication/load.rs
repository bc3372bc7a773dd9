//! Taking a full copy into the keyspace.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use crate::base::{Millis, Slot};
use crate::commands::limits_of;
use crate::keyspace::{Expiry, Held, Key};
use crate::persist::rdb::file::{Loading, Record, Sink, Usage, load};
use crate::persist::rdb::{Fault, RdbError};
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

/// Puts keys where they belong.
struct Filler<'a> {
    server: &'a Server,
    lane: usize,
    now: Millis,
    db: u8,
    keep_alive: &'a mut dyn FnMut(),
}

impl Sink for Filler<'_> {
    fn key(&mut self, record: Record) -> Result<(), Fault> {
        let keyspace = &self.server.keyspace;
        let bytes = record.key.as_slice();
        let mut keys = [Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes))];
        let pass = keyspace.gate().enter(self.lane, false);
        let mut held = Held::lock(keyspace, record.db, &mut keys, self.now);
        held.expiry = Expiry::Show;
        if held.peek(&keys[0]).is_some() {
            return Err(Fault::Duplicate);
        }
        let clock = held.clock;
        let lru = match record.usage {
            Some(Usage::IdleSecs(seconds)) => clock.from_idle(seconds),
            Some(Usage::Frequency(counter)) => clock.from_frequency(counter),
            None => clock.fresh(),
        };
        held.put(&keys[0], record.value.into_entry(bytes, record.expiry, lru));
        held.release();
        drop(pass);
        Ok(())
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        tracing::warn!("a function of the full copy was left out: there are no functions here");
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        if name == b"repl-stream-db" {
            let db = std::str::from_utf8(value).ok().and_then(|db| db.parse().ok());
            self.db = db.unwrap_or(0);
        }
    }

    fn progress(&mut self, _: u64) {
        (self.keep_alive)();
    }
}

/// Whether a copy holds any key. Reads no further than the first.
pub(super) fn holds_keys(server: &Server, file: &mut File) -> bool {
    let mut probe = Probe { holds_keys: false };
    drop(read(server, file, &mut probe));
    probe.holds_keys
}

/// Loads a copy into the empty keyspace; the database that its stream has selected.
///
/// # Errors
/// If it is no such file, or one that cannot be kept. Part of it is there then.
pub(super) fn fill(
    server: &Server,
    lane: usize,
    file: &mut File,
    now: Millis,
    keep_alive: &mut dyn FnMut(),
) -> Result<u8, RdbError> {
    let mut filler = Filler { server, lane, now, db: 0, keep_alive };
    let keys = read(server, file, &mut filler)?;
    tracing::info!(keys, "full copy loaded");
    Ok(filler.db)
}

fn read(server: &Server, file: &mut File, sink: &mut dyn Sink) -> Result<u64, RdbError> {
    let settings = server.settings.load();
    let limits = limits_of(&settings, &server.keyspace);
    let loading = Loading {
        limits: &limits,
        databases: server.keyspace.databases(),
        checksum: settings.rdbchecksum,
    };
    let begun = file.seek(SeekFrom::Start(0));
    begun.map_err(|error| RdbError { at: 0, fault: Fault::Io(error) })?;
    Ok(load(file, loading, sink)?.keys)
}

/// Empties every database.
pub(super) fn flush(server: &Server) {
    let lazily = server.settings.load().replica_lazy_flush;
    let _alone = server.keyspace.gate().exclusive();
    let keyspace = &server.keyspace;
    server.tracking.forget_all(&server.clients);
    for db in 0..keyspace.databases() as u8 {
        for name in server.watches.names(db) {
            server.watches.touch(db, &name);
        }
        let mut held = Held::whole(keyspace, db, &mut [], Millis::ZERO);
        held.flush(db);
        let garbage = std::mem::take(&mut held.garbage);
        held.release();
        if lazily {
            server.garbage.throw(garbage);
        }
    }
}
