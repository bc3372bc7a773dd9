//! The incremental file that is being written.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use crate::persist::aof::{Stream, select};
use crate::replication::{Gap, Log, LogReader};

/// Bytes written at once.
const WRITE_BYTES: usize = 1024 * 1024;

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPoint {
    pub offset: u64,
    /// The database that the command after it takes for granted.
    pub db: Option<u8>,
    /// How often the log had been begun anew.
    pub restarts: u64,
}

impl LogPoint {
    /// The end of the log. Ask under the exclusive gate.
    pub(super) fn end_of(log: &Log) -> LogPoint {
        LogPoint { offset: log.end(), db: log.db(), restarts: log.restarts() }
    }
}

/// A file that gets the log from some offset on.
///
/// Whatever happens, the file holds whole writes: one that did not get through is taken back, and
/// made again later.
pub(super) struct Incremental {
    pub file: Arc<File>,
    /// Bytes of the file.
    pub size: u64,
    /// Keeps in the log what the file has not got.
    reader: LogReader,
    /// The count of the log's restarts when this began.
    restarts: u64,
    stream: Stream,
    /// What is to be written next.
    pending: Vec<u8>,
    /// How far the log has been read.
    read: u64,
}

impl Incremental {
    /// Follows the log from `from` on in a file of `size` bytes.
    ///
    /// # Errors
    /// If the log has been begun anew since, or does not have what follows.
    pub(super) fn new(
        file: Arc<File>,
        size: u64,
        log: &Log,
        from: LogPoint,
    ) -> io::Result<Incremental> {
        let reader = log.patient_reader(from.offset).map_err(lost)?;
        let incremental = Incremental {
            file,
            size,
            reader,
            restarts: from.restarts,
            stream: Stream::default(),
            pending: from.db.map(select).unwrap_or_default(),
            read: from.offset,
        };
        // Another history has bytes at these offsets, too.
        if incremental.follows(log) { Ok(incremental) } else { Err(begun_anew()) }
    }

    /// How far the log is in the file.
    pub(super) fn written(&self) -> u64 {
        self.reader.offset()
    }

    /// Whether the log still is the one that the file follows.
    pub(super) fn follows(&self, log: &Log) -> bool {
        self.restarts == log.restarts()
    }

    /// Writes what the log has, up to `end`. `second` is the Unix time for annotations, if they
    /// are wanted.
    ///
    /// # Errors
    /// What the system reports; nothing is lost, call it again.
    pub(super) fn write(&mut self, log: &Log, end: u64, second: Option<u64>) -> io::Result<()> {
        loop {
            // An end of another history may be behind what was read.
            if !self.follows(log) {
                return Err(begun_anew());
            }
            self.fill(log, end, second)?;
            let is_last = self.read >= end;
            self.put()?;
            self.reader.advance_to(self.read - self.stream.held() as u64);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Reads what the log has up to `end`, but not too much of it.
    fn fill(&mut self, log: &Log, end: u64, second: Option<u64>) -> io::Result<()> {
        while self.read < end && self.pending.len() < WRITE_BYTES {
            let pieces = log.read(self.read, WRITE_BYTES).map_err(lost)?;
            // Another history has bytes at these offsets, too.
            if !self.follows(log) {
                return Err(begun_anew());
            }
            for piece in pieces {
                let left = usize::try_from(end - self.read).unwrap_or(usize::MAX);
                let piece = &piece[..piece.len().min(left)];
                self.stream.take(piece, second, &mut self.pending);
                self.read += piece.len() as u64;
            }
        }
        Ok(())
    }

    /// Writes what is pending, or nothing of it.
    fn put(&mut self) -> io::Result<()> {
        let mut done = 0;
        while done < self.pending.len() {
            match (&*self.file).write(&self.pending[done..]) {
                Ok(0) => return Err(self.take_back(done, ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.take_back(done, error)),
            }
        }
        self.size += done as u64;
        self.pending.clear();
        self.pending.shrink_to(2 * WRITE_BYTES);
        Ok(())
    }

    /// Takes a write back of which only the first `done` bytes got through.
    fn take_back(&mut self, done: usize, error: io::Error) -> io::Error {
        if done > 0
            && let Err(refusal) = self.file.set_len(self.size)
        {
            tracing::warn!(error = %refusal, "a short write could not be taken back");
            self.pending.drain(..done);
            self.size += done as u64;
        }
        error
    }
}

fn lost(gap: Gap) -> io::Error {
    io::Error::other(format!("the log is not there: {gap:?}"))
}

fn begun_anew() -> io::Error {
    io::Error::other("the log was begun anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_history_is_not_followed_into_the_file() {
        let log = Log::default();
        let file = || Arc::new(tempfile::tempfile().expect("a temporary file"));
        log.append_command(0, &[b"A"]);
        let point = LogPoint::end_of(&log);
        let mut old = Incremental::new(file(), 0, &log, point).expect("it is there");
        log.append_command(0, &[b"B"]);
        old.write(&log, log.end(), None).expect("it is written");
        let written = old.written();
        for end in [0, point.offset, written + 100] {
            log.restart(end);
            assert!(old.write(&log, end, None).is_err(), "from {written} to {end}");
            assert!(Incremental::new(file(), 0, &log, point).is_err(), "{end}");
        }
        assert_eq!(old.written(), written);
    }
}
