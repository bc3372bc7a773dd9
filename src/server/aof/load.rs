//! Loading the dataset from the append-only files when the node starts.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::base;
use super::folder::{Folder, FolderError};
use super::output::Output;
use crate::base::Millis;
use crate::config::Settings;
use crate::engine::{Replay, unix_time};
use crate::persist::aof::seal::{self, Ending};
use crate::persist::aof::{Item, Manifest, ScanError, Scanner};
use crate::persist::rdb::{Fault, RdbError, file, is_rdb};
use crate::server::snapshot::{Done, Host, Source, Target, fill};
use crate::state::Server;

/// Enough of a file to tell what it is.
const HEAD_BYTES: u64 = 16;

/// What loads and deletes libraries of functions; left out, as in snapshots.
const FUNCTION: &[u8] = b"FUNCTION";

/// Bytes of commands run in one go.
const RUN_BYTES: usize = 64 * 1024;

/// Why the dataset cannot be loaded. The node does not start then: it would go on without data
/// that its operator believes safe.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("could not read {path}")]
    Read {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("it was stopped")]
    Stopped,
    #[error("the RDB in {path} is not valid")]
    Rdb {
        path: String,
        #[source]
        cause: RdbError,
    },
    #[error("{path} ends in the middle of a command: see the setting aof-load-truncated")]
    CutOff {
        path: String,
        #[source]
        cause: ScanError,
    },
    #[error("the last write to {path} was torn: see the setting aof-load-truncated")]
    Torn { path: String },
    #[error("{path} ends inside a transaction: see the setting aof-load-truncated")]
    OpenTransaction { path: String },
    #[error("{path} is not valid: see redpoll check-aof --fix")]
    Content {
        path: String,
        #[source]
        cause: ScanError,
    },
    #[error("{path} has a command that is not known here: {name}, at byte {offset}")]
    Unknown { path: String, name: String, offset: u64 },
    #[error("{path} has a command that cannot be run from a file, before byte {offset}")]
    Stuck { path: String, offset: u64 },
}

/// What is loaded from, and what has been loaded.
pub(super) struct Loader<'a> {
    /// Set when the process is to end.
    quit: &'a AtomicBool,
    server: Arc<Server>,
    replay: Replay,
    /// Bytes of the files before the present one.
    before: u64,
}

