//! HyperLogLogs: strings that tell how many distinct elements were added.

mod add;
mod count;
mod debug;
mod merge;

use super::{Command, Ctx};
use crate::keyspace::{INLINE_MAX, Key, Lifetime, NewStr};
use crate::spec::{CmdError, Event};
use crate::types::hyperloglog::HllError;

pub const COMMANDS: &[&Command] =
    &[&add::PFADD, &count::PFCOUNT, &debug::PFDEBUG, &merge::PFMERGE, &debug::PFSELFTEST];

/// What every change to the registers is called, in the class of strings.
const PFADD_EVENT: Event = Event::string("pfadd");

/// What a string that is no HyperLogLog, or a damaged one, is refused with.
fn refuse(error: HllError) -> CmdError {
    match error {
        HllError::NotOne => {
            CmdError::text("WRONGTYPE Key is not a valid HyperLogLog string value.")
        }
        HllError::Corrupt => CmdError::text("INVALIDOBJ Corrupted HLL object detected"),
    }
}

/// Stores a HyperLogLog; the key keeps its lifetime.
fn store(cx: &mut Ctx<'_>, key: &Key<'_>, hll: Vec<u8>) {
    let value = if hll.len() > INLINE_MAX { NewStr::Owned(hll) } else { NewStr::Raw(&hll) };
    cx.db.set_string(key, value, Lifetime::Keep);
}

#[cfg(test)]
mod tests;
