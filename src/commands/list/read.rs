//! Reading lists.

use super::{position, window};
use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::{Collection, List};

pub const LLEN: Command = Command::new(
    CommandSpec {
        name: "llen",
        summary: "Get the length of a list",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::List,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    llen,
);

fn llen(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let list = cx.db.get::<List>(&args.key()?)?;
    Ok(Reply::Int(list.map_or(0, Collection::len) as i64))
}

pub const LINDEX: Command = Command::new(
    CommandSpec {
        name: "lindex",
        summary: "Get an element from a list by its index",
        since: "1.0.0",
        complexity: "O(N) where N is the number of elements to traverse to get to the element at \
            index. This makes asking for the first or the last element of the list O(1).",
        group: Group::List,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("index")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    lindex,
);

fn lindex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let Some(list) = cx.db.get::<List>(&args.key()?)? else {
        return Ok(Reply::Nil);
    };
    match position(args.int()?, list.len()).and_then(|index| list.get(index)) {
        Some(element) => bulk_value(cx.out, element),
        None => return Ok(Reply::Nil),
    }
    Ok(Reply::Written)
}

pub const LRANGE: Command = Command::new(
    CommandSpec {
        name: "lrange",
        summary: "Get a range of elements from a list",
        since: "1.0.0",
        complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, \
            from nearest end (HEAD or TAIL) for large lists; and N is the number of \
            elements in the specified range.",
        group: Group::List,
        arity: Arity::Exact(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("start"), Arg::int("stop")],
        ..CommandSpec::BASE
    },
    lrange,
);

fn lrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, start, stop) = (args.key()?, args.int()?, args.int()?);
    let Some(list) = cx.db.get::<List>(&key)? else {
        return Ok(Reply::EmptyArray);
    };
    let window = window(start, stop, list.len());
    let out = &mut *cx.out;
    out.array(window.len());
    list.each(window, |element| bulk_value(out, element));
    Ok(Reply::Written)
}
