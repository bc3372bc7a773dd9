//! `redpoll check-aof`: looks through append-only files and cuts off what is spoilt, as
//! `redis-check-aof` does and in its words.
//!
//! Given a manifest it looks through all files that it names; given anything else, at that one
//! file. Only the end of the last file can be cut off: what follows belongs to what came before.

mod file;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::file::{Name, Verdict};
use crate::persist::aof::Manifest;
use crate::persist::rdb::is_rdb;

const USAGE: &str = "Usage: redpoll check-aof [--fix|--truncate-to-timestamp $timestamp] \
                     <file.manifest|file.aof>";

/// What is to be done with what is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mode {
    fix: bool,
    /// Cut off what was written after this Unix time in seconds.
    until: Option<u64>,
}

/// Why nothing more is done; what there is to say has been said.
#[derive(Debug)]
enum Stop {
    /// Something is wrong with the files.
    Unsound,
    /// A file cannot be read to its end, or the terminal is gone.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Output(error)
    }
}

/// Checks, and says what it finds on the standard output.
#[must_use]
pub fn run(arguments: &[OsString]) -> ExitCode {
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    match check(arguments, &mut input, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Unsound) => ExitCode::FAILURE,
        Err(Stop::Output(error)) => {
            eprintln!("redpoll check-aof: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check(arguments: &[OsString], input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), Stop> {
    let (mode, path) = read_arguments(arguments, out)?;
    let first = fs::File::open(&path).and_then(|file| head(&file));
    let first = match first {
        Ok(first) => first,
        Err(error) => {
            let reason = system_text(&error);
            writeln!(out, "Cannot open file {}: {reason}", path.display())?;
            return Err(Stop::Unsound);
        }
    };
    let mut checker = Checker { mode, lines: 1, input, out };
    if !is_rdb(&first) && is_manifest(&first) {
        checker.parts(&path)
    } else {
        checker.old_style(&path)
    }
}

fn read_arguments(arguments: &[OsString], out: &mut dyn Write) -> Result<(Mode, PathBuf), Stop> {
    let words: Vec<&[u8]> = arguments.iter().map(|word| word.as_bytes()).collect();
    let (mode, path) = match words.as_slice() {
        [path] => (Mode::default(), path),
        [b"--fix", path] => (Mode { fix: true, until: None }, path),
        [b"--truncate-to-timestamp", time, path] => {
            let time = std::str::from_utf8(time).ok().and_then(|time| time.parse().ok());
            let Some(time @ 1..) = time else {
                writeln!(out, "Invalid timestamp, aborting...")?;
                return Err(Stop::Unsound);
            };
            (Mode { fix: false, until: Some(time) }, path)
        }
        _ => {
            writeln!(out, "{USAGE}")?;
            return Err(Stop::Unsound);
        }
    };
    Ok((mode, PathBuf::from(OsStr::from_bytes(path))))
}

/// The beginning of a file.
fn head(file: &fs::File) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether this is how a manifest begins.
fn is_manifest(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"#"));
    lines.find(|line| !line.is_empty()).is_some_and(|line| line.starts_with(b"file"))
}

/// What the system says of an error, as C's strerror does.
fn system_text(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

struct Checker<'a> {
    mode: Mode,
    /// The line that comes next, over all files.
    lines: u64,
    input: &'a mut dyn BufRead,
    out: &'a mut dyn Write,
}

impl Checker<'_> {
    /// One file by itself.
    fn old_style(&mut self, path: &Path) -> Result<(), Stop> {
        writeln!(self.out, "Start checking Old-Style AOF")?;
        let shown = path.display().to_string();
        let name = Name { path, shown: &shown, is_last: true };
        let verdict = self.file(&name)?;
        self.conclude("", &shown, verdict)
    }

    /// All files of a manifest.
    fn parts(&mut self, path: &Path) -> Result<(), Stop> {
        writeln!(self.out, "Start checking Multi Part AOF")?;
        let text = fs::read(path)?;
        let manifest = match Manifest::parse(&text) {
            Ok(manifest) => manifest,
            Err(error) => {
                writeln!(self.out, "*** FATAL AOF MANIFEST FILE ERROR ***")?;
                if error.line > 0 {
                    writeln!(self.out, "Reading the manifest file, at line {}", error.line)?;
                    writeln!(self.out, ">>> '{}'", String::from_utf8_lossy(&error.text))?;
                }
                writeln!(self.out, "{}", error.rule)?;
                return Err(Stop::Unsound);
            }
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let count = manifest.parts().count();
        for (index, part) in manifest.parts().enumerate() {
            let path = folder.join(OsStr::from_bytes(&part.name));
            let shown = String::from_utf8_lossy(&part.name).into_owned();
            let is_base = index == 0 && manifest.base.is_some();
            if is_base {
                let head = fs::File::open(&path).and_then(|file| head(&file)).unwrap_or_default();
                let form = if is_rdb(&head) { "RDB" } else { "AOF" };
                writeln!(self.out, "Start to check BASE AOF ({form} format).")?;
            } else if index == usize::from(manifest.base.is_some()) {
                writeln!(self.out, "Start to check INCR files.")?;
            }
            let name = Name { path: &path, shown: &shown, is_last: index + 1 == count };
            let verdict = self.file(&name)?;
            self.conclude(if is_base { "BASE " } else { "INCR " }, &shown, verdict)?;
        }
        writeln!(self.out, "All AOF files and manifest are valid")?;
        Ok(())
    }

    fn conclude(&mut self, kind: &str, name: &str, verdict: Verdict) -> Result<(), Stop> {
        let out = &mut self.out;
        match verdict {
            Verdict::Sound => writeln!(out, "{kind}AOF {name} is valid")?,
            Verdict::Empty => writeln!(out, "{kind}AOF {name} is empty")?,
            Verdict::Cut => writeln!(out, "Successfully truncated AOF {name}")?,
            Verdict::CutTo(time) => {
                writeln!(out, "Successfully truncated AOF {name} to timestamp {time}")?;
            }
            Verdict::Unsound => {
                let advice = "Use the --fix option to try fixing it.";
                writeln!(out, "AOF {name} is not valid. {advice}")?;
                return Err(Stop::Unsound);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
