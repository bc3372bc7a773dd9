//! Looking at entries by their ids.

use super::ids;
use super::reply::write_entries;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, Stream};

pub const XLEN: Command = Command::new(
    CommandSpec {
        name: "xlen",
        summary: "Return the number of entries in a stream",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xlen,
);

fn xlen(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let stream = cx.db.get::<Stream>(&args.key()?)?;
    Ok(Reply::Int(stream.map_or(0, Collection::len) as i64))
}

pub const XRANGE: Command = Command::new(
    CommandSpec {
        name: "xrange",
        summary: "Return a range of elements in a stream, with IDs matching the specified IDs \
            interval",
        since: "5.0.0",
        complexity: "O(N) with N being the number of elements being returned. If N is constant \
            (e.g. always asking for the first 10 elements with COUNT), you can consider \
            it O(1).",
        group: Group::Stream,
        arity: Arity::AtLeast(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::string("start"),
            Arg::string("end"),
            Arg::int("count").token("COUNT").optional(),
        ],
        history: &[("6.2.0", "Added exclusive ranges.")],
        ..CommandSpec::BASE
    },
    xrange,
);

fn xrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    range(cx, args, false)
}

pub const XREVRANGE: Command = Command::new(
    CommandSpec {
        name: "xrevrange",
        summary: "Return a range of elements in a stream, with IDs matching the specified IDs \
            interval, in reverse order (from greater to smaller IDs) compared to XRANGE",
        since: "5.0.0",
        complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. \
            always asking for the first 10 elements with COUNT), you can consider it \
            O(1).",
        group: Group::Stream,
        arity: Arity::AtLeast(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::string("end"),
            Arg::string("start"),
            Arg::int("count").token("COUNT").optional(),
        ],
        history: &[("6.2.0", "Added exclusive ranges.")],
        ..CommandSpec::BASE
    },
    xrevrange,
);

fn xrevrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    range(cx, args, true)
}

fn range(cx: &mut Ctx<'_>, args: &mut Args<'_>, backwards: bool) -> CmdResult<Reply> {
    let key = args.key()?;
    let (one, other) = (args.bytes()?, args.bytes()?);
    let (start, end) = if backwards { (other, one) } else { (one, other) };
    let (start, end) = (ids::read_start(start)?, ids::read_end(end)?);
    let mut count = usize::MAX;
    while args.left() > 0 {
        if args.left() < 2 || !args.take_word("COUNT") {
            return Err(CmdError::Syntax);
        }
        count = usize::try_from(args.int()?).unwrap_or(0);
    }
    let Some(stream) = cx.db.get::<Stream>(&key)? else {
        return Ok(Reply::EmptyArray);
    };
    if count == 0 {
        return Ok(Reply::NilArray);
    }
    if backwards {
        write_entries(cx.out, stream.range_back(start, end).take(count));
    } else {
        write_entries(cx.out, stream.range(start, end).take(count));
    }
    Ok(Reply::Written)
}
