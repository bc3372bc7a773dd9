//! The incremental file that is being written.

use std::io;

use super::output::Output;
use crate::persist::aof::{Stream, select};
use crate::replication::{Gap, Log, LogReader, Reach};

/// Bytes written at once.
const WRITE_BYTES: usize = 1024 * 1024;

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPoint {
    pub reach: Reach,
    /// The database that the command after it takes for granted.
    pub db: Option<u8>,
    /// How often the log had been begun anew.
    pub restarts: u64,
}

impl LogPoint {
    /// The end of the log. Ask under the exclusive gate.
    pub(super) fn end_of(log: &Log) -> LogPoint {
        LogPoint { reach: log.reach(), db: log.db(), restarts: log.restarts() }
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

/// A file that gets the log from some offset on, and what is kept aside of it where that happened.
pub(super) struct Incremental {
    pub output: Output,
    /// Keeps in the log what the file has not got.
    reader: LogReader,
    /// The count of the log's restarts when this began.
    restarts: u64,
    stream: Stream,
    /// What is to be written next.
    pending: Vec<u8>,
    /// How far the log has been read, and what is aside of it.
    read: Reach,
    /// How much of what is aside is in the file.
    written_aside: u64,
}

impl Incremental {
    /// Follows the log from `from` on.
    ///
    /// # Errors
    /// If the log has been begun anew since, or does not have what follows.
    pub(super) fn new(output: Output, log: &Log, from: LogPoint) -> io::Result<Incremental> {
        let reader = log.patient_reader(from.reach.offset).map_err(lost)?;
        // The dataset at that point has it.
        log.forget_aside(from.reach.aside);
        let incremental = Incremental {
            output,
            reader,
            restarts: from.restarts,
            stream: Stream::default(),
            pending: from.db.map(select).unwrap_or_default(),
            read: from.reach,
            written_aside: from.reach.aside,
        };
        // Another history has bytes at these offsets, too.
        if incremental.follows(log) { Ok(incremental) } else { Err(begun_anew()) }
    }

    /// How far the log, and what is aside of it, is in the file.
    pub(super) fn written(&self) -> Reach {
        Reach { offset: self.reader.offset(), aside: self.written_aside }
    }

    /// Whether the log still is the one that the file follows.
    pub(super) fn follows(&self, log: &Log) -> bool {
        self.restarts == log.restarts()
    }

    /// Writes what the log has and what is aside of it, up to `end`.
    ///
    /// # Errors
    /// What the system reports; nothing is lost, call it again.
    pub(super) fn write(&mut self, log: &Log, end: Reach, form: WriteForm) -> io::Result<()> {
        loop {
            // An end of another history may be behind what was read.
            if !self.follows(log) {
                return Err(begun_anew());
            }
            self.fill(log, end, form.second)?;
            let is_last = !self.has_more(end);
            self.output.put(&mut self.pending, form.ahead)?;
            self.pending.shrink_to(2 * WRITE_BYTES);
            self.reader.advance_to(self.read.offset - self.stream.held() as u64);
            self.written_aside = self.read.aside;
            if is_last {
                return Ok(());
            }
        }
    }

    fn has_more(&self, end: Reach) -> bool {
        self.read.offset < end.offset || self.read.aside < end.aside
    }

    /// Reads what there is up to `end`, but not too much of it.
    fn fill(&mut self, log: &Log, end: Reach, second: Option<u64>) -> io::Result<()> {
        while self.has_more(end) && self.pending.len() < WRITE_BYTES {
            let aside = (self.read.aside < end.aside).then(|| log.first_aside());
            // Another history has something at these offsets, too.
            if !self.follows(log) {
                return Err(begun_anew());
            }
            let until = match aside {
                Some(at) => at.expect("what is aside stays until it is taken").min(end.offset),
                None => end.offset,
            };
            if self.read.offset < until {
                self.fill_from_log(log, until, second)?;
            } else {
                self.fill_from_aside(log, second)?;
            }
        }
        Ok(())
    }

    fn fill_from_log(&mut self, log: &Log, until: u64, second: Option<u64>) -> io::Result<()> {
        let pieces = log.read(self.read.offset, WRITE_BYTES).map_err(lost)?;
        if !self.follows(log) {
            return Err(begun_anew());
        }
        for piece in pieces {
            let left = usize::try_from(until - self.read.offset).unwrap_or(usize::MAX);
            let piece = &piece[..piece.len().min(left)];
            self.stream.take(piece, second, &mut self.pending);
            self.read.offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Takes a piece of what is aside, which happened where the log has been read to.
    fn fill_from_aside(&mut self, log: &Log, second: Option<u64>) -> io::Result<()> {
        debug_assert_eq!(self.stream.held(), 0, "it happened between commands");
        let piece = log.take_aside();
        if !self.follows(log) {
            return Err(begun_anew());
        }
        let piece = piece.expect("what is aside stays until it is taken");
        self.read.aside = piece.end;
        self.stream.take(&piece.into_bytes(), second, &mut self.pending);
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
mod tests;
