//! The append-only file: loading it when the node starts, writing it, rewriting it.
//!
//! One thread does all of that; see [`writer`] for how it follows the log, and [`rewrite`] for how
//! files take each other's place.

mod base;
mod folder;
mod incremental;
mod load;
mod output;
mod reload;
mod rewrite;
mod syncer;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use self::folder::{Folder, FolderError};
use self::load::{LoadError, Loader};
use self::writer::Writer;
use crate::base::error::with_causes;
use crate::config::{SetError, Settings};
use crate::state::Server;
use crate::state::conditions::Condition;

pub(super) use writer::watch;

/// The thread, until it is stopped.
pub(super) struct AppendOnly {
    quit: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl AppendOnly {
    /// Starts the thread, which has `lane` of the gate. With `load` it loads the dataset first; if
    /// that is impossible the process ends, as it would go on without data that its operator
    /// believes safe.
    ///
    /// # Errors
    /// If there is no thread to be had, or no working directory.
    pub(super) fn start(server: &Arc<Server>, lane: usize, load: bool) -> io::Result<AppendOnly> {
        let folder = Folder::of(&server.settings.load())?;
        let mut writer = Writer::new(Arc::clone(server), folder, lane)?;
        let (server, quit) = (Arc::clone(server), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&quit);
        let work = move || {
            if load {
                match begin(&server, &mut writer, &until) {
                    Ok(()) => server.conditions.set(Condition::LOADING, false),
                    Err(LoadError::Stopped) => return,
                    Err(error) => give_up(&error),
                }
            }
            writer.run(&until);
        };
        let thread = std::thread::Builder::new().name("aof".to_owned()).spawn(work)?;
        Ok(AppendOnly { quit, thread })
    }

    /// Ends the thread when everything is written and safe.
    pub(super) fn stop(self) {
        self.quit.store(true, Ordering::Release);
        drop(self.thread.join());
    }
}

/// Makes the folder if `appendonly` is about to be turned on. Everything else about that can be
/// tried again later, and is.
///
/// # Errors
/// If the folder cannot be made.
pub(super) fn prepare(before: &Settings, after: &Settings) -> Result<(), SetError> {
    if before.appendonly || !after.appendonly {
        return Ok(());
    }
    let folder = Folder::of(after).map_err(FolderError::io("find", Path::new(".")));
    folder.and_then(|folder| folder.create()).map_err(|error| {
        tracing::error!(error = with_causes(&error), "appendonly cannot be turned on");
        SetError::not_applied("appendonly", "Unable to turn on AOF. Check server logs.")
    })
}

/// Loads the dataset and goes on in the files it came from.
fn begin(server: &Arc<Server>, writer: &mut Writer, quit: &AtomicBool) -> Result<(), LoadError> {
    let lock = writer.folder.lock()?;
    let manifest = Loader::new(Arc::clone(server), writer.lane, quit).load(&writer.folder)?;
    drop(lock);
    // What was run once is not counted again.
    server.stats.worker(writer.lane).reset();
    Ok(writer.adopt(manifest)?)
}

/// Ends the process, which would go on without data that its operator believes safe.
fn give_up(error: &LoadError) -> ! {
    tracing::error!(error = with_causes(error), "the dataset cannot be loaded: exiting");
    std::process::exit(1);
}
