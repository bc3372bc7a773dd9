//! A file to whose end is written, with or without space ahead.
//!
//! Whatever happens, the file holds whole writes: one that did not get through is taken back, and
//! made again later. See [`seal`] for why there may be space behind the end, and what is in it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::persist::aof::seal::{self, LINE_BYTES, SEAL_MAX, Seal};

/// See the module's head. It belongs to one thread; others may sync the file.
pub(super) struct Output {
    file: Arc<File>,
    /// Where the next write begins.
    end: u64,
    /// Where space that was written ahead ends; `end` if there is none.
    space_end: u64,
}

impl Output {
    /// Goes on behind the `size` bytes of a file.
    pub(super) fn new(file: File, size: u64) -> Output {
        Output { file: Arc::new(file), end: size, space_end: size }
    }

    pub(super) fn file(&self) -> &Arc<File> {
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
    /// What the system reports; what is left of `bytes` is to be written again.
    pub(super) fn put(&mut self, bytes: &mut Vec<u8>, ahead: u64) -> io::Result<()> {
        let len = bytes.len() as u64;
        if len == 0 {
            return Ok(());
        }
        if len > ahead || !self.has_space(len + SEAL_MAX, ahead)? {
            self.trim()?;
            return self.append(bytes);
        }
        Seal::of(bytes).write(self.end, bytes);
        let outcome = self.file.write_all_at(bytes, self.end);
        match outcome {
            Ok(()) => {
                self.end += bytes.len() as u64;
                bytes.clear();
            }
            Err(_) => bytes.truncate(len as usize),
        }
        outcome
    }

    /// Gives back the space that was not used.
    ///
    /// # Errors
    /// What the system reports.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        if self.space_end > self.end {
            self.file.set_len(self.end)?;
            self.space_end = self.end;
        }
        Ok(())
    }

    /// Gives back unused space and has all that was written survive a crash.
    ///
    /// # Errors
    /// What the system reports.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.trim()?;
        self.file.sync_data()
    }

    /// Sees that there is space for `len` bytes, and more behind them: a file ends with space as
    /// long as something may be written into it. False if there is no room for that.
    fn has_space(&mut self, len: u64, ahead: u64) -> io::Result<bool> {
        let needed = self.end + len + LINE_BYTES;
        if needed <= self.space_end {
            return Ok(true);
        }
        let mut addition = Vec::new();
        let from = self.space_end;
        if from == self.end {
            Seal::of(&[]).write(from, &mut addition);
        }
        let opening = addition.len() as u64;
        let until = (needed + opening + ahead).next_multiple_of(LINE_BYTES);
        addition.append(&mut seal::space(from + opening, until));
        if self.file.write_all_at(&addition, from).is_err() {
            self.file.set_len(from)?;
            return Ok(false);
        }
        // What is written into it may be torn; that can be told if the space is really there.
        self.file.sync_data()?;
        self.space_end = until;
        if from == self.end {
            self.end += opening;
        }
        Ok(true)
    }

    /// Writes all of `bytes` behind the end of the file, or nothing.
    fn append(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let outcome = match self.file.write_at(&bytes[done..], self.end + done as u64) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
                outcome => Ok(outcome.unwrap_or(0)),
            };
            match outcome {
                Ok(count) => done += count,
                Err(error) => {
                    self.take_back(done, bytes);
                    return Err(error);
                }
            }
        }
        self.end += done as u64;
        self.space_end = self.end;
        bytes.clear();
        Ok(())
    }

    /// Takes a write back of which only the first `done` bytes got through.
    fn take_back(&mut self, done: usize, bytes: &mut Vec<u8>) {
        if done > 0
            && let Err(refusal) = self.file.set_len(self.end)
        {
            tracing::warn!(error = %refusal, "a short write could not be taken back");
            bytes.drain(..done);
            self.end += done as u64;
            self.space_end = self.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::aof::Scanner;
    use crate::persist::aof::seal::{Ending, ending};

    /// A file that is gone with the test, read from its beginning.
    fn text(output: &Output) -> Vec<u8> {
        let mut bytes = vec![0; output.file.metadata().expect("it is there").len() as usize];
        output.file.read_exact_at(&mut bytes, 0).expect("it can be read");
        bytes
    }

    fn empty() -> Output {
        Output::new(tempfile::tempfile().expect("a temporary file"), 0)
    }

    const COMMAND: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    #[test]
    fn space_is_there_as_long_as_it_is_wanted() {
        let mut output = empty();
        let commands = |count: usize| COMMAND.repeat(count);
        output.put(&mut commands(1), 0).expect("it is written");
        assert_eq!(text(&output), COMMAND);
        for count in 1..100 {
            output.put(&mut commands(count), 4096).expect("it is written");
            let bytes = text(&output);
            let size = bytes.len() as u64;
            assert!(size >= output.end() + LINE_BYTES && size < output.end() + 3 * 4096);
            let found = ending(&mut std::io::Cursor::new(bytes), size).expect("it is sound");
            assert_eq!(found, Some(Ending { sealed: output.end(), is_torn: false }), "{count}");
        }
        // More than there is ever space for.
        output.put(&mut commands(1000), 4096).expect("it is written");
        let end = output.end();
        assert!(text(&output).len() as u64 == end && text(&output).ends_with(&commands(1000)));
        output.put(&mut commands(1), 4096).expect("it is written");
        output.trim().expect("it is trimmed");
        assert_eq!(text(&output).len() as u64, output.end());
        let bytes = text(&output);
        let mut scanner = Scanner::new(bytes.as_slice(), 0, output.end());
        let mut found = 0;
        while let Some(item) = scanner.next_item().expect("it is sound") {
            found += usize::from(item.name().is_some());
        }
        assert_eq!(found, 1 + (1..100).sum::<usize>() + 1000 + 1);
    }
}
