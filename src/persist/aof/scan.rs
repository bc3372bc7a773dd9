//! Reading a file of commands from beginning to end.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use super::grammar::{self, Fault, Piece};
use super::seal::{Checker, Seal};

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A command as it stands in the file, and where its arguments are.
    Command(&'a [u8], &'a [Range<usize>]),
    /// An annotation without its line end.
    Annotation(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The seconds of a `#TS:` annotation.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        let Item::Annotation(text) = self else { return None };
        let digits = text.strip_prefix(b"#TS:")?;
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // As C's atol reads it: what is no number is 0.
        Some(std::str::from_utf8(&digits[..count]).ok()?.parse().unwrap_or(0))
    }

    /// A command's name as it was sent.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        match self {
            Item::Command(bytes, args) => Some(&bytes[args.first()?.clone()]),
            Item::Annotation(_) => None,
        }
    }
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("could not read at byte {offset}")]
    Read {
        offset: u64,
        #[source]
        cause: io::Error,
    },
    #[error("at byte {offset}: {fault}")]
    Content {
        /// Bytes of the file before what is wrong.
        offset: u64,
        /// Lines before it.
        lines: u64,
        fault: Fault,
        /// The file is cut off rather than spoilt.
        is_end: bool,
    },
}

/// Reads a file's commands. After an error it goes no further.
pub struct Scanner<R> {
    source: R,
    buffer: Vec<u8>,
    /// The first byte of the buffer that was not read over.
    at: usize,
    /// Where in the file that is.
    offset: u64,
    /// Bytes of the file.
    size: u64,
    lines: u64,
    /// Where a MULTI begins whose EXEC has not come.
    open: Option<u64>,
    ranges: Vec<Range<usize>>,
    seals: Checker,
}

impl<R: Read> Scanner<R> {
    /// Reads `source`, of which the first byte is number `offset` of a file of `size` bytes.
    pub fn new(source: R, offset: u64, size: u64) -> Scanner<R> {
        Scanner {
            source,
            buffer: Vec::new(),
            at: 0,
            offset,
            size,
            lines: 0,
            open: None,
            ranges: Vec::new(),
            seals: Checker::default(),
        }
    }

    /// Bytes of the file that were read over.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Lines of commands that were read over.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Where the file can be cut off so that nothing half remains: before a transaction that is
    /// not complete, or where reading stands.
    #[must_use]
    pub fn safe_end(&self) -> u64 {
        self.open.unwrap_or(self.offset)
    }

    /// Bytes of the file up to the latest seal that holds; 0 if there is none.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.seals.sealed()
    }

    /// Whether reading stands inside a transaction.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// If it cannot be read or is no command.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, ScanError> {
        let piece = loop {
            let rest = &self.buffer[self.at..];
            if rest.is_empty() {
                if self.fill(1)? == 0 {
                    return Ok(None);
                }
                continue;
            }
            match grammar::piece(rest) {
                Ok(piece) => break piece,
                Err(flaw) => {
                    let held = self.offset + rest.len() as u64;
                    let may_come = self.size.max(held) - held >= flaw.missing;
                    // Twice as much each time, so that a long command is not parsed over and over.
                    let wanted = flaw.missing.max(rest.len() as u64);
                    if flaw.is_end && may_come && self.fill(wanted)? > 0 {
                        continue;
                    }
                    return Err(ScanError::Content {
                        offset: self.offset + flaw.at as u64,
                        lines: self.lines + flaw.lines,
                        fault: self.completed(flaw.fault, flaw.at),
                        is_end: flaw.is_end,
                    });
                }
            }
        };
        self.check(&piece)?;
        Ok(Some(self.take(piece)))
    }

    /// Has seals checked.
    fn check(&mut self, piece: &Piece) -> Result<(), ScanError> {
        let len = match piece {
            Piece::Annotation(len) => *len,
            Piece::Command(command) => command.len,
        };
        let bytes = &self.buffer[self.at..self.at + len];
        let seal = matches!(piece, Piece::Annotation(_)).then(|| Seal::parse(bytes)).flatten();
        match seal {
            None => self.seals.pass(bytes),
            Some(seal) if self.seals.meet(seal, self.offset + len as u64) => {}
            Some(_) => {
                let (offset, lines) = (self.offset, self.lines);
                return Err(ScanError::Content {
                    offset,
                    lines,
                    fault: Fault::Seal,
                    is_end: false,
                });
            }
        }
        Ok(())
    }

    /// A fault as it looks when all of the file is there.
    fn completed(&self, fault: Fault, at: usize) -> Fault {
        match fault {
            Fault::Short { wanted, got } => {
                let got = self.size.saturating_sub(self.offset + at as u64).max(got);
                Fault::Short { wanted, got }
            }
            other => other,
        }
    }

    /// Steps over what was found.
    fn take(&mut self, piece: Piece) -> Item<'_> {
        let start = self.at;
        match piece {
            Piece::Annotation(len) => {
                self.advance(len);
                let line = &self.buffer[start..start + len - 1];
                Item::Annotation(line.strip_suffix(b"\r").unwrap_or(line))
            }
            Piece::Command(command) => {
                let name = &self.buffer[start..][command.args[0].clone()];
                if name.eq_ignore_ascii_case(b"MULTI") {
                    self.open.get_or_insert(self.offset);
                } else if name.eq_ignore_ascii_case(b"EXEC") {
                    self.open = None;
                }
                self.lines += command.lines;
                self.advance(command.len);
                self.ranges.clear();
                self.ranges.extend_from_slice(&command.args);
                Item::Command(&self.buffer[start..start + command.len], &self.ranges)
            }
        }
    }

    fn advance(&mut self, len: usize) {
        self.at += len;
        self.offset += len as u64;
    }

    /// Reads more, about `wanted` bytes; how many, 0 at the end.
    fn fill(&mut self, wanted: u64) -> Result<usize, ScanError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        let wanted = usize::try_from(wanted).unwrap_or(CHUNK_BYTES).max(CHUNK_BYTES);
        let mut limited = self.source.by_ref().take(wanted as u64);
        match limited.read_to_end(&mut self.buffer) {
            Ok(read) => Ok(read),
            // What came before it counts; the error comes again.
            Err(_) if self.buffer.len() > held => Ok(self.buffer.len() - held),
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Ok(0),
            Err(cause) => Err(ScanError::Read { offset: self.offset + held as u64, cause }),
        }
    }
}
