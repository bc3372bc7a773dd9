//! DEBUG LOADAOF: the dataset goes and comes back from the files.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::give_up;
use super::incremental::WriteForm;
use super::load::{LoadError, Loader};
use super::writer::Writer;
use crate::base::Millis;
use crate::engine::unix_time;
use crate::keyspace::Held;
use crate::replication::Logging;
use crate::resp::Value;
use crate::state::conditions::Condition;
use crate::state::{Mail, Server};

impl Writer {
    /// Loads the dataset again if somebody asked for that, as soon as the files hold it. Where it
    /// cannot be loaded the process ends, as Redis does.
    pub(super) fn reload_if_wanted(&mut self, quit: &AtomicBool) {
        if !self.server.aof.is_reload_wanted() {
            return;
        }
        let server = Arc::clone(&self.server);
        let _replacing = server.replacing.lock();
        if !self.is_complete() {
            return;
        }
        let waiting = server.aof.take_reloads();
        match self.reload(quit) {
            Ok(()) => waiting.into_iter().for_each(|one| one.answer(Ok(Value::ok()))),
            Err(LoadError::Stopped) => {}
            Err(error) => give_up(&error),
        }
    }

    /// Whether the files are those of this dataset, or are not written at all.
    fn is_complete(&self) -> bool {
        match &self.open {
            Some(open) => open.temporary.is_none() && open.incremental.follows(&self.server.log),
            None => !self.server.settings.load().appendonly,
        }
    }

    fn reload(&mut self, quit: &AtomicBool) -> Result<(), LoadError> {
        self.abandon_rewrite();
        let server = Arc::clone(&self.server);
        // Whoever is inside has been let in before this; after the gate nobody writes.
        server.conditions.set(Condition::LOADING, true);
        let alone = server.keyspace.gate().exclusive();
        let end = server.log.reach();
        server.log.set_logging(Logging::Off);
        empty(&server);
        drop(alone);
        if let Some(open) = &mut self.open {
            let written = open.incremental.write(&server.log, end, WriteForm::default());
            // What is in use is not to be cut off beneath its writer.
            if let Err(error) = written.and_then(|()| open.incremental.output.trim()) {
                tracing::error!(%error, "the end of the log was not written");
            }
        }
        let loaded = Loader::new(Arc::clone(&server), self.lane, quit).load(&self.folder);
        if let Some(open) = &mut self.open {
            open.incremental.output.forget_space();
        }
        let alone = server.keyspace.gate().exclusive();
        server.log_if_wanted();
        drop(alone);
        server.conditions.set(Condition::LOADING, false);
        // Those who wait for keys may find what they wait for.
        server.clients.all().iter().for_each(|client| client.post(Mail::Recheck));
        loaded.map(drop)
    }
}

/// Empties all databases, as nobody else is inside.
fn empty(server: &Server) {
    let now = Millis(unix_time().as_millis() as u64);
    for db in 0..server.keyspace.databases() as u8 {
        for name in server.watches.names(db) {
            server.watches.touch(db, &name);
        }
        let mut held = Held::whole(&server.keyspace, db, &mut [], now);
        held.flush(db);
        let garbage = std::mem::take(&mut held.garbage);
        held.release();
        server.garbage.throw(garbage);
    }
}
