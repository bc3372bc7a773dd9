//! One file.

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use super::{Checker, Stop, head, system_text};
use crate::base::{KeyHasher, Rng};
use crate::persist::aof::{Fault, Item, ScanError, Scanner, seal};
use crate::persist::rdb::file::{Loading, Outcome, Record, Sink, load};
use crate::persist::rdb::{Fault as RdbFault, is_rdb};
use crate::types::Limits;

/// A file and what it is called.
pub(super) struct Name<'a> {
    pub path: &'a Path,
    pub shown: &'a str,
    /// Nothing follows it: its end may be cut off.
    pub is_last: bool,
}

/// What has been found, or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Sound,
    Empty,
    Unsound,
    /// Its end has been cut off.
    Cut,
    /// It has been cut off at a point in time.
    CutTo(u64),
}

/// Where a file is to be cut off, and why.
struct End {
    /// Bytes that are sound.
    good: u64,
    /// What came after the wanted time is cut off.
    is_time: bool,
}

impl Checker<'_> {
    pub(super) fn file(&mut self, name: &Name<'_>) -> Result<Verdict, Stop> {
        let mut file = match File::options().read(true).write(true).open(name.path) {
            Ok(file) => file,
            Err(error) => {
                let (path, reason) = (name.path.display(), system_text(&error));
                writeln!(self.out, "Cannot open file {path}: {reason}, aborting...")?;
                return Err(Stop::Unsound);
            }
        };
        let size = file.metadata()?.len();
        if size == 0 {
            return Ok(Verdict::Empty);
        }
        let begins_with_rdb = is_rdb(&head(&file)?);
        let torn = match name.is_last && !begins_with_rdb {
            true => seal::ending(&mut file, size).ok().flatten().filter(|ending| ending.is_torn),
            false => None,
        };
        let limit = torn.map_or(size, |ending| ending.sealed);
        file.rewind()?;
        let (rest, offset) = match begins_with_rdb {
            true => self.rdb(name, &file).map(|outcome| (outcome.rest, outcome.bytes))?,
            false => (Vec::new(), 0),
        };
        let source = Cursor::new(rest).chain(&file).take(limit);
        let end = self.scan(name, Scanner::new(source, offset, limit))?;
        if torn.is_some() {
            writeln!(self.out, "0x{limit:16x}: a write that was torn by a crash")?;
        }
        if end.is_time {
            return self.cut_to_time(name, &file, end.good);
        }
        let diff = size - end.good;
        if let (Some(time), 0) = (self.mode.until, diff) {
            writeln!(self.out, "Truncate nothing in AOF {} to timestamp {time}", name.shown)?;
            return Ok(Verdict::Sound);
        }
        let (shown, good, line) = (name.shown, end.good, self.lines);
        writeln!(
            self.out,
            "AOF analyzed: filename={shown}, size={size}, ok_up_to={good}, \
             ok_up_to_line={line}, diff={diff}"
        )?;
        match (diff, self.mode.fix) {
            (0, _) => Ok(Verdict::Sound),
            (_, false) => Ok(Verdict::Unsound),
            (_, true) => self.cut_off(name, &file, size, good),
        }
    }

    /// Looks for where the file ceases to be sound.
    fn scan<R: Read>(&mut self, name: &Name<'_>, mut scanner: Scanner<R>) -> Result<End, Stop> {
        let path = name.path.display();
        let (mut last_read, mut first_line) = (0, self.lines);
        loop {
            let (at, safe, sealed) = (scanner.offset(), scanner.safe_end(), scanner.sealed());
            let was_open = scanner.is_in_transaction();
            let item = match scanner.next_item() {
                Ok(None) => break,
                Ok(Some(item)) => item,
                Err(error) => {
                    self.tell(name, &error, first_line)?;
                    let is_seal = matches!(error, ScanError::Content { fault: Fault::Seal, .. });
                    let good = if is_seal { sealed } else { safe };
                    return Ok(End { good, is_time: false });
                }
            };
            if let Some(time) = item.timestamp() {
                if self.mode.until.is_some_and(|until| time > until) {
                    return Ok(End { good: at, is_time: true });
                }
                continue;
            }
            let Item::Command(_, args) = item else { continue };
            last_read = at + args.last().map_or(0, |last| last.start) as u64;
            let name_at = at + args[0].start as u64;
            let word = item.name().unwrap_or_default().to_ascii_uppercase();
            let unexpected = match word.as_slice() {
                b"MULTI" if was_open => Some("MULTI"),
                b"EXEC" if !was_open => Some("EXEC"),
                _ => None,
            };
            if let Some(word) = unexpected {
                self.lines = first_line + scanner.lines();
                writeln!(self.out, "0x{name_at:16x}: Unexpected {word} in AOF {path}")?;
                return Ok(End { good: safe, is_time: false });
            }
        }
        first_line += scanner.lines();
        self.lines = first_line;
        if scanner.is_in_transaction() {
            let text = "Reached EOF before reading EXEC for MULTI";
            writeln!(self.out, "0x{last_read:16x}: {text}")?;
        }
        Ok(End { good: scanner.safe_end(), is_time: false })
    }

    /// Says what is wrong, unless the file just ends between two lines.
    fn tell(&mut self, name: &Name<'_>, error: &ScanError, first_line: u64) -> Result<(), Stop> {
        let path = name.path.display();
        match error {
            ScanError::Content { offset, lines, fault, .. } => {
                self.lines = first_line + lines;
                match fault {
                    Fault::End => {}
                    Fault::Start => writeln!(self.out, "AOF {path} format error")?,
                    fault => writeln!(self.out, "0x{offset:16x}: {fault}")?,
                }
            }
            ScanError::Read { offset, cause } => {
                writeln!(self.out, "0x{offset:16x}: {}", system_text(cause))?;
            }
        }
        Ok(())
    }

    fn cut_off(
        &mut self,
        name: &Name<'_>,
        file: &File,
        size: u64,
        good: u64,
    ) -> Result<Verdict, Stop> {
        let (shown, diff) = (name.shown, size - good);
        if !name.is_last {
            let reason = "because it is not the last file";
            writeln!(self.out, "Failed to truncate AOF {shown} {reason}")?;
            return Err(Stop::Unsound);
        }
        writeln!(
            self.out,
            "This will shrink the AOF {shown} from {size} bytes, with {diff} bytes, to {good} bytes"
        )?;
        write!(self.out, "Continue? [y/N]: ")?;
        self.out.flush()?;
        let mut answer = String::new();
        self.input.read_line(&mut answer)?;
        if !answer.to_ascii_lowercase().starts_with('y') {
            writeln!(self.out, "Aborting...")?;
            return Err(Stop::Unsound);
        }
        self.shorten(shown, file, good)?;
        Ok(Verdict::Cut)
    }

    fn cut_to_time(&mut self, name: &Name<'_>, file: &File, good: u64) -> Result<Verdict, Stop> {
        let (path, time) = (name.path.display(), self.mode.until.unwrap_or_default());
        if good == 0 {
            let what = format!("has nothing before timestamp {time}, aborting...");
            writeln!(self.out, "AOF {path} {what}")?;
            return Err(Stop::Unsound);
        }
        if !name.is_last {
            writeln!(
                self.out,
                "Failed to truncate AOF {path} to timestamp {time} to offset {good} because it \
                 is not the last file.\n\
                 If you insist, please delete all files after this file according to the \
                 manifest file and delete the corresponding records in manifest file manually. \
                 Then re-run redis-check-aof."
            )?;
            return Err(Stop::Unsound);
        }
        self.shorten(name.shown, file, good)?;
        Ok(Verdict::CutTo(time))
    }

    fn shorten(&mut self, shown: &str, file: &File, good: u64) -> Result<(), Stop> {
        if let Err(error) = file.set_len(good).and_then(|()| file.sync_all()) {
            let reason = system_text(&error);
            writeln!(self.out, "Failed to truncate AOF {shown}: {reason}")?;
            return Err(Stop::Unsound);
        }
        Ok(())
    }
}

