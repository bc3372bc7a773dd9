//! Taking the first or last members out.

use super::remove::settle;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::keyspace::Key;
use crate::resp::{Encoder, Proto};
use crate::spec::{
    Arg, Arity, Begin, CmdError, CmdResult, CommandSpec, Event, Find, Flags, Group, KeyFlags,
    KeySpec,
};
use crate::types::{Collection, Zset};

pub const POPPED_FROM: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
const NO_KEYS: CmdError = CmdError::text("ERR numkeys should be greater than 0");
const NO_COUNT: CmdError = CmdError::text("ERR count should be greater than 0");

/// Which end members are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Min,
    Max,
}

impl Side {
    fn event(self) -> Event {
        Event::zset(match self {
            Side::Min => "zpopmin",
            Side::Max => "zpopmax",
        })
    }

    /// The command that replicas get.
    pub fn command(self) -> &'static [u8] {
        match self {
            Side::Min => b"ZPOPMIN",
            Side::Max => b"ZPOPMAX",
        }
    }
}

pub const ZPOPMIN: Command = Command::new(
    CommandSpec {
        name: "zpopmin",
        summary: "Remove and return members with the lowest scores in a sorted set",
        since: "5.0.0",
        complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M \
            being the number of elements popped.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, POPPED_FROM)],
        args: &[Arg::key("key"), Arg::int("count").optional()],
        ..CommandSpec::BASE
    },
    zpopmin,
);

fn zpopmin(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, Side::Min)
}

pub const ZPOPMAX: Command = Command::new(
    CommandSpec {
        name: "zpopmax",
        summary: "Remove and return members with the highest scores in a sorted set",
        since: "5.0.0",
        complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M \
            being the number of elements popped.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, POPPED_FROM)],
        args: &[Arg::key("key"), Arg::int("count").optional()],
        ..CommandSpec::BASE
    },
    zpopmax,
);

fn zpopmax(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, Side::Max)
}

fn pop(cx: &mut Ctx<'_>, args: &mut Args<'_>, side: Side) -> CmdResult<Reply> {
    let key = args.key()?;
    let count = match args.left() {
        0 => None,
        1 => Some(positive(args.bytes()?).ok_or(CmdError::NotPositive)?),
        _ => return Err(CmdError::Syntax),
    };
    // Without a count the one member is not a list of one, in RESP3 either.
    let pairs = count.is_some() && cx.out.proto() == Proto::Resp3;
    let begin = |out: &mut Encoder, count| out.array(if pairs { count } else { count * 2 });
    let found = take(cx, &key, side, count.unwrap_or(1), pairs, begin)?;
    Ok(if found.is_some() { Reply::Written } else { Reply::EmptyArray })
}

fn positive(text: &[u8]) -> Option<usize> {
    usize::try_from(parse_i64(text)?).ok()
}

/// Takes up to `count` members out and writes them, after what `begin` writes; how many. None if
/// there is no such key.
pub fn take(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    side: Side,
    count: usize,
    pairs: bool,
    begin: impl FnOnce(&mut Encoder, usize),
) -> CmdResult<Option<usize>> {
    let Some(mut zset) = cx.db.get_mut::<Zset>(key)? else {
        return Ok(None);
    };
    let len = zset.len();
    let count = count.min(len);
    begin(cx.out, count);
    let mut write = |(member, score)| {
        if pairs {
            cx.out.array(2);
        }
        bulk_value(cx.out, member);
        cx.out.double(score);
    };
    let ranks = match side {
        Side::Min => 0..count,
        Side::Max => len - count..len,
    };
    let walk = zset.range(ranks.clone());
    match side {
        Side::Min => walk.for_each(&mut write),
        Side::Max => walk.rev().for_each(&mut write),
    }
    if count < len {
        zset.remove_range(ranks, |_, _| {});
    }
    drop(zset);
    settle(cx, key, count, count == len, side.event());
    Ok(Some(count))
}

pub const ZMPOP: Command = Command::new(
    CommandSpec {
        name: "zmpop",
        summary: "Remove and return members with scores in a sorted set",
        since: "7.0.0",
        complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the \
            number of elements in the sorted set, and M being the number of elements \
            popped.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE,
        keys: &[KeySpec {
            begin: Begin::Index(1),
            find: Find::Count { index: 0, first: 1, step: 1 },
            flags: POPPED_FROM,
            notes: "",
        }],
        args: &[
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
            Arg::int("count").token("COUNT").optional(),
        ],
        ..CommandSpec::BASE
    },
    zmpop,
);

fn zmpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (mut keyed, many) = read_many(args)?;
    for _ in 0..many.keys {
        if take_many(cx, &[keyed.key()?], many)? {
            return Ok(Reply::Written);
        }
    }
    Ok(Reply::NilArray)
}

/// What ZMPOP takes from the first key that has anything.
#[derive(Clone, Copy)]
pub struct Many {
    pub keys: usize,
    side: Side,
    count: usize,
}

/// Reads the arguments from the number of keys on; the first of those still stand at the keys.
pub fn read_many<'a>(args: &mut Args<'a>) -> CmdResult<(Args<'a>, Many)> {
    let keys = positive(args.bytes()?).filter(|&keys| keys > 0).ok_or(NO_KEYS)?;
    let first = *args;
    if keys >= args.left() {
        return Err(CmdError::Syntax);
    }
    for _ in 0..keys {
        args.bytes()?;
    }
    let side = match args.token().ok_or(CmdError::Syntax)?.upper() {
        b"MIN" => Side::Min,
        b"MAX" => Side::Max,
        _ => return Err(CmdError::Syntax),
    };
    let mut count = None;
    while let Some(token) = args.token() {
        match token.upper() {
            b"COUNT" if count.is_none() => {
                let wanted = positive(args.bytes()?);
                count = Some(wanted.filter(|&wanted| wanted > 0).ok_or(NO_COUNT)?);
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok((first, Many { keys, side, count: count.unwrap_or(1) }))
}

/// Takes members from the first key that has any, and replies the key and them; whether one has.
pub fn take_many(cx: &mut Ctx<'_>, keys: &[Key<'_>], many: Many) -> CmdResult<bool> {
    for key in keys {
        let begin = |out: &mut Encoder, count| {
            out.array(2);
            out.bulk(key.bytes);
            out.array(count);
        };
        if cx.skips(key) {
            continue;
        }
        if let Some(count) = take(cx, key, many.side, many.count, true, begin)? {
            let mut digits = itoa::Buffer::new();
            let count = digits.format(count).as_bytes();
            cx.propagate(&[many.side.command(), key.bytes, count]);
            return Ok(true);
        }
    }
    Ok(false)
}
