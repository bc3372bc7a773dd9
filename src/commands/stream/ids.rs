//! Ids as commands take them, in every spelling that Redis lets pass.

use crate::base::number::parse_i64;
use crate::spec::{CmdError, CmdResult};
use crate::types::StreamId;

pub const INVALID_ID: CmdError =
    CmdError::text("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: CmdError = CmdError::text("ERR invalid start ID for the interval");
const INVALID_END: CmdError = CmdError::text("ERR invalid end ID for the interval");

/// An id's text may have no more bytes.
const TEXT_MAX: usize = 127;

/// The id that XADD is to give an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Exactly(StreamId),
    /// The next one with this time.
    At(u64),
    /// The next one with the present time.
    Next,
}

/// Reads `ms-seq`; `ms` alone means sequence number 0.
///
/// # Errors
/// If it is no id.
pub fn read(text: &[u8]) -> CmdResult<StreamId> {
    parse(text, 0).ok_or(INVALID_ID)
}

/// The id that XADD's argument asks for.
///
/// # Errors
/// If it is no id.
#[inline]
pub fn read_wanted(text: &[u8]) -> CmdResult<Wanted> {
    let text = checked(text).ok_or(INVALID_ID)?;
    if text == b"*" {
        return Ok(Wanted::Next);
    }
    if let Some(ms) = text.strip_suffix(b"-*") {
        return half(ms).map(Wanted::At).ok_or(INVALID_ID);
    }
    parse(text, 0).map(Wanted::Exactly).ok_or(INVALID_ID)
}

/// The first id of an interval: `-`, `+`, an id, or `(` and one that is not included.
///
/// # Errors
/// If it is no id, or there is none past the excluded one.
pub fn read_start(text: &[u8]) -> CmdResult<StreamId> {
    match text {
        [b'(', id @ ..] => read(id)?.next().ok_or(INVALID_START),
        _ => read_any(text),
    }
}

/// The last id of an interval; without a sequence number all of its time are meant.
///
/// # Errors
/// If it is no id, or there is none before the excluded one.
pub fn read_end(text: &[u8]) -> CmdResult<StreamId> {
    match text {
        [b'(', id @ ..] => parse(id, u64::MAX).ok_or(INVALID_ID)?.previous().ok_or(INVALID_END),
        _ => read_bound(text, u64::MAX),
    }
}

/// An id, or `-` and `+` for the least and the greatest.
///
/// # Errors
/// If it is neither.
pub fn read_any(text: &[u8]) -> CmdResult<StreamId> {
    read_bound(text, 0)
}

fn read_bound(text: &[u8], missing: u64) -> CmdResult<StreamId> {
    match checked(text) {
        Some(b"-") => Ok(StreamId::MIN),
        Some(b"+") => Ok(StreamId::MAX),
        Some(text) => parse(text, missing).ok_or(INVALID_ID),
        None => Err(INVALID_ID),
    }
}

/// The id, with a sequence number for a text that has none.
#[inline]
fn parse(text: &[u8], missing: u64) -> Option<StreamId> {
    let text = checked(text)?;
    match text.iter().position(|&byte| byte == b'-') {
        None => Some(StreamId::new(half(text)?, missing)),
        Some(dash) => Some(StreamId::new(half(&text[..dash])?, half(&text[dash + 1..])?)),
    }
}

/// The text up to a zero byte, if it is short enough.
#[inline]
fn checked(text: &[u8]) -> Option<&[u8]> {
    if text.len() > TEXT_MAX {
        return None;
    }
    Some(text.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// Half an id. Plain numbers are read strictly; what is none is read again as C's `strtoull` does,
/// which skips blanks and takes a sign.
#[inline]
fn half(text: &[u8]) -> Option<u64> {
    match parse_i64(text) {
        Some(value) => u64::try_from(value).ok(),
        None => half_leniently(text),
    }
}

fn half_leniently(text: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let text = &text[text.iter().position(|byte| !blank(byte))?..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut value = (!digits.is_empty()).then_some(0_u64);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        value = value.filter(|_| digit <= 9)?.checked_mul(10)?.checked_add(u64::from(digit));
    }
    value.map(|value| if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let max = "18446744073709551615";
        let good = [
            ("5", (5, 0)),
            ("5-3", (5, 3)),
            ("+5-+3", (5, 3)),
            (" 5-\x0b3", (5, 3)),
            ("007-03", (7, 3)),
            ("5--0", (5, 0)),
            ("5- -2", (5, u64::MAX - 1)),
            ("8\0abc", (8, 0)),
            ("9-1\0-", (9, 1)),
            (max, (u64::MAX, 0)),
        ];
        for (text, (ms, seq)) in good {
            assert_eq!(read(text.as_bytes()), Ok(StreamId::new(ms, seq)), "{text:?}");
        }
        let long = "0".repeat(TEXT_MAX) + "7";
        assert_eq!(read(&long.as_bytes()[1..]), Ok(StreamId::new(7, 0)));
        let bad = ["", " ", "-", "+", "5-", "-5", "5--1", "+-5", "5 ", "+ 5", "5-1-1", "5-*", "*"];
        for text in bad.into_iter().chain([&*long, "18446744073709551616", "5-\0"]) {
            assert_eq!(read(text.as_bytes()), Err(INVALID_ID), "{text:?}");
        }
    }

    #[test]
    fn intervals_may_exclude_their_ends() {
        let id = StreamId::new;
        assert_eq!(read_start(b"(5"), Ok(id(5, 1)));
        assert_eq!(read_end(b"(5"), Ok(id(5, u64::MAX - 1)));
        assert_eq!(read_end(b"5"), Ok(id(5, u64::MAX)));
        assert_eq!((read_start(b"-"), read_end(b"+")), (Ok(StreamId::MIN), Ok(StreamId::MAX)));
        assert_eq!(read_end(b"(0-0"), Err(INVALID_END));
        let max = format!("({}", StreamId::MAX);
        assert_eq!(read_start(max.as_bytes()), Err(INVALID_START));
        assert_eq!((read_start(b"(-"), read_end(b"(")), (Err(INVALID_ID), Err(INVALID_ID)));
    }

    #[test]
    fn xadd_may_leave_part_of_an_id_open() {
        assert_eq!(read_wanted(b"*"), Ok(Wanted::Next));
        assert_eq!(read_wanted(b"*\0x"), Ok(Wanted::Next));
        assert_eq!(read_wanted(b" 12-*"), Ok(Wanted::At(12)));
        assert_eq!(read_wanted(b"1-2"), Ok(Wanted::Exactly(StreamId::new(1, 2))));
        for text in ["-*", "*-1", "9-**", "*-*", "+"] {
            assert_eq!(read_wanted(text.as_bytes()), Err(INVALID_ID), "{text}");
        }
    }
}
