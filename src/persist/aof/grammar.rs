//! One command or annotation at the start of some bytes.

use std::ops::Range;

use smallvec::SmallVec;

/// Arguments up to which nothing is allocated.
const ARGS_INLINE: usize = 8;
/// An annotation is not longer than this, its line end included.
const ANNOTATION_MAX: usize = 1024;
/// Digits of a count or length, its sign included.
const DIGITS_MAX: usize = 20;

/// What stands at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Command(Command),
    /// A line that begins with `#`, of this many bytes.
    Annotation(usize),
}

/// A command: where its arguments are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Bytes it takes.
    pub len: usize,
    /// Lines it takes.
    pub lines: u64,
    pub args: SmallVec<[Range<usize>; ARGS_INLINE]>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the end of the file")]
    End,
    #[error("neither a command nor an annotation begins here")]
    Start,
    #[error("Expected prefix '{}', got: '{}'", char::from(*expected), char::from(*got))]
    Prefix { expected: u8, got: u8 },
    #[error("Expected \\r\\n, got: {:02x}{:02x}", .0[0], .0[1])]
    LineEnd([u8; 2]),
    #[error("a command of {0} arguments")]
    Count(i64),
    #[error("Expected to read string of {0} bytes, which is not in the suitable range")]
    Length(i64),
    #[error("Expected to read {wanted} bytes, got {got} bytes")]
    Short { wanted: u64, got: u64 },
    #[error("an annotation that is too long")]
    LongAnnotation,
    #[error("a seal that is not of the bytes before it")]
    Seal,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Flaw {
    /// Bytes before it.
    pub at: usize,
    /// Lines before it.
    pub lines: u64,
    pub fault: Fault,
    /// All is well as far as the bytes go: there are too few of them.
    pub is_end: bool,
    /// Bytes that are missing at least.
    pub missing: u64,
}

/// Reads what stands at the start of `bytes`, which are not empty.
///
/// # Errors
/// If there is something else, or not all of it.
pub fn piece(bytes: &[u8]) -> Result<Piece, Flaw> {
    match bytes.first() {
        Some(b'*') => command(bytes).map(Piece::Command),
        Some(b'#') => annotation(bytes).map(Piece::Annotation),
        _ => Err(bad(0, 0, Fault::Start)),
    }
}

fn annotation(bytes: &[u8]) -> Result<usize, Flaw> {
    let shown = &bytes[..bytes.len().min(ANNOTATION_MAX)];
    match shown.iter().position(|&byte| byte == b'\n') {
        Some(end) => Ok(end + 1),
        None if shown.len() == ANNOTATION_MAX => Err(bad(0, 0, Fault::LongAnnotation)),
        None => Err(end(0, 0, Fault::End, 1)),
    }
}

fn command(bytes: &[u8]) -> Result<Command, Flaw> {
    let (count, mut at) = number(bytes, 0, b'*', 0)?;
    if count < 1 || count > i64::from(i32::MAX) {
        return Err(bad(0, 0, Fault::Count(count)));
    }
    let mut command = Command { len: 0, lines: 1, args: SmallVec::new() };
    for _ in 0..count {
        let (len, start) = number(bytes, at, b'$', command.lines)?;
        // Beyond that no length can be added to an offset.
        let Some(len) = usize::try_from(len).ok().filter(|&len| len < usize::MAX / 4) else {
            return Err(bad(at, command.lines + 1, Fault::Length(len)));
        };
        command.lines += 1;
        let (wanted, got) = (len as u64 + 2, (bytes.len() - start) as u64);
        if got < wanted {
            return Err(end(start, command.lines, Fault::Short { wanted, got }, wanted - got));
        }
        at = start + len;
        if &bytes[at..at + 2] != b"\r\n" {
            let fault = Fault::LineEnd([bytes[at], bytes[at + 1]]);
            return Err(bad(start, command.lines, fault));
        }
        command.args.push(start..at);
        command.lines += 1;
        at += 2;
    }
    command.len = at;
    Ok(command)
}

/// The number of a line that begins at `at` with `sigil`, and where the next line begins.
fn number(bytes: &[u8], at: usize, sigil: u8, lines: u64) -> Result<(i64, usize), Flaw> {
    let line = &bytes[at..];
    match line.first() {
        None => return Err(end(at, lines, Fault::End, 1)),
        Some(&got) if got != sigil => {
            return Err(bad(at, lines, Fault::Prefix { expected: sigil, got }));
        }
        Some(_) => {}
    }
    let line = &line[1..];
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    let digits = line.iter().take(DIGITS_MAX + 1).position(|byte| !is_digit(byte));
    let digits = digits.unwrap_or(line.len().min(DIGITS_MAX + 1));
    let after = [line.get(digits), line.get(digits + 1)];
    let number = std::str::from_utf8(&line[..digits]).ok().and_then(|text| text.parse().ok());
    let found = Fault::LineEnd(after.map(|byte| byte.copied().unwrap_or(0)));
    match (number, after) {
        (Some(number), [Some(b'\r'), Some(b'\n')]) => Ok((number, at + digits + 3)),
        (_, [None, _] | [Some(b'\r'), None]) if digits <= DIGITS_MAX => {
            Err(end(at, lines, found, 1))
        }
        _ => Err(bad(at, lines, found)),
    }
}

fn bad(at: usize, lines: u64, fault: Fault) -> Flaw {
    Flaw { at, lines, fault, is_end: false, missing: 0 }
}

fn end(at: usize, lines: u64, fault: Fault, missing: u64) -> Flaw {
    Flaw { at, lines, fault, is_end: true, missing }
}
