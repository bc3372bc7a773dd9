//! A file to whose end is written, with or without space ahead.
//!
//! Whatever happens, the file holds whole writes: one that did not get through is taken back, and
//! made again later. See [`seal`] for why there may be space behind the end, and what is in it.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::persist::aof::seal::{self, LINE_BYTES, SEAL_MAX, Seal};

/// Space is made for writes of which at least so many fit into it: others it would cost more than
/// it saves.
const WRITES_MIN: u64 = 8;
/// Where there was no room for space it is not tried again for so many writes.
const SKIP_WITHOUT_ROOM: u32 = 1000;

/// What a file is asked to do.
pub(super) trait Medium {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn set_len(&self, size: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

impl Medium for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        File::set_len(self, size)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

/// See the module's head. It belongs to one thread; others may sync the file.
pub(super) struct Output<M = File> {
    file: Arc<M>,
    /// Where the next write begins.
    end: u64,
    /// Where space that was written ahead ends; `end` if there is none.
    space_end: u64,
    /// The file is not longer than this.
    size: u64,
    /// What is written is sealed, and the file says so.
    is_sealed: bool,
    /// Something in the space was not synced.
    is_unsynced: Cell<bool>,
    /// A sync failed: what was written before it may be lost, whatever later ones say.
    is_doubtful: Cell<bool>,
    /// For so many writes no space is made.
    skip: u32,
}

impl<M: Medium> Output<M> {
    /// Goes on behind the `size` bytes of a file.
    pub(super) fn new(file: M, size: u64) -> Output<M> {
        Output {
            file: Arc::new(file),
            end: size,
            space_end: size,
            size,
            is_sealed: false,
            is_unsynced: Cell::new(false),
            is_doubtful: Cell::new(false),
            skip: 0,
        }
    }

    /// Goes on behind the first `end` bytes of a file, which are sealed, instead of what is there.
    pub(super) fn sealed(file: M, end: u64, size: u64) -> Output<M> {
        Output { size, is_sealed: true, ..Output::new(file, end) }
    }

    pub(super) fn file(&self) -> &Arc<M> {
        &self.file
    }

    /// Bytes that were written.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Writes `bytes`, whole commands, and empties them. If there are more to come and each is
    /// synced, `ahead` is for how many bytes there should be space; 0 is none.
    ///
    /// # Errors
    /// What the system reports; `bytes` are to be written again.
    pub(super) fn put(&mut self, bytes: &mut Vec<u8>, ahead: u64) -> io::Result<()> {
        let len = bytes.len() as u64;
        if len == 0 {
            return Ok(());
        }
        // Only the last write may be torn.
        if self.is_unsynced.get() {
            self.sync()?;
        }
        if ahead == 0 || !self.has_space(len, ahead)? {
            self.trim()?;
            self.append(bytes)?;
            bytes.clear();
            return Ok(());
        }
        Seal::of(bytes).write(self.end, bytes);
        let outcome = self.file.write_all_at(bytes, self.end);
        match outcome {
            Ok(()) => {
                self.end += bytes.len() as u64;
                self.is_unsynced.set(true);
                bytes.clear();
            }
            Err(_) => bytes.truncate(len as usize),
        }
        outcome
    }

    /// Has all that was written survive a crash.
    ///
    /// # Errors
    /// What the system reports, or that a sync failed before.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_doubtful.get() {
            return Err(io::Error::other("an earlier sync failed"));
        }
        let outcome = self.file.sync_data();
        self.is_doubtful.set(outcome.is_err());
        self.is_unsynced.set(outcome.is_err());
        outcome
    }

    /// Nobody has been promised that all syncs succeed.
    pub(super) fn forgive(&self) {
        self.is_doubtful.set(false);
    }

    /// Gives back the space that was not used.
    ///
    /// # Errors
    /// What the system reports.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        if self.size > self.end {
            self.file.set_len(self.end)?;
            (self.space_end, self.size) = (self.end, self.end);
        }
        if self.is_sealed {
            self.mark(Seal::END)?;
            self.is_sealed = false;
        }
        Ok(())
    }

    /// Somebody else may have cut the file off behind what was written.
    pub(super) fn forget_space(&mut self) {
        (self.space_end, self.size) = (self.end, u64::MAX);
    }

    /// Gives back unused space and has all that was written survive a crash.
    ///
    /// # Errors
    /// What the system reports.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.trim()?;
        self.sync()
    }

    /// Sees that there is space for `len` bytes and their seal, and more behind them: a file ends
    /// with space as long as something may be written into it. False if there is no room for
    /// that, or it would be no gain.
    fn has_space(&mut self, len: u64, ahead: u64) -> io::Result<bool> {
        let room = len + SEAL_MAX + LINE_BYTES;
        if self.end + room <= self.space_end {
            return Ok(true);
        }
        // Where large writes come between small ones there would be new space after each.
        if len > ahead / WRITES_MIN {
            self.skip = self.skip.max(1);
            return Ok(false);
        }
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(false);
        }
        if !self.is_sealed {
            self.trim()?;
            self.mark(Seal::BEGIN)?;
            self.is_sealed = true;
        }
        let (from, until) = (self.space_end, self.end + room + ahead);
        let until = until.next_multiple_of(LINE_BYTES);
        self.size = self.size.max(until);
        if self.file.write_all_at(&seal::space(from, until), from).is_err() {
            self.file.set_len(from)?;
            (self.size, self.skip) = (from, SKIP_WITHOUT_ROOM);
            return Ok(false);
        }
        // What is written into it may be torn; that can be told if the space is really there.
        self.sync()?;
        self.space_end = until;
        Ok(true)
    }

    /// Writes a seal of no bytes, which is there for good before anything follows it.
    fn mark(&mut self, seal: Seal) -> io::Result<()> {
        let mut text = Vec::new();
        seal.write(self.end, &mut text);
        self.append(&text)?;
        self.sync()
    }

    /// Writes all of `bytes` behind the end of the file, or nothing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        self.size = self.size.max(end);
        if let Err(error) = self.file.write_all_at(bytes, self.end) {
            match self.file.set_len(self.end) {
                Ok(()) => self.size = self.end,
                Err(refusal) => {
                    tracing::warn!(error = %refusal, "a short write could not be taken back");
                }
            }
            return Err(error);
        }
        (self.end, self.space_end, self.size) = (end, end, end);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
