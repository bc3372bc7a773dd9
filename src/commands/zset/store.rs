//! Unions, intersections and differences that are stored under a key.

use super::combine::{AGGREGATE, Combination, Operation, WEIGHTS};
use super::inputs::count_keys;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, CmdResult, CommandSpec, Event, Find, Flags, Group, KeyFlags,
    KeySpec,
};
use crate::types::{Collection, Zset};

const STORE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec {
        begin: Begin::Index(2),
        find: Find::Count { index: 0, first: 1, step: 1 },
        flags: KeyFlags::RO.union(KeyFlags::ACCESS),
        notes: "",
    },
];

/// Stores a sorted set in place of what was there, or deletes that if it is empty; replies how
/// many members it has. One change, unless `each` member counts.
pub fn put(cx: &mut Ctx<'_>, target: &Key<'_>, zset: Zset, event: Event, each: bool) -> Reply {
    let len = zset.len();
    if len > 0 {
        cx.db.put_collection(target, zset);
        cx.changed_by(target, event, if each { len } else { 1 });
    } else if cx.db.clear(target) {
        cx.changed(target, Event::DEL);
    }
    Reply::Int(len as i64)
}

fn store(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    operation: Operation,
    event: Event,
) -> CmdResult<Reply> {
    let mut ahead = *args;
    ahead.bytes()?;
    let count = count_keys(ahead)?;
    let target = args.key()?;
    let combination = Combination::read(cx, args, count, operation, true)?;
    let limits = cx.limits();
    let mut elements = combination.compute(&cx.db, &limits)?;
    let mut zset = Zset::default();
    // A listpack would write a score of -0 as 0.
    if elements.len() > limits.zset.entries || elements.longest() > limits.zset.value_bytes {
        zset.begin_big(elements.len(), &limits);
    }
    for (member, score) in elements.in_order() {
        zset.insert(member, score, &limits);
    }
    Ok(put(cx, &target, zset, event, false))
}

/// What the declarations of the following share.
const STORES: CommandSpec = CommandSpec {
    group: Group::SortedSet,
    arity: Arity::AtLeast(4),
    flags: Flags::WRITE.union(Flags::DENY_OOM),
    keys: STORE,
    args: &[
        Arg::key("destination"),
        Arg::int("numkeys"),
        Arg::new("key", ArgKind::Key(1)).multiple(),
        WEIGHTS,
        AGGREGATE,
    ],
    ..CommandSpec::BASE
};

pub const ZUNIONSTORE: Command = Command::new(
    CommandSpec {
        name: "zunionstore",
        summary: "Add multiple sorted sets and store the resulting sorted set in a new key",
        since: "2.0.0",
        complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, \
            and M being the number of elements in the resulting sorted set.",
        ..STORES
    },
    zunionstore,
);

fn zunionstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Union, Event::zset("zunionstore"))
}

pub const ZINTERSTORE: Command = Command::new(
    CommandSpec {
        name: "zinterstore",
        summary: "Intersect multiple sorted sets and store the resulting sorted set in a new \
            key",
        since: "2.0.0",
        complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K \
            being the number of input sorted sets and M being the number of elements in \
            the resulting sorted set.",
        ..STORES
    },
    zinterstore,
);

fn zinterstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Intersection, Event::zset("zinterstore"))
}

pub const ZDIFFSTORE: Command = Command::new(
    CommandSpec {
        name: "zdiffstore",
        summary: "Subtract multiple sorted sets and store the resulting sorted set in a new \
            key",
        since: "6.2.0",
        complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all \
            the sets, N is the size of the first set, and K is the size of the result \
            set.",
        args: &[
            Arg::key("destination"),
            Arg::int("numkeys"),
            Arg::new("key", ArgKind::Key(1)).multiple(),
        ],
        ..STORES
    },
    zdiffstore,
);

fn zdiffstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Difference, Event::zset("zdiffstore"))
}
