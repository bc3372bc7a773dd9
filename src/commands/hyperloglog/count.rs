//! Estimating how many elements were added.

use super::refuse;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Expiry;
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec};
use crate::types::hyperloglog::{self, REGISTERS};

pub const PFCOUNT: Command = Command::new(
    CommandSpec {
        name: "pfcount",
        summary: "Return the approximated cardinality of the set(s) observed by the \
            HyperLogLog at key(s).",
        since: "2.8.9",
        complexity: "O(1) with a very small average constant time when called with a single key. \
            O(N) with N being the number of keys, and much bigger constant times, when \
            called with multiple keys.",
        group: Group::Hyperloglog,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RW.union(KeyFlags::ACCESS)).notes(
            "RW because it may change the internal representation of the key, and \
            propagate to replicas",
        )],
        args: &[Arg::key("key").multiple()],
        ..CommandSpec::BASE
    },
    pfcount,
);

fn pfcount(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() > 1 {
        return count_union(cx, args);
    }
    let key = args.key()?;
    let mut digits = itoa::Buffer::new();
    let Some(value) = cx.db.string(&key)? else {
        return Ok(Reply::Int(0));
    };
    let bytes = value.text(&mut digits);
    hyperloglog::validate(bytes).map_err(refuse)?;
    let cached = hyperloglog::cached_count(bytes);
    let count = match cached {
        Some(count) => count,
        None => hyperloglog::count(bytes).map_err(refuse)?,
    };
    if cx.db.expiry == Expiry::Hide {
        // A replica's bytes are its primary's, and those of one that stands still are known.
        return Ok(Reply::Int(count as i64));
    }
    // Even where nothing is written, it is a raw string from now on.
    cx.db.edit_string(&key, 0, |bytes| {
        if cached.is_none() {
            hyperloglog::cache_count(bytes, count);
        }
    })?;
    if cached.is_none() {
        cx.changed(&key, Event::UNTOLD);
    }
    Ok(Reply::Int(count as i64))
}

/// The count of all keys together is not cached anywhere.
fn count_union(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut registers = Box::new([0; REGISTERS]);
    let mut digits = itoa::Buffer::new();
    while args.left() > 0 {
        let key = args.key()?;
        if let Some(value) = cx.db.string(&key)? {
            let bytes = value.text(&mut digits);
            hyperloglog::merge_into(&mut registers, bytes).map_err(refuse)?;
        }
    }
    Ok(Reply::Int(hyperloglog::count_registers(&registers) as i64))
}
