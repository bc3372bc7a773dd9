//! Writing a file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crc_fast::{CrcAlgorithm, Digest, checksum, checksum_combine};

use super::opcode;
use crate::base::{Millis, ReplId};
use crate::keyspace::{Clock, Encode, EntryRef, Recording};
use crate::persist::rdb::{Dialect, Object, VERSION_TIMED, Writer, write_object};

/// What a file says of itself before the first key.
#[derive(Clone, Debug)]
pub struct Header {
    /// Written as `redis-ver`.
    pub redis_version: &'static str,
    pub created: Millis,
    /// Bytes in use, for INFO of whoever loads the file.
    pub used_memory: u64,
    /// Where in the replication stream the dataset stands; `None` if there is no stream.
    pub replication: Option<ReplicationPoint>,
    /// The file is the base of an append-only file: expired keys are kept when it is loaded.
    pub is_aof_base: bool,
    /// There are hashes with expiring fields, as far as that is known before they are written.
    pub is_timed: bool,
    /// In which the records are.
    pub dialect: Dialect,
}

/// A point of the replication stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationPoint {
    /// The database that the stream has selected there; -1 if none.
    pub db: i32,
    pub id: ReplId,
    pub offset: i64,
}

/// What records need whoever reads them to know; shared by all encoders of a walk.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// There was a hash with expiring fields, in Redis' form.
    timed: Arc<AtomicBool>,
}

