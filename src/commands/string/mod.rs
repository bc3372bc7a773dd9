//! Strings: bytes, counters and their lifetimes.

mod compare;
mod counter;
mod edit;
mod lcs;
pub mod range;
mod read;
mod set;
mod subsequence;

use std::sync::Arc;

use super::{Command, Ctx};
use crate::keyspace::{NewStr, StrRef};
use crate::resp::Encoder;
use crate::spec::{CmdError, CmdResult};

pub const COMMANDS: &[&Command] = &[
    &edit::APPEND,
    &counter::DECR,
    &counter::DECRBY,
    &read::GET,
    &compare::DELIFEQ,
    &set::GETDEL,
    &set::GETEX,
    &read::GETRANGE,
    &set::GETSET,
    &counter::INCR,
    &counter::INCRBY,
    &counter::INCRBYFLOAT,
    &lcs::LCS,
    &read::MGET,
    &set::MSET,
    &set::MSETNX,
    &set::PSETEX,
    &set::SET,
    &set::SETEX,
    &set::SETNX,
    &edit::SETRANGE,
    &read::STRLEN,
    &read::SUBSTR,
];

/// Writes a value as a bulk string; a big one by reference.
#[inline]
pub fn write_value(out: &mut Encoder, value: StrRef<'_>) {
    match value {
        StrRef::Int(value) => out.bulk_int(value),
        StrRef::Bytes(bytes) => out.bulk(bytes),
        StrRef::Big(_) => out.bulk_shared(value.to_bytes()),
    }
}

/// Writes a value, or null if there is none.
#[inline]
pub fn write_or_null(out: &mut Encoder, value: Option<StrRef<'_>>) {
    match value {
        Some(value) => write_value(out, value),
        None => out.null(),
    }
}

/// An argument as a value to store: a big one keeps the block it was received in.
#[inline]
fn new_value<'a>((bytes, block): (&'a [u8], Option<&'a Arc<Vec<u8>>>)) -> NewStr<'a> {
    match block {
        None => NewStr::Bytes(bytes),
        Some(block) => NewStr::Shared(Arc::clone(block)),
    }
}

/// # Errors
/// If a string of `len` and `more` bytes would be too long.
pub fn check_len(cx: &Ctx<'_>, len: usize, more: usize) -> CmdResult<()> {
    match len.checked_add(more) {
        Some(sum) if sum as u64 <= cx.settings.proto_max_bulk_len => Ok(()),
        _ => Err(CmdError::StringTooLong),
    }
}

#[cfg(test)]
mod tests;