/// Counts what an RDB holds.
#[derive(Default)]
struct Tally {
    expires: u64,
}

impl Sink for Tally {
    fn key(&mut self, record: Record) -> Result<(), RdbFault> {
        self.expires += u64::from(record.expiry.is_some());
        Ok(())
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), RdbFault> {
        Ok(())
    }
}

/// Any file may select any database.
const DATABASES: usize = 1 << 16;

impl Checker<'_> {
    /// Reads the RDB at the beginning of a file.
    fn rdb(&mut self, name: &Name<'_>, file: &File) -> Result<Outcome, Stop> {
        writeln!(self.out, "[offset 0] Checking RDB file {}", name.shown)?;
        let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(0)));
        let loading = Loading { limits: &limits, databases: DATABASES, checksum: true };
        let mut tally = Tally::default();
        let outcome = load(file, loading, &mut tally);
        let out = &mut self.out;
        match outcome {
            Ok(outcome) => {
                let (bytes, keys) = (outcome.bytes, outcome.keys);
                let checksum = if outcome.is_checked { "Checksum OK" } else { "No checksum" };
                writeln!(out, "[offset {bytes}] {checksum}")?;
                writeln!(out, "[offset {bytes}] \\o/ RDB looks OK! \\o/")?;
                writeln!(out, "[info] {keys} keys read\n[info] {} expires", tally.expires)?;
                writeln!(out, "RDB preamble is OK, proceeding with AOF tail...")?;
                Ok(outcome)
            }
            Err(error) => {
                writeln!(out, "--- RDB ERROR DETECTED ---")?;
                writeln!(out, "[offset {}] {}", error.at, error.fault)?;
                writeln!(out, "RDB preamble of AOF file is not sane, aborting.")?;
                Err(Stop::Unsound)
            }
        }
    }
}
