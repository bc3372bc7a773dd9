//! What modules put into a file besides keys: skipped, as it can be without knowing the module.

use std::io::Read;

use crate::persist::rdb::{Fault, RdbError, Reader};

/// What a module's item is.
mod item {
    pub const END: u64 = 0;
    pub const SIGNED: u64 = 1;
    pub const UNSIGNED: u64 = 2;
    pub const FLOAT: u64 = 3;
    pub const DOUBLE: u64 = 4;
    pub const STRING: u64 = 5;
}

/// Reads what follows the opcode; the module's name.
pub(super) fn skip_aux<R: Read>(reader: &mut Reader<R>) -> Result<String, RdbError> {
    let id = reader.length()?;
    if reader.length()? != item::UNSIGNED {
        return Err(reader.error(Fault::Malformed("module data")));
    }
    reader.length()?;
    loop {
        match reader.length()? {
            item::END => return Ok(name(id)),
            item::SIGNED | item::UNSIGNED => drop(reader.length()?),
            item::FLOAT => drop(reader.array::<4>()?),
            item::DOUBLE => drop(reader.array::<8>()?),
            item::STRING => drop(reader.string()?),
            _ => return Err(reader.error(Fault::Malformed("module data"))),
        }
    }
}

/// Nine characters of six bits, the first in the highest bits; below them ten bits of a version.
pub(in super::super) fn name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |index: u32| {
        let bits = id >> (64 - 6 * (index + 1));
        char::from(LETTERS[(bits & 63) as usize])
    };
    (0..9).map(letter).collect()
}