impl Needs {
    fn note(&self, entry: EntryRef<'_>) {
        if entry.next_element_expiry() < Millis::MAX {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// The version that is needed, unless it is that of all files.
    fn version(&self) -> Option<u16> {
        self.timed.load(Ordering::Relaxed).then_some(VERSION_TIMED)
    }
}

/// What a file begins with if it is of a version that only some values need.
fn head(version: u16) -> String {
    format!("{}{version:04}", Dialect::Redis.magic())
}

/// Writes a file to `out`, which is not flushed.
pub struct FileWriter<W> {
    out: W,
    /// What it begins with.
    head: String,
    /// Of all that follows the version. None: the checksum is written as zero, which nobody
    /// checks.
    digest: Option<Digest>,
    db: Option<u8>,
    bytes: u64,
}

impl<W: Write> FileWriter<W> {
    /// Writes what comes first. `checksum` is the setting `rdbchecksum`.
    ///
    /// # Errors
    /// Those of `out`, here and in every other method. The file is spoilt then.
    pub fn start(out: W, checksum: bool, header: &Header) -> io::Result<FileWriter<W>> {
        let digest = checksum.then(|| Digest::new(CrcAlgorithm::Crc64Redis));
        let is_timed = header.is_timed && header.dialect == Dialect::Redis;
        let head = if is_timed { head(VERSION_TIMED) } else { header.dialect.head() };
        let mut file = FileWriter { out, head, digest, db: None, bytes: 0 };
        file.out.write_all(file.head.as_bytes())?;
        let mut text = Writer::new(false);
        let mut aux = |name: &str, value: &[u8]| {
            text.byte(opcode::AUX);
            text.string(name.as_bytes());
            text.string(value);
        };
        let number = |number: i64| number.to_string().into_bytes();
        aux("redis-ver", header.redis_version.as_bytes());
        aux("redis-bits", b"64");
        aux("ctime", &number(header.created.as_secs() as i64));
        aux("used-mem", &number(header.used_memory as i64));
        if let Some(point) = &header.replication {
            aux("repl-stream-db", &number(i64::from(point.db)));
            aux("repl-id", point.id.to_string().as_bytes());
            aux("repl-offset", &number(point.offset));
        }
        aux("aof-base", &number(i64::from(header.is_aof_base)));
        file.put(&text.out)?;
        Ok(file)
    }

    /// Writes a function library; all of them come before the first key.
    pub fn function(&mut self, source: &[u8]) -> io::Result<()> {
        let mut text = Writer::new(false);
        text.byte(opcode::FUNCTION);
        text.string(source);
        self.put(&text.out)
    }

    /// Says how many keys a database has, and how many of them expire; before its first key.
    pub fn counts(&mut self, db: u8, keys: u64, expires: u64) -> io::Result<()> {
        self.select(db)?;
        let mut text = Writer::new(false);
        text.byte(opcode::RESIZE);
        text.length(keys);
        text.length(expires);
        self.put(&text.out)
    }

    /// Appends key records of one database: whole ones, or a piece of one of which the rest follows
    /// before anything else.
    pub fn records(&mut self, db: u8, records: &[u8]) -> io::Result<()> {
        self.select(db)?;
        self.put(records)
    }

    fn select(&mut self, db: u8) -> io::Result<()> {
        if self.db == Some(db) {
            return Ok(());
        }
        self.db = Some(db);
        let mut text = Writer::new(false);
        text.byte(opcode::SELECT);
        text.length(u64::from(db));
        self.put(&text.out)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Bytes written so far, not counting what the file begins with.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is written to.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes end and checksum.
    pub fn finish(self) -> io::Result<W> {
        self.finish_for(&Needs::default())
    }

    /// As [`FileWriter::finish`] for a file that then gets its version by [`put_version`].
    pub fn finish_for(mut self, needs: &Needs) -> io::Result<W> {
        self.put(&[opcode::END])?;
        let head = needs.version().map_or(std::mem::take(&mut self.head), head);
        let bytes = self.bytes;
        let whole = |digest: Digest| {
            let before = checksum(CrcAlgorithm::Crc64Redis, head.as_bytes());
            checksum_combine(CrcAlgorithm::Crc64Redis, before, digest.finalize(), bytes)
        };
        let checksum = self.digest.take().map_or(0, whole);
        self.out.write_all(&checksum.to_le_bytes())?;
        Ok(self.out)
    }
}

/// Puts the version that is needed into a file that is complete; see [`FileWriter::finish_for`].
///
/// # Errors
/// What the system reports.
pub fn put_version(file: &File, needs: &Needs) -> io::Result<()> {
    match needs.version() {
        None => Ok(()),
        Some(version) => file.write_all_at(head(version).as_bytes(), 0),
    }
}

/// What a file notes of each key's use: what the eviction policy goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hints {
    #[default]
    None,
    Idle,
    Frequency,
}

/// Appends the record of a key to `writer`, which is given to `pause` whenever it has grown long,
/// so that the record of a large value may leave in pieces.
pub fn write_record(
    writer: &mut Writer,
    entry: EntryRef<'_>,
    hints: Hints,
    clock: &Clock,
    pause: &mut dyn FnMut(&mut Vec<u8>),
) {
    if let Some(at) = entry.expiry() {
        writer.byte(opcode::EXPIRY_MILLIS);
        writer.out.extend(at.0.to_le_bytes());
    }
    match (hints, clock.recording()) {
        (Hints::Idle, Recording::LastUse) => {
            writer.byte(opcode::IDLE);
            writer.length(clock.idle_secs(entry.lru()));
        }
        (Hints::Frequency, Recording::Frequency { .. }) => {
            writer.byte(opcode::FREQUENCY);
            writer.byte(clock.frequency(entry.lru()));
        }
        _ => {}
    }
    write_object(writer, Some(entry.key()), Object::of(entry), pause);
}

/// Makes the records of a snapshot walk.
pub struct RecordEncoder {
    writer: Writer,
    hints: Hints,
    clock: Clock,
    needs: Needs,
}

impl RecordEncoder {
    /// `compress` is the setting `rdbcompression`.
    #[must_use]
    pub fn new(compress: bool, hints: Hints, clock: Clock) -> RecordEncoder {
        let needs = Needs::default();
        RecordEncoder { writer: Writer::new(compress), hints, clock, needs }
    }

    /// Has it noted what the records need.
    #[must_use]
    pub fn noting(mut self, needs: &Needs) -> RecordEncoder {
        self.needs = needs.clone();
        self
    }

    /// Writes for others than Redis.
    #[must_use]
    pub fn speaking(mut self, dialect: Dialect) -> RecordEncoder {
        self.writer.dialect = dialect;
        self
    }
}

impl Encode for RecordEncoder {
    fn encode(&mut self, entry: EntryRef<'_>, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        if self.writer.dialect == Dialect::Redis {
            self.needs.note(entry);
        }
        write_record(&mut self.writer, entry, self.hints, &self.clock, pause);
    }

    fn out(&mut self) -> &mut Vec<u8> {
        &mut self.writer.out
    }
}
