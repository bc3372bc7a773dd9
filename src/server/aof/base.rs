//! Writing a base: the dataset of one moment, while it goes on changing.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::folder;
use crate::base::Millis;
use crate::config::Settings;
use crate::config::table::MaxmemoryPolicy;
use crate::engine::unix_time;
use crate::keyspace::{Chunk, Clock, Encode, Walk};
use crate::persist::aof::{CommandEncoder, select};
use crate::persist::rdb::Dialect;
use crate::persist::rdb::file::{FileWriter, Header, Hints, Needs, RecordEncoder, put_version};
use crate::server::snapshot::give_way;
use crate::state::Server;

/// With `aof-rewrite-incremental-fsync`, bytes between two syncs.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// A base that is complete and on the disk.
pub(super) struct Written {
    pub bytes: u64,
}

/// What a base consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `aof-use-rdb-preamble yes`
    Rdb,
    Commands,
}

impl Form {
    pub(super) fn of(settings: &Settings) -> Form {
        if settings.aof_use_rdb_preamble { Form::Rdb } else { Form::Commands }
    }

    /// What a walk is begun with.
    pub(super) fn encoder(
        self,
        server: &Server,
        settings: &Settings,
        needs: &Needs,
    ) -> Box<dyn Encode> {
        match self {
            Form::Commands => Box::<CommandEncoder>::default(),
            Form::Rdb => {
                let now = Millis(unix_time().as_millis() as u64);
                let recording = server.keyspace.recording();
                let hints = hints(settings.maxmemory_policy);
                let clock = Clock::new(now, recording);
                let encoder = RecordEncoder::new(settings.rdbcompression, hints, clock);
                Box::new(encoder.noting(needs))
            }
        }
    }
}

/// What an eviction policy goes by, and a base therefore notes.
fn hints(policy: MaxmemoryPolicy) -> Hints {
    match policy {
        MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru => Hints::Idle,
        policy if policy.is_lfu() => Hints::Frequency,
        _ => Hints::None,
    }
}

/// A base to be written.
pub(super) struct Job {
    pub server: Arc<Server>,
    pub walk: Walk,
    pub form: Form,
    /// What the walk's encoders note.
    pub needs: Needs,
    pub path: PathBuf,
    /// The lane of the gate to walk in.
    pub lane: usize,
    pub stop: Arc<AtomicBool>,
}

impl Job {
    /// Writes the base. If that fails nothing is left of it.
    ///
    /// # Errors
    /// What the system reports, or that it was stopped.
    pub(super) fn run(self) -> io::Result<Written> {
        let path = self.path.clone();
        let outcome = self.write();
        if outcome.is_err() {
            folder::remove(&path);
        }
        outcome
    }

    fn write(self) -> io::Result<Written> {
        let Job { server, mut walk, form, needs, path, lane, stop } = self;
        let settings = server.settings.load_full();
        let out = match open(&path, settings.aof_rewrite_incremental_fsync) {
            Ok(out) => out,
            Err(error) => {
                walk.stop(&server.keyspace);
                return Err(error);
            }
        };
        let mut sink = match Sink::start(out, form, &server, &settings) {
            Ok(sink) => sink,
            Err(error) => {
                walk.stop(&server.keyspace);
                return Err(error);
            }
        };
        let mut outcome = Ok(());
        loop {
            let advanced = walk.advance(&server.keyspace, Some(lane), &mut |chunk| {
                if outcome.is_ok() {
                    outcome = sink.take(&chunk);
                }
            });
            let is_more = advanced.map_err(io::Error::other)?;
            if stop.load(Ordering::Acquire) {
                outcome = Err(io::Error::other("it was stopped"));
            }
            if !is_more {
                break;
            }
            if outcome.is_err() {
                walk.stop(&server.keyspace);
                break;
            }
            give_way();
        }
        outcome?;
        sink.finish(&needs)
    }
}

/// Writes the base of an empty dataset.
pub(super) fn write_empty(
    server: &Server,
    settings: &Settings,
    path: &Path,
) -> io::Result<Written> {
    Sink::start(open(path, false)?, Form::of(settings), server, settings)?.finish(&Needs::default())
}

fn open(path: &Path, sync_often: bool) -> io::Result<BufWriter<Paced>> {
    let paced = Paced { file: File::create(path)?, sync_often, written: 0, synced: 0 };
    Ok(BufWriter::with_capacity(BUFFER_BYTES, paced))
}

/// A file that is synced while it is written, so that the end does not take long.
struct Paced {
    file: File,
    sync_often: bool,
    written: u64,
    synced: u64,
}

impl Write for Paced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        if self.sync_often && self.written - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.written;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Puts the chunks of a walk into a file.
enum Sink {
    Rdb(Box<FileWriter<BufWriter<Paced>>>),
    Commands { out: BufWriter<Paced>, db: Option<u8> },
}

impl Sink {
    fn start(
        mut out: BufWriter<Paced>,
        form: Form,
        server: &Server,
        settings: &Settings,
    ) -> io::Result<Sink> {
        let now = Millis(unix_time().as_millis() as u64);
        if form == Form::Commands {
            if settings.aof_timestamp_enabled {
                write!(out, "#TS:{}\r\n", now.as_secs())?;
            }
            return Ok(Sink::Commands { out, db: None });
        }
        let header = Header {
            redis_version: crate::REDIS_VERSION,
            created: now,
            used_memory: server.read_memory(now).allocated,
            replication: None,
            is_aof_base: true,
            is_timed: false,
            dialect: Dialect::Redis,
        };
        FileWriter::start(out, settings.rdbchecksum, &header).map(|file| Sink::Rdb(Box::new(file)))
    }

    fn take(&mut self, chunk: &Chunk) -> io::Result<()> {
        match self {
            Sink::Rdb(file) => file.records(chunk.db, &chunk.bytes),
            Sink::Commands { out, db } => {
                if db.replace(chunk.db) != Some(chunk.db) {
                    out.write_all(&select(chunk.db))?;
                }
                out.write_all(&chunk.bytes)
            }
        }
    }

    /// Ends the file and has it on the disk.
    fn finish(self, needs: &Needs) -> io::Result<Written> {
        let is_rdb = matches!(self, Sink::Rdb(_));
        let mut out = match self {
            Sink::Rdb(file) => file.finish_for(needs)?,
            Sink::Commands { out, .. } => out,
        };
        out.flush()?;
        let paced = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        if is_rdb {
            put_version(&paced.file, needs)?;
        }
        paced.file.sync_all()?;
        Ok(Written { bytes: paced.written })
    }
}
