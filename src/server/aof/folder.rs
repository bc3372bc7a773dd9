//! The folder of the append-only files, and changing what is in it so that a crash at any moment
//! leaves a folder that can be loaded.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::persist::aof::{Manifest, ManifestError, Part};

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("could not {what} {path}")]
    Io {
        what: &'static str,
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("the manifest {path} is not valid")]
    Manifest {
        path: String,
        #[source]
        cause: ManifestError,
    },
    #[error("another process writes to {path}")]
    Locked { path: String },
}

impl FolderError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
        let path = path.display().to_string();
        move |cause| FolderError::Io { what, path, cause }
    }
}

/// See the module's head.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What the names of the files begin with.
    pub prefix: Vec<u8>,
    /// Where versions before 7.0 had their single file.
    old_file: PathBuf,
}

impl Folder {
    /// The folder that the settings name, below the working directory.
    ///
    /// # Errors
    /// If there is no working directory.
    pub(super) fn of(settings: &Settings) -> io::Result<Folder> {
        let dir = std::env::current_dir()?;
        let prefix = settings.appendfilename.clone();
        Ok(Folder {
            path: dir.join(OsStr::from_bytes(&settings.appenddirname)),
            old_file: dir.join(OsStr::from_bytes(&prefix)),
            prefix,
        })
    }

    /// Makes the folder if it is not there.
    pub(super) fn create(&self) -> Result<(), FolderError> {
        match fs::create_dir(&self.path) {
            Err(error) if !self.path.is_dir() => {
                Err(FolderError::io("make the folder", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn file(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(name))
    }

    pub(super) fn temporary(&self, kind: &str) -> PathBuf {
        self.path
            .join(OsStr::from_bytes(&[b"temp-", &*self.prefix, b".", kind.as_bytes()].concat()))
    }

    fn manifest(&self) -> PathBuf {
        self.file(&Manifest::file_name(&self.prefix))
    }

    /// The manifest; `None` if there is none.
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, FolderError> {
        let path = self.manifest();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FolderError::io("read", &path)(error)),
        };
        let shown = path.display().to_string();
        Manifest::parse(&text)
            .map(Some)
            .map_err(|cause| FolderError::Manifest { path: shown, cause })
    }

    /// Puts a manifest in the place of the one before: one or the other is there at any moment,
    /// whole and for good.
    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), FolderError> {
        let temporary = self.temporary("manifest");
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&manifest.encode())?;
            file.sync_all()
        };
        write().map_err(FolderError::io("write", &temporary))?;
        self.rename(&temporary, &self.manifest())
    }

    /// Gives a file its final name, for good.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), FolderError> {
        fs::rename(from, to).map_err(FolderError::io("rename", from))?;
        self.sync()
    }

    /// Has the names in the folder survive a crash.
    pub(super) fn sync(&self) -> Result<(), FolderError> {
        let sync = || File::open(&self.path)?.sync_all();
        sync().map_err(FolderError::io("sync", &self.path))
    }

    /// Creates an empty file, or empties what a failed attempt left.
    pub(super) fn create_file(&self, path: &Path) -> Result<File, FolderError> {
        let file = open_locked(path)?;
        file.set_len(0).map_err(FolderError::io("empty", path))?;
        Ok(file)
    }

    /// Opens an incremental file to go on in it.
    pub(super) fn open_file(&self, part: &Part) -> Result<File, FolderError> {
        open_locked(&self.file(&part.name))
    }

    /// Keeps other processes from the file that would be gone on in, for as long as it is held.
    pub(super) fn lock(&self) -> Result<Option<File>, FolderError> {
        let manifest = self.read_manifest()?.unwrap_or_default();
        let last = manifest.increments.last().map(|part| self.file(&part.name));
        last.filter(|path| path.exists()).map(|path| open_locked(&path)).transpose()
    }

    /// Bytes of all files that make up the dataset.
    pub(super) fn size(&self, manifest: &Manifest) -> Result<u64, FolderError> {
        self.size_of(manifest.parts())
    }

    /// Bytes of these files.
    pub(super) fn size_of<'a>(
        &self,
        parts: impl Iterator<Item = &'a Part>,
    ) -> Result<u64, FolderError> {
        let mut total = 0;
        for part in parts {
            let path = self.file(&part.name);
            total += fs::metadata(&path).map_err(FolderError::io("find", &path))?.len();
        }
        Ok(total)
    }

    /// Takes over the single file of versions before 7.0, if that is all there is. The manifest
    /// names it before it is moved, and until then it is found in its old place.
    pub(super) fn upgrade(&self) -> Result<Option<Manifest>, FolderError> {
        if !self.old_file.is_file() {
            return Ok(None);
        }
        let manifest = Manifest::of_old_file(&self.prefix);
        self.create()?;
        self.write_manifest(&manifest)?;
        self.move_old_file()?;
        tracing::info!("the single append-only file of an older version was taken over");
        Ok(Some(manifest))
    }

    /// Finishes an upgrade that was interrupted: moves the old file to where its manifest has it.
    pub(super) fn finish_upgrade(&self, manifest: &Manifest) -> Result<(), FolderError> {
        let base = manifest.base.as_ref().filter(|base| base.name == self.prefix);
        let is_missing = base.is_some_and(|base| !self.file(&base.name).exists());
        if is_missing && self.old_file.is_file() { self.move_old_file() } else { Ok(()) }
    }

    fn move_old_file(&self) -> Result<(), FolderError> {
        self.rename(&self.old_file, &self.file(&self.prefix))
    }

    /// Forgets files that are no longer needed, and removes them on a thread of their own: for a
    /// large one that takes long.
    pub(super) fn remove_history(&self, manifest: &mut Manifest) -> Result<(), FolderError> {
        if manifest.history.is_empty() {
            return Ok(());
        }
        let mut shorter = manifest.clone();
        shorter.history.clear();
        self.write_manifest(&shorter)?;
        let paths: Vec<PathBuf> =
            manifest.history.iter().map(|part| self.file(&part.name)).collect();
        *manifest = shorter;
        let spawned = std::thread::Builder::new()
            .name("aof-remover".to_owned())
            .spawn(move || paths.iter().for_each(|path| remove(path)));
        if let Err(error) = spawned {
            tracing::warn!(%error, "old files are left behind");
        }
        Ok(())
    }
}

/// Opens a file to write to it, which no other process may do: both would write to one place.
fn open_locked(path: &Path) -> Result<File, FolderError> {
    let opened = File::options().write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(FolderError::io("open", path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(FolderError::Locked { path: path.display().to_string() })
        }
        // Not all file systems have locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "could not remove a file");
    }
}