impl Loader<'_> {
    /// `lane` is the calling thread's lane of the gate.
    pub(super) fn new(server: Arc<Server>, lane: usize, quit: &AtomicBool) -> Loader<'_> {
        Loader { quit, replay: Replay::new(lane, Arc::clone(&server)), server, before: 0 }
    }

    /// Loads everything; what the folder consists of then. A folder without files gets an empty
    /// base.
    pub(super) fn load(mut self, folder: &Folder) -> Result<Manifest, LoadError> {
        let settings = self.server.settings.load_full();
        let found = match folder.read_manifest()? {
            Some(manifest) => Some(manifest),
            None => folder.upgrade()?,
        };
        let Some(mut manifest) = found.filter(|found| found.parts().next().is_some()) else {
            return Ok(begin(&self.server, folder, &settings)?);
        };
        folder.finish_upgrade(&manifest)?;
        let total = folder.size(&manifest)?;
        let began = unix_time();
        self.server.loading.begin(Millis(began.as_millis() as u64), total);
        let parts: Vec<PathBuf> = manifest.parts().map(|part| folder.file(&part.name)).collect();
        for (index, path) in parts.iter().enumerate() {
            self.file(path, index + 1 == parts.len())?;
        }
        self.server.loading.end();
        folder.remove_history(&mut manifest)?;
        let took = unix_time().saturating_sub(began);
        tracing::info!(bytes = total, seconds = took.as_secs_f64(), "dataset loaded");
        Ok(manifest)
    }

    fn file(&mut self, path: &Path, is_last: bool) -> Result<(), LoadError> {
        let shown = || path.display().to_string();
        let read = |cause| LoadError::Read { path: shown(), cause };
        let mut file = File::open(path).map_err(read)?;
        let mut size = file.metadata().map_err(read)?.len();
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(read)?;
        if !is_rdb(&head) {
            size = self.without_space(path, &mut file, size, is_last)?;
        }
        file.rewind().map_err(read)?;
        self.replay.restart();
        let (rest, offset) = if is_rdb(&head) {
            let outcome = self.rdb(&file, size);
            if self.quit.load(Ordering::Acquire) {
                return Err(LoadError::Stopped);
            }
            let outcome = outcome.map_err(|cause| LoadError::Rdb { path: shown(), cause })?;
            (outcome.rest, outcome.bytes)
        } else {
            (Vec::new(), 0)
        };
        let mut scanner = Scanner::new(Cursor::new(rest).chain(file), offset, size);
        let outcome = self.commands(path, &mut scanner);
        let cut = match outcome {
            Ok(()) if !scanner.is_in_transaction() => None,
            Ok(()) => Some(LoadError::OpenTransaction { path: shown() }),
            Err(error @ LoadError::CutOff { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        if let Some(error) = cut {
            self.cut_off(path, scanner.safe_end(), is_last, error)?;
        }
        self.before += size;
        Ok(())
    }

    /// Cuts off space that was written ahead, and what a crash left of a write into it; the size
    /// of the file then.
    fn without_space(
        &self,
        path: &Path,
        file: &mut File,
        size: u64,
        is_last: bool,
    ) -> Result<u64, LoadError> {
        let shown = || path.display().to_string();
        let Ending { sealed, is_torn } = match seal::ending(file, size) {
            Ok(None) => return Ok(size),
            Ok(Some(ending)) => ending,
            Err(cause) => return Err(LoadError::Content { path: shown(), cause }),
        };
        if is_torn {
            self.may_be_cut(is_last, LoadError::Torn { path: shown() })?;
            tell_of_cut(path, sealed);
        }
        let file = File::options().write(true).open(path);
        let file = file.map_err(|cause| LoadError::Read { path: shown(), cause })?;
        let mut output = Output::sealed(file, sealed, size);
        match output.finish() {
            Ok(()) => Ok(output.end()),
            // There is no room for more than what was there.
            Err(_) => shorten(path, sealed).map(|()| sealed),
        }
    }

    /// Whether the end of a file may be done without.
    fn may_be_cut(&self, is_last: bool, error: LoadError) -> Result<(), LoadError> {
        if is_last && self.server.settings.load().aof_load_truncated { Ok(()) } else { Err(error) }
    }

    /// Does without the end of a file, if that may be.
    fn cut_off(
        &self,
        path: &Path,
        safe_end: u64,
        is_last: bool,
        error: LoadError,
    ) -> Result<(), LoadError> {
        self.may_be_cut(is_last, error)?;
        shorten(path, safe_end)?;
        tell_of_cut(path, safe_end);
        Ok(())
    }

    fn rdb(&mut self, file: &File, size: u64) -> Result<file::Outcome, RdbError> {
        let server = Arc::clone(&self.server);
        let source = Source { input: file, size, target: Target::Shared, merges: false };
        Ok(fill(&server, &server.keyspace, source, self)?.outcome)
    }

    /// Runs the commands up to the end of the file.
    fn commands<R: Read>(
        &mut self,
        path: &Path,
        scanner: &mut Scanner<R>,
    ) -> Result<(), LoadError> {
        let shown = || path.display().to_string();
        let mut batch = Vec::with_capacity(2 * RUN_BYTES);
        let mut has_functions = false;
        loop {
            let offset = scanner.offset();
            let item = scanner.next_item();
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    // What came before it counts.
                    self.run(&mut batch, path, offset)?;
                    let path = shown();
                    let is_end = matches!(error, ScanError::Content { is_end: true, .. });
                    return Err(if is_end {
                        LoadError::CutOff { path, cause: error }
                    } else {
                        LoadError::Content { path, cause: error }
                    });
                }
            };
            match item {
                None => {
                    if has_functions {
                        tracing::warn!(
                            path = shown(),
                            "functions were left out: there are none here"
                        );
                    }
                    return self.run(&mut batch, path, offset);
                }
                Some(Item::Annotation(_)) => {}
                Some(Item::Command(bytes, args)) => {
                    let arg = |index: usize| args.get(index).map(|range| &bytes[range.clone()]);
                    let name = arg(0).unwrap_or_default();
                    if !Replay::knows(name, arg(1)) {
                        if name.eq_ignore_ascii_case(FUNCTION) {
                            has_functions = true;
                            continue;
                        }
                        let name = name.escape_ascii().to_string();
                        return Err(LoadError::Unknown { path: shown(), name, offset });
                    }
                    batch.extend_from_slice(bytes);
                }
            }
            if batch.len() >= RUN_BYTES {
                self.run(&mut batch, path, offset)?;
                self.server.loading.reach(self.before + offset);
            }
        }
    }

    fn run(&mut self, batch: &mut Vec<u8>, path: &Path, offset: u64) -> Result<(), LoadError> {
        if self.quit.load(Ordering::Acquire) {
            return Err(LoadError::Stopped);
        }
        let outcome = self.replay.run(batch);
        batch.clear();
        batch.shrink_to(2 * RUN_BYTES);
        outcome.map_err(|_| LoadError::Stuck { path: path.display().to_string(), offset })
    }
}

fn tell_of_cut(path: &Path, bytes: u64) {
    let path = path.display().to_string();
    tracing::warn!(path, bytes, "the file was cut off: its end is dropped");
}

/// Cuts off what is behind the first `size` bytes of a file.
fn shorten(path: &Path, size: u64) -> Result<(), LoadError> {
    let cut = || {
        let file = File::options().write(true).open(path)?;
        file.set_len(size)?;
        file.sync_all()
    };
    cut().map_err(|cause| LoadError::Read { path: path.display().to_string(), cause })
}

/// Makes the files of an empty dataset.
fn begin(server: &Server, folder: &Folder, settings: &Settings) -> Result<Manifest, FolderError> {
    folder.create()?;
    let mut manifest = folder.read_manifest()?.unwrap_or_default();
    let base = manifest.next_base(&folder.prefix, settings.aof_use_rdb_preamble);
    let path = folder.file(&base.name);
    base::write_empty(server, settings, &path).map_err(FolderError::io("write", &path))?;
    manifest.rebase(base, u64::MAX);
    let part = manifest.next_increment(&folder.prefix);
    folder.create_file(&folder.file(&part.name))?;
    manifest.push_increment(part);
    folder.write_manifest(&manifest)?;
    tracing::info!("append-only file begun");
    Ok(manifest)
}

/// Expired keys are kept: they may be needed by what follows.
impl Host for Loader<'_> {
    fn progress(&mut self, bytes: u64, _: Done) -> Result<(), Fault> {
        self.server.loading.reach(self.before + bytes);
        match self.quit.load(Ordering::Acquire) {
            true => Err(Fault::Refused("the process ends".to_owned())),
            false => Ok(()),
        }
    }
}
