//! Saving the dataset to a file: a temporary one that takes the old one's place when it is complete
//! and on the disk. Whatever happens before leaves the old file as it was.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc::Receiver;

use super::{Busy, Feed, Urgency, begin, drive, feed, give_way, now};
use crate::REDIS_VERSION;
use crate::keyspace::Pass;
use crate::keyspace::snapshot::Count;
use crate::persist::rdb::Dialect;
use crate::persist::rdb::file::{FileWriter, Header, Needs, ReplicationPoint, put_version};
use crate::state::Server;
use crate::state::replication::HistoryPoint;

/// With `rdb-save-incremental-fsync`, synced to the disk whenever so much was written.
const SYNC_BYTES: u64 = 4 << 20;
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a dataset was not saved.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum SaveError {
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error("it was given up")]
    Stopped,
    #[error("could not write {path}")]
    Write {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("could not put {path} in place")]
    Place {
        path: String,
        #[source]
        cause: io::Error,
    },
}

/// A file that was saved.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Saved {
    pub bytes: u64,
    /// Changes since the start that it has.
    pub changes: u64,
    /// What writers captured meanwhile.
    pub captured_bytes: u64,
}

/// Saves the dataset to `dbfilename`. Blocks.
///
/// # Errors
/// See [`SaveError`].
pub(super) fn save(
    server: &Server,
    stop: &AtomicBool,
    urgency: Urgency,
) -> Result<Saved, SaveError> {
    save_with(server, stop, Turn::Takes(urgency))
}

/// As [`save`] by a thread that holds the exclusive gate.
pub(super) fn save_alone(server: &Server, pass: &Pass<'_>) -> Result<Saved, SaveError> {
    save_with(server, &AtomicBool::new(false), Turn::Has(pass))
}

/// How a save comes by its walk.
enum Turn<'a> {
    /// It takes the gate for a moment, when it is its turn.
    Takes(Urgency),
    /// The caller holds the exclusive gate.
    Has(&'a Pass<'a>),
}

fn save_with(server: &Server, stop: &AtomicBool, turn: Turn<'_>) -> Result<Saved, SaveError> {
    let (sender, mut chunks) = feed();
    // Known only at the moment that is saved, and written before the first key.
    let point = OnceLock::new();
    let moment = || {
        let _ = point.set(server.history_point());
        server.stats.sum(|worker| &worker.dirty)
    };
    let (temporary, needs) = (Temporary::new(server), Needs::default());
    std::thread::scope(|scope| {
        let temporary = &temporary;
        let told = (&point, &needs);
        let write = scope.spawn(move || write(server, &mut chunks, &temporary.0, told));
        let begun = match turn {
            Turn::Has(pass) => begin(server, pass, &needs).map(|walk| {
                let noted = moment();
                drive(server, walk, None, vec![sender], stop);
                noted
            }),
            Turn::Takes(urgency) => {
                super::walk(server, vec![sender], stop, (urgency, &needs), moment)
            }
        };
        let written = write.join().expect("the writer returns what went wrong");
        let changes = begun?;
        if stop.load(Ordering::Relaxed) {
            return Err(SaveError::Stopped);
        }
        let path = temporary.0.display().to_string();
        let bytes = written.map_err(|cause| SaveError::Write { path, cause })?;
        temporary.put_in_place(server)?;
        let captured_bytes = server.persistence.progress.captured_bytes.load(Ordering::Relaxed);
        Ok(Saved { bytes, changes, captured_bytes })
    })
}

/// Writes what a walk yields; its bytes.
fn write(
    server: &Server,
    chunks: &mut Receiver<Feed>,
    path: &Path,
    (point, needs): (&OnceLock<Option<HistoryPoint>>, &Needs),
) -> io::Result<u64> {
    let settings = server.settings();
    let file = File::create(path)?;
    let synced = Synced { file, unsynced: 0, is_on: settings.rdb_save_incremental_fsync };
    let out = BufWriter::with_capacity(BUFFER_BYTES, synced);
    let Some(Feed::Begin(mut counts)) = chunks.blocking_recv() else {
        return Err(io::Error::other("the walk was given up"));
    };
    let point = point.get().copied().flatten();
    let header = Header {
        redis_version: REDIS_VERSION,
        created: now(),
        used_memory: server.memory.load().allocated,
        replication: point.map(|point| ReplicationPoint {
            db: i32::from(point.db),
            id: point.id,
            offset: point.offset as i64,
        }),
        is_aof_base: false,
        is_timed: false,
        dialect: Dialect::Redis,
    };
    let mut file = FileWriter::start(out, settings.rdbchecksum, &header)?;
    while let Some(feed) = chunks.blocking_recv() {
        match feed {
            Feed::Begin(of) => counts = of,
            Feed::Chunk(chunk) => {
                // Said before a database's first key.
                if let Some(at) = counts.iter().position(|count| count.db == chunk.db) {
                    let Count { db, keys, expires } = counts.swap_remove(at);
                    file.counts(db, keys, expires)?;
                }
                file.records(chunk.db, &chunk.bytes)?;
                give_way();
            }
            Feed::End => {
                let out = file.finish_for(needs)?;
                let synced = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                put_version(&synced.file, needs)?;
                synced.file.sync_all()?;
                return Ok(synced.file.metadata()?.len());
            }
        }
    }
    Err(io::Error::other("the walk was given up"))
}

/// A file that is synced to the disk while it is written.
struct Synced {
    file: File,
    unsynced: u64,
    is_on: bool,
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.unsynced += count as u64;
        if self.is_on && self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The file being written, until it is in place; removed if it never is.
struct Temporary(PathBuf);

impl Temporary {
    /// A name of its own: a save that is refused must not take the file of the one under way.
    fn new(server: &Server) -> Temporary {
        static SAVES: AtomicU64 = AtomicU64::new(0);
        let number = SAVES.fetch_add(1, Ordering::Relaxed);
        // The working directory may change meanwhile.
        let here = std::env::current_dir().unwrap_or_default();
        Temporary(here.join(format!("temp-{}.{number}.rdb", server.identity.pid)))
    }

    fn put_in_place(&self, server: &Server) -> Result<(), SaveError> {
        let path = self.0.with_file_name(path(server));
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let placed = fs::rename(&self.0, &path).and_then(|()| File::open(folder)?.sync_all());
        placed.map_err(|cause| SaveError::Place { path: path.display().to_string(), cause })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "could not remove a temporary file");
        }
    }
}

/// Where the dataset is saved, in the working directory.
pub(super) fn path(server: &Server) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(&server.settings.load().dbfilename).into()
}
