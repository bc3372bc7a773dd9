//! Lists: pushing to and popping from both ends, moving elements from list to list, waiting for
//! them.

mod blocking;
mod edit;
mod pop;
mod position;
mod push;
mod read;
mod shift;

use std::ops::Range;

use super::{Args, Command, Ctx};
use crate::keyspace::Key;
use crate::spec::{Arg, CmdError, CmdResult, Event};
use crate::types::End;

pub const COMMANDS: &[&Command] = &[
    &blocking::BLMOVE,
    &blocking::BLMPOP,
    &blocking::BLPOP,
    &blocking::BRPOP,
    &blocking::BRPOPLPUSH,
    &read::LINDEX,
    &push::LINSERT,
    &read::LLEN,
    &shift::LMOVE,
    &pop::LMPOP,
    &pop::LPOP,
    &position::LPOS,
    &push::LPUSH,
    &push::LPUSHX,
    &read::LRANGE,
    &edit::LREM,
    &edit::LSET,
    &edit::LTRIM,
    &pop::RPOP,
    &shift::RPOPLPUSH,
    &push::RPUSH,
    &push::RPUSHX,
];

/// The words for the two ends, as [`read_end`] reads them.
const ENDS: &[Arg] = &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")];

fn read_end(args: &mut Args<'_>) -> CmdResult<End> {
    match args.token().ok_or(CmdError::Syntax)?.upper() {
        b"LEFT" => Ok(End::Front),
        b"RIGHT" => Ok(End::Back),
        _ => Err(CmdError::Syntax),
    }
}

/// What pushing at that end is called.
const fn pushed(end: End) -> Event {
    Event::list(match end {
        End::Front => "lpush",
        End::Back => "rpush",
    })
}

/// Reports that so many elements were removed, and deletes a list without any.
#[inline]
fn removed(cx: &mut Ctx<'_>, key: &Key<'_>, event: &'static str, (count, is_empty): (usize, bool)) {
    cx.changed_by(key, Event::list(event), count);
    if is_empty {
        cx.db.remove_if_empty(key);
        cx.changed_by(key, Event::DEL, 0);
    }
}

/// What popping from that end is called.
const fn popped(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// The command that pops from that end.
const fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LPOP",
        End::Back => b"RPOP",
    }
}

/// The element that a client calls `index`: negative ones count from the end.
fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// The elements from `start` to `stop`, both of which may count from the end, as far as there are
/// such.
fn window(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_front = |index: i64| if index < 0 { index + len } else { index };
    let start = from_front(start).clamp(0, len);
    let end = from_front(stop).min(len - 1) + 1;
    start as usize..end.max(start) as usize
}

#[cfg(test)]
mod tests;
