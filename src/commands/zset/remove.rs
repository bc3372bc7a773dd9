//! Removing members, by name or by range.

use std::ops::Range;

use super::bounds;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, Zset};

const REMOVED_FROM: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))];

pub const ZREM: Command = Command::new(
    CommandSpec {
        name: "zrem",
        summary: "Remove one or more members from a sorted set",
        since: "1.2.0",
        complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the \
            number of elements to be removed.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: REMOVED_FROM,
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        history: &[("2.4.0", "Accepts multiple elements.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zrem,
);

fn zrem(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(mut zset) = cx.db.get_mut::<Zset>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let mut removed = 0;
    while args.left() > 0 && !zset.is_empty() {
        removed += usize::from(zset.remove(args.bytes()?).is_some());
    }
    let emptied = zset.is_empty();
    drop(zset);
    settle(cx, &key, removed, emptied, Event::zset("zrem"));
    Ok(Reply::Int(removed as i64))
}

/// Reports that so many members were removed, and deletes the key if those were all.
pub fn settle(cx: &mut Ctx<'_>, key: &Key<'_>, removed: usize, emptied: bool, event: Event) {
    if removed > 0 {
        cx.changed_by(key, event, removed);
    }
    if emptied {
        cx.db.remove(key);
        cx.changed_by(key, Event::DEL, 0);
    }
}

/// What the declarations of the following share.
const REMOVES_RANGE: CommandSpec = CommandSpec {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
        number of elements removed by the operation.",
    group: Group::SortedSet,
    arity: Arity::Exact(4),
    flags: Flags::WRITE,
    keys: REMOVED_FROM,
    ..CommandSpec::BASE
};

pub const ZREMRANGEBYRANK: Command = Command::new(
    CommandSpec {
        name: "zremrangebyrank",
        summary: "Remove all members in a sorted set within the given indexes",
        since: "2.0.0",
        args: &[Arg::key("key"), Arg::int("start"), Arg::int("stop")],
        ..REMOVES_RANGE
    },
    zremrangebyrank,
);

fn zremrangebyrank(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, start, stop) = (args.key()?, args.int()?, args.int()?);
    let ranks = |zset: &Zset| bounds::ranks(start, stop, zset.len());
    remove_ranks(cx, &key, ranks, Event::zset("zremrangebyrank"))
}

pub const ZREMRANGEBYSCORE: Command = Command::new(
    CommandSpec {
        name: "zremrangebyscore",
        summary: "Remove all members in a sorted set within the given scores",
        since: "1.2.0",
        args: &[
            Arg::key("key"),
            Arg::new("min", ArgKind::Double),
            Arg::new("max", ArgKind::Double),
        ],
        ..REMOVES_RANGE
    },
    zremrangebyscore,
);

fn zremrangebyscore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (min, max) = bounds::score_bounds(args.bytes()?, args.bytes()?)?;
    let ranks = |zset: &Zset| zset.ranks_by_score(min, max);
    remove_ranks(cx, &key, ranks, Event::zset("zremrangebyscore"))
}

pub const ZREMRANGEBYLEX: Command = Command::new(
    CommandSpec {
        name: "zremrangebylex",
        summary: "Remove all members in a sorted set between the given lexicographical range",
        since: "2.8.9",
        args: &[Arg::key("key"), Arg::string("min"), Arg::string("max")],
        ..REMOVES_RANGE
    },
    zremrangebylex,
);

fn zremrangebylex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (min, max) = bounds::lex_bounds(args.bytes()?, args.bytes()?)?;
    let ranks = |zset: &Zset| zset.ranks_by_lex(min, max, false);
    remove_ranks(cx, &key, ranks, Event::zset("zremrangebylex"))
}

fn remove_ranks(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    ranks: impl FnOnce(&Zset) -> Range<usize>,
    event: Event,
) -> CmdResult<Reply> {
    let Some(mut zset) = cx.db.get_mut::<Zset>(key)? else {
        return Ok(Reply::Int(0));
    };
    let ranks = ranks(&zset);
    let removed = ranks.len();
    let emptied = removed == zset.len();
    if !emptied {
        zset.remove_range(ranks, |_, _| {});
    }
    drop(zset);
    settle(cx, key, removed, emptied, event);
    Ok(Reply::Int(removed as i64))
}
