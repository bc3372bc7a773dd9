//! Reading scores.

use super::READ;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::{Collection, Zset};

pub const ZCARD: Command = Command::new(
    CommandSpec {
        name: "zcard",
        summary: "Get the number of members in a sorted set",
        since: "1.2.0",
        complexity: "O(1)",
        group: Group::SortedSet,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zcard,
);

fn zcard(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let zset = cx.db.get::<Zset>(&args.key()?)?;
    Ok(Reply::Int(zset.map_or(0, Collection::len) as i64))
}

pub const ZSCORE: Command = Command::new(
    CommandSpec {
        name: "zscore",
        summary: "Get the score associated with the given member in a sorted set",
        since: "1.2.0",
        complexity: "O(1)",
        group: Group::SortedSet,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: &[Arg::key("key"), Arg::string("member")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zscore,
);

fn zscore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, member) = (args.key()?, args.bytes()?);
    match cx.db.get::<Zset>(&key)?.and_then(|zset| zset.score(member)) {
        Some(score) => cx.out.double(score),
        None => return Ok(Reply::Nil),
    }
    Ok(Reply::Written)
}

pub const ZMSCORE: Command = Command::new(
    CommandSpec {
        name: "zmscore",
        summary: "Get the score associated with the given members in a sorted set",
        since: "6.2.0",
        complexity: "O(N) where N is the number of members being requested.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: READ,
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zmscore,
);

fn zmscore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let zset = cx.db.get::<Zset>(&key)?;
    cx.out.array(args.left());
    while args.left() > 0 {
        let member = args.bytes()?;
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => cx.out.double(score),
            None => cx.out.null(),
        }
    }
    Ok(Reply::Written)
}
