//! The incremental file that is being written.

use std::io;

use super::output::Output;
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

/// How something is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WriteForm {
    /// The Unix time for annotations, if they are wanted.
    pub second: Option<u64>,
    /// For how many bytes there should be space ahead.
    pub ahead: u64,
}

/// A file that gets the log from some offset on.
pub(super) struct Incremental {
    pub output: Output,
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
    /// Follows the log from `from` on.
    ///
    /// # Errors
    /// If the log has been begun anew since, or does not have what follows.
    pub(super) fn new(output: Output, log: &Log, from: LogPoint) -> io::Result<Incremental> {
        let reader = log.patient_reader(from.offset).map_err(lost)?;
        let incremental = Incremental {
            output,
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

    /// Writes what the log has, up to `end`.
    ///
    /// # Errors
    /// What the system reports; nothing is lost, call it again.
    pub(super) fn write(&mut self, log: &Log, end: u64, form: WriteForm) -> io::Result<()> {
        loop {
            // An end of another history may be behind what was read.
            if !self.follows(log) {
                return Err(begun_anew());
            }
            self.fill(log, end, form.second)?;
            let is_last = self.read >= end;
            self.output.put(&mut self.pending, form.ahead)?;
            self.pending.shrink_to(2 * WRITE_BYTES);
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
        let file = || Output::new(tempfile::tempfile().expect("a temporary file"), 0);
        log.append_command(0, &[b"A"]);
        let point = LogPoint::end_of(&log);
        let mut old = Incremental::new(file(), &log, point).expect("it is there");
        log.append_command(0, &[b"B"]);
        old.write(&log, log.end(), WriteForm::default()).expect("it is written");
        let written = old.written();
        for end in [0, point.offset, written + 100] {
            log.restart(end);
            assert!(old.write(&log, end, WriteForm::default()).is_err(), "from {written} to {end}");
            assert!(Incremental::new(file(), &log, point).is_err(), "{end}");
        }
        assert_eq!(old.written(), written);
    }
}
