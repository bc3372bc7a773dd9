//! Taking a full copy into the keyspace.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::atomic::Ordering;

use crate::base::Millis;
use crate::commands::limits_of;
use crate::keyspace::{Held, Keyspace, Pass};
use crate::persist::rdb::file::{Loading, Record, Sink, load};
use crate::persist::rdb::{Fault, RdbError};
use crate::server::snapshot::{Done, Filled, Host, Source, Target, fill};
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
}

/// What is made of a copy besides its keys. Those whose time is over stay: the primary says when
/// they are gone.
struct CopyHost<'a> {
    server: &'a Server,
    db: u8,
    keep_alive: &'a mut dyn FnMut(),
}

impl Host for CopyHost<'_> {
    fn aux(&mut self, name: &[u8], value: &[u8]) {
        if name == b"repl-stream-db" {
            self.db = self.server.stream_db(value);
        }
    }

    fn progress(&mut self, bytes: u64, _: Done) -> Result<(), Fault> {
        self.server.loading.reach(bytes);
        (self.keep_alive)();
        Ok(())
    }
}

/// Whether a copy holds any key. Reads no further than the first.
pub(super) fn holds_keys(server: &Server, file: &mut File) -> bool {
    let mut probe = Probe { holds_keys: false };
    let settings = server.settings();
    let limits = limits_of(&settings, &server.keyspace);
    let databases = server.keyspace.databases();
    let loading = Loading { limits: &limits, databases, checksum: false };
    if rewind(file).is_ok() {
        drop(load(file, loading, &mut probe));
    }
    probe.holds_keys
}

/// Loads a copy into the empty keyspace.
///
/// # Errors
/// If it is no such file, or one that cannot be kept. Part of it is there then.
pub(super) fn fill_from(
    server: &Server,
    file: &mut File,
    keep_alive: &mut dyn FnMut(),
) -> Result<Copied, RdbError> {
    let size = rewind(file)?;
    let source = Source { input: file, size, target: Target::Shared, merges: false };
    fill_into(server, &server.keyspace, source, keep_alive)
}

/// As [`fill_from`], into a keyspace made by [`Keyspace::beside`].
///
/// # Errors
/// As [`fill_from`].
pub(super) fn fill_beside(
    server: &Server,
    keyspace: &Keyspace,
    input: impl Read,
) -> Result<Copied, RdbError> {
    let source = Source { input, size: 0, target: Target::Exclusive, merges: false };
    fill_into(server, keyspace, source, &mut || {})
}

fn fill_into<R: Read>(
    server: &Server,
    keyspace: &Keyspace,
    source: Source<R>,
    keep_alive: &mut dyn FnMut(),
) -> Result<Copied, RdbError> {
    let mut host = CopyHost { server, db: 0, keep_alive };
    let Filled { outcome, .. } = fill(server, keyspace, source, &mut host)?;
    tracing::info!(keys = outcome.keys, "full copy loaded");
    let loaded = &server.persistence.loaded;
    loaded.keys_loaded.store(outcome.keys, Ordering::Relaxed);
    loaded.keys_expired.store(0, Ordering::Relaxed);
    Ok(Copied { db: host.db, keys: outcome.keys })
}

/// Goes to the beginning of a file; its size.
fn rewind(file: &mut File) -> Result<u64, RdbError> {
    let begun = file.rewind().and_then(|()| Ok(file.metadata()?.len()));
    begun.map_err(|error| RdbError { at: 0, fault: Fault::Io(error) })
}

/// Tells those who watch, cache or expire keys that everything is about to be replaced.
fn announce(server: &Server) {
    server.own_expiries.clear();
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
