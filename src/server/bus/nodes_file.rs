//! `nodes.conf` on disk: locked for this process, replaced in one step.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::super::config_file::write_whole;
use crate::base::Millis;
use crate::cluster::nodes_conf::{self, ConfError, Saved};

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum NodesFileError {
    #[error("could not {what} {path}")]
    Io {
        what: &'static str,
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error(
        "the cluster configuration file {path} is already used by a different node: make sure that \
         different nodes use different cluster configuration files"
    )]
    Locked { path: String },
    #[error("{path} is corrupt")]
    Corrupt {
        path: String,
        #[source]
        cause: ConfError,
    },
}

/// The file and its lock.
pub(super) struct NodesFile {
    path: PathBuf,
    /// Held for the life of the process. A file of its own: renaming would leave the lock behind.
    _lock: File,
}

impl NodesFile {
    /// Takes the lock.
    ///
    /// # Errors
    /// If another process has it.
    pub(super) fn open(path: PathBuf) -> Result<NodesFile, NodesFileError> {
        let lock_path = PathBuf::from(format!("{}.lock", path.display()));
        let options = OpenOptions::new().create(true).truncate(false).write(true).to_owned();
        let lock = options.open(&lock_path).map_err(|cause| failed("lock", &lock_path, cause))?;
        match lock.try_lock() {
            Ok(()) => Ok(NodesFile { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(NodesFileError::Locked { path: path.display().to_string() })
            }
            Err(TryLockError::Error(cause)) => Err(failed("lock", &lock_path, cause)),
        }
    }

    /// What the last run saved; `None` for a node that starts for the first time.
    ///
    /// # Errors
    /// If the file cannot be read or is corrupt.
    pub(super) fn read(&self, now: Millis) -> Result<Option<Saved>, NodesFileError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed("read", &self.path, cause)),
        };
        nodes_conf::parse(&text, now, false).map_err(|cause| {
            let path = self.path.display().to_string();
            NodesFileError::Corrupt { path, cause }
        })
    }

    /// Replaces the content. Without `sync` a power failure may bring the old content back, never a
    /// mix.
    ///
    /// # Errors
    /// If it cannot be written; the old content then stands.
    pub(super) fn write(&mut self, text: &str, sync: bool) -> Result<(), NodesFileError> {
        write_whole(&self.path, text.as_bytes(), sync)
            .map_err(|cause| failed("write", &self.path, cause))
    }
}

fn failed(what: &'static str, path: &Path, cause: io::Error) -> NodesFileError {
    NodesFileError::Io { what, path: path.display().to_string(), cause }
}
