//! Where members stand, and how many stand between two bounds.

use super::{READ, bounds};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Encoder;
use crate::spec::{Arg, ArgKind, Arity, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::types::{Collection, Zset};

const RANK_ARGS: &[Arg] = &[
    Arg::key("key"),
    Arg::string("member"),
    Arg::word("withscore", "WITHSCORE").since("7.2.0").optional(),
];
const RANK_HISTORY: &[(&str, &str)] = &[("7.2.0", "Added the optional `WITHSCORE` argument.")];

pub const ZRANK: Command = Command::new(
    CommandSpec {
        name: "zrank",
        summary: "Determine the index of a member in a sorted set",
        since: "2.0.0",
        complexity: "O(log(N))",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: RANK_ARGS,
        history: RANK_HISTORY,
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zrank,
);

fn zrank(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    rank(cx, args, false)
}

pub const ZREVRANK: Command = Command::new(
    CommandSpec {
        name: "zrevrank",
        summary: "Determine the index of a member in a sorted set, with scores ordered from \
            high to low",
        since: "2.0.0",
        complexity: "O(log(N))",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: RANK_ARGS,
        history: RANK_HISTORY,
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zrevrank,
);

fn zrevrank(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    rank(cx, args, true)
}

/// Replies a member's rank, with its score if that is asked for.
fn rank(cx: &mut Ctx<'_>, args: &mut Args<'_>, reverse: bool) -> CmdResult<Reply> {
    let (key, member) = (args.key()?, args.bytes()?);
    let with_score = args.take_word("WITHSCORE");
    if args.left() > 0 {
        return Err(args.wrong_arity());
    }
    let zset = cx.db.get::<Zset>(&key)?;
    let found = zset.and_then(|zset| {
        let (rank, score) = zset.rank(member)?;
        Some((if reverse { zset.len() - 1 - rank } else { rank }, score))
    });
    match found {
        None if with_score => Ok(Reply::NilArray),
        None => Ok(Reply::Nil),
        Some((rank, score)) if with_score => Ok(ranked(cx.out, rank, score)),
        Some((rank, _)) => Ok(Reply::Int(rank as i64)),
    }
}

fn ranked(out: &mut Encoder, rank: usize, score: f64) -> Reply {
    out.array(2);
    out.int(rank as i64);
    out.double(score);
    Reply::Written
}

pub const ZCOUNT: Command = Command::new(
    CommandSpec {
        name: "zcount",
        summary: "Count the members in a sorted set with scores within the given values",
        since: "2.0.0",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        group: Group::SortedSet,
        arity: Arity::Exact(4),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: &[
            Arg::key("key"),
            Arg::new("min", ArgKind::Double),
            Arg::new("max", ArgKind::Double),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zcount,
);

fn zcount(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (min, max) = bounds::score_bounds(args.bytes()?, args.bytes()?)?;
    let zset = cx.db.get::<Zset>(&key)?;
    Ok(Reply::Int(zset.map_or(0, |zset| zset.ranks_by_score(min, max).len()) as i64))
}

pub const ZLEXCOUNT: Command = Command::new(
    CommandSpec {
        name: "zlexcount",
        summary: "Count the number of members in a sorted set between a given lexicographical \
            range",
        since: "2.8.9",
        complexity: "O(log(N)) with N being the number of elements in the sorted set.",
        group: Group::SortedSet,
        arity: Arity::Exact(4),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: &[Arg::key("key"), Arg::string("min"), Arg::string("max")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zlexcount,
);

fn zlexcount(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (min, max) = bounds::lex_bounds(args.bytes()?, args.bytes()?)?;
    let zset = cx.db.get::<Zset>(&key)?;
    Ok(Reply::Int(zset.map_or(0, |zset| zset.ranks_by_lex(min, max, false).len()) as i64))
}
