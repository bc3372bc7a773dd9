//! Ends of ranges, as clients write them.

use std::ops::{Bound, Range};

use crate::base::float::parse_score_bound;
use crate::spec::{CmdError, CmdResult};
use crate::types::zset::LexBound;

const NOT_FLOATS: CmdError = CmdError::text("ERR min or max is not a float");
const NOT_LEX: CmdError = CmdError::text("ERR min or max not valid string range item");

/// The lowest and the highest score; `(` before one excludes it.
///
/// # Errors
/// If one is no number.
pub fn score_bounds(min: &[u8], max: &[u8]) -> CmdResult<(Bound<f64>, Bound<f64>)> {
    let read = |text: &[u8]| match text {
        [b'(', number @ ..] => parse_score_bound(number).map(Bound::Excluded),
        number => parse_score_bound(number).map(Bound::Included),
    };
    read(min).zip(read(max)).ok_or(NOT_FLOATS)
}

/// The least and the greatest member: `[member`, `(member`, `-` or `+`.
///
/// # Errors
/// If one begins otherwise.
pub fn lex_bounds<'a>(min: &'a [u8], max: &'a [u8]) -> CmdResult<(LexBound<'a>, LexBound<'a>)> {
    let read = |text: &'a [u8]| match text {
        b"-" => Some(LexBound::Min),
        b"+" => Some(LexBound::Max),
        [b'[', member @ ..] => Some(LexBound::Included(member)),
        [b'(', member @ ..] => Some(LexBound::Excluded(member)),
        _ => None,
    };
    read(min).zip(read(max)).ok_or(NOT_LEX)
}

/// The ranks from `start` to `stop`, both included; negative ones count from the end.
pub fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len_signed = len as i64; // a collection's length fits
    let absolute = |rank: i64| if rank < 0 { rank.saturating_add(len_signed) } else { rank };
    let (start, stop) = (absolute(start).max(0), absolute(stop).min(len_signed - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}
