//! Taking members out as soon as there are any.

use smallvec::SmallVec;

use super::pop::{POPPED_FROM, Side, read_many, take, take_many};
use crate::commands::{Args, Blocking, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, CmdResult, CommandSpec, Find, Flags, Group, KeySpec,
};
use crate::types::Kind;

type Keys<'a> = SmallVec<[Key<'a>; 4]>;

pub const BZPOPMIN: Command = Command::new(
    CommandSpec {
        name: "bzpopmin",
        summary: "Remove and return the member with the lowest score from one or more sorted \
            sets, or block until one is available",
        since: "5.0.0",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::NO_SCRIPT).union(Flags::BLOCKING).union(Flags::FAST),
        keys: &[KeySpec::range(1, -2, 1, POPPED_FROM)],
        args: &[Arg::key("key").multiple(), Arg::new("timeout", ArgKind::Double)],
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..CommandSpec::BASE
    },
    bzpopmin,
);

fn bzpopmin(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, Side::Min)
}

pub const BZPOPMAX: Command = Command::new(
    CommandSpec {
        name: "bzpopmax",
        summary: "Remove and return the member with the highest score from one or more sorted \
            sets, or block until one is available",
        since: "5.0.0",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::NO_SCRIPT).union(Flags::BLOCKING).union(Flags::FAST),
        keys: &[KeySpec::range(1, -2, 1, POPPED_FROM)],
        args: &[Arg::key("key").multiple(), Arg::new("timeout", ArgKind::Double)],
        history: &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")],
        ..CommandSpec::BASE
    },
    bzpopmax,
);

fn bzpopmax(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, Side::Max)
}

fn pop(cx: &mut Ctx<'_>, args: &mut Args<'_>, side: Side) -> CmdResult<Reply> {
    let mut ahead = *args;
    while ahead.left() > 1 {
        ahead.bytes()?;
    }
    let deadline = ahead.deadline(cx.now)?;
    let mut keys = Keys::new();
    while args.left() > 1 {
        keys.push(args.key()?);
    }
    for key in &keys {
        let begin = |out: &mut Encoder, _| {
            out.array(3);
            out.bulk(key.bytes);
        };
        if !cx.skips(key) && take(cx, key, side, 1, false, begin)?.is_some() {
            cx.propagate(&[side.command(), key.bytes]);
            return Ok(Reply::Written);
        }
    }
    cx.block(Blocking::on(Kind::Zset, &keys, deadline, Reply::NilArray))
}

pub const BZMPOP: Command = Command::new(
    CommandSpec {
        name: "bzmpop",
        summary: "Remove and return members with scores in a sorted set or block until one is \
            available",
        since: "7.0.0",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the \
            number of elements in the sorted set, and M being the number of elements \
            popped.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::BLOCKING),
        keys: &[KeySpec {
            begin: Begin::Index(2),
            find: Find::Count { index: 0, first: 1, step: 1 },
            flags: POPPED_FROM,
            notes: "",
        }],
        args: &[
            Arg::new("timeout", ArgKind::Double),
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
            Arg::int("count").token("COUNT").optional(),
        ],
        ..CommandSpec::BASE
    },
    bzmpop,
);

fn bzmpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    // The timeout stands first and is judged last.
    let mut timeout = *args;
    args.bytes()?;
    let (mut keyed, many) = read_many(args)?;
    let deadline = timeout.deadline(cx.now)?;
    let keys = (0..many.keys).map(|_| keyed.key()).collect::<CmdResult<Keys<'_>>>()?;
    if take_many(cx, &keys, many)? {
        return Ok(Reply::Written);
    }
    cx.block(Blocking::on(Kind::Zset, &keys, deadline, Reply::NilArray))
}
