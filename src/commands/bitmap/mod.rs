//! Strings as bitmaps.

mod bitfield;
mod bits;
mod field;
mod read;
mod write;

use super::{Command, Ctx};
use crate::base::number::parse_i64;
use crate::spec::{CmdError, CmdResult};

pub const COMMANDS: &[&Command] = &[
    &read::BITCOUNT,
    &bitfield::BITFIELD,
    &bitfield::BITFIELD_RO,
    &write::BITOP,
    &read::BITPOS,
    &read::GETBIT,
    &write::SETBIT,
];

/// Reads a bit's number: the string that holds it must not be longer than a string may be.
fn bit_offset(cx: &Ctx<'_>, text: &[u8]) -> CmdResult<usize> {
    scaled_bit_offset(cx, text, 1)
}

/// As [`bit_offset`], in units of `unit` bits.
fn scaled_bit_offset(cx: &Ctx<'_>, text: &[u8], unit: usize) -> CmdResult<usize> {
    const REFUSED: CmdError = CmdError::text("ERR bit offset is not an integer or out of range");
    let offset = parse_i64(text).and_then(|number| usize::try_from(number).ok());
    let offset = offset.and_then(|number| number.checked_mul(unit)).ok_or(REFUSED)?;
    let fits = offset as u64 >> 3 < cx.settings.proto_max_bulk_len;
    if fits { Ok(offset) } else { Err(REFUSED) }
}

#[cfg(test)]
mod tests;
