//! Syncing the file beside writing it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::writer::Event;
use crate::replication::Reach;

struct Job {
    file: Arc<File>,
    reach: Reach,
    done: Box<dyn FnOnce() + Send>,
}

/// A thread that syncs what it is given, one after the other. It ends with its owner.
pub(super) struct Syncer(Sender<Job>);

impl Syncer {
    /// Outcomes are told through `events`.
    ///
    /// # Errors
    /// If the thread cannot be created.
    pub(super) fn new(events: Sender<Event>) -> io::Result<Syncer> {
        let (sender, jobs) = channel::<Job>();
        let work = move || {
            for Job { file, reach, done } in jobs {
                let outcome = file.sync_data();
                done();
                // Nobody listens when the process ends.
                drop(events.send(Event::Synced(file, reach, outcome)));
            }
        };
        std::thread::Builder::new().name("aof-sync".to_owned()).spawn(work)?;
        Ok(Syncer(sender))
    }

    /// Syncs `file`, which has everything up to `reach`, then calls `done`.
    pub(super) fn sync(&self, file: Arc<File>, reach: Reach, done: impl FnOnce() + Send + 'static) {
        let sent = self.0.send(Job { file, reach, done: Box::new(done) });
        assert!(sent.is_ok(), "the thread lives as long as its owner");
    }
}
