//! Intersection, union and difference of sets.
//!
//! Replies are streamed from the sets themselves; only the commands that store build a new one.

use smallvec::SmallVec;

use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::keyspace::{Held, Key};
use crate::spec::{
    Arg, ArgKind, Arity, Begin, CmdError, CmdResult, CommandSpec, Event, Find, Flags, Group,
    KeyFlags, KeySpec,
};
use crate::types::{Collection, Limits, Set, ValueRef};

const KEY_COUNT: CmdError = CmdError::text("ERR numkeys should be greater than 0");
const TOO_MANY_KEYS: CmdError =
    CmdError::text("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT: CmdError = CmdError::text("ERR LIMIT can't be negative");

/// Up to so many sets, a union's members are looked up in the sets before theirs; past that they
/// are cheaper to remember.
const UNION_LOOKUPS_MAX: usize = 4;

const READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const INTER_COMPLEXITY: &str = "O(N*M) worst case where N is the cardinality of the smallest set \
    and M is the number of sets.";
const UNION_COMPLEXITY: &str = "O(N) where N is the total number of elements in all given sets.";

/// What the commands that answer with a set have in common.
const COMBINE: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: UNION_COMPLEXITY,
    group: Group::Set,
    arity: Arity::AtLeast(2),
    flags: Flags::READONLY,
    keys: &[KeySpec::range(1, -1, 1, READ)],
    args: &[Arg::key("key").multiple()],
    tips: &["nondeterministic_output_order"],
    ..CommandSpec::BASE
};

/// What the commands that store one have in common.
const STORE: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: UNION_COMPLEXITY,
    group: Group::Set,
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.union(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)), KeySpec::range(2, -1, 1, READ)],
    args: &[Arg::key("destination"), Arg::new("key", ArgKind::Key(1)).multiple()],
    ..CommandSpec::BASE
};

pub const SINTER: Command = Command::new(
    CommandSpec {
        name: "sinter",
        summary: "Intersect multiple sets",
        complexity: INTER_COMPLEXITY,
        ..COMBINE
    },
    sinter,
);

fn sinter(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    reply(cx, args, Operation::Intersection)
}

pub const SUNION: Command =
    Command::new(CommandSpec { name: "sunion", summary: "Add multiple sets", ..COMBINE }, sunion);

fn sunion(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    reply(cx, args, Operation::Union)
}

pub const SDIFF: Command = Command::new(
    CommandSpec { name: "sdiff", summary: "Subtract multiple sets", ..COMBINE },
    sdiff,
);

fn sdiff(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    reply(cx, args, Operation::Difference)
}

pub const SINTERSTORE: Command = Command::new(
    CommandSpec {
        name: "sinterstore",
        summary: "Intersect multiple sets and store the resulting set in a key",
        complexity: INTER_COMPLEXITY,
        keys: &[
            KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE)),
            KeySpec::range(2, -1, 1, READ),
        ],
        ..STORE
    },
    sinterstore,
);

fn sinterstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Intersection, "sinterstore")
}

pub const SUNIONSTORE: Command = Command::new(
    CommandSpec {
        name: "sunionstore",
        summary: "Add multiple sets and store the resulting set in a key",
        ..STORE
    },
    sunionstore,
);

fn sunionstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Union, "sunionstore")
}

pub const SDIFFSTORE: Command = Command::new(
    CommandSpec {
        name: "sdiffstore",
        summary: "Subtract multiple sets and store the resulting set in a key",
        ..STORE
    },
    sdiffstore,
);

fn sdiffstore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    store(cx, args, Operation::Difference, "sdiffstore")
}

pub const SINTERCARD: Command = Command::new(
    CommandSpec {
        name: "sintercard",
        summary: "Intersect multiple sets and return the cardinality of the result",
        since: "7.0.0",
        complexity: INTER_COMPLEXITY,
        group: Group::Set,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec {
            begin: Begin::Index(1),
            find: Find::Count { index: 0, first: 1, step: 1 },
            flags: READ,
            notes: "",
        }],
        args: &[
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::int("limit").token("LIMIT").optional(),
        ],
        ..CommandSpec::BASE
    },
    sintercard,
);

fn sintercard(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let count = args.int().ok().and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|&count| count > 0).ok_or(KEY_COUNT)?;
    if count > args.left() {
        return Err(TOO_MANY_KEYS);
    }
    let keys = read_keys(args, count)?;
    let mut limit = 0;
    while let Some(token) = args.token() {
        if token.upper() != b"LIMIT" || args.left() == 0 {
            return Err(CmdError::Syntax);
        }
        let number = args.int().ok().and_then(|number| usize::try_from(number).ok());
        limit = number.ok_or(NEGATIVE_LIMIT)?;
    }
    use_all(cx, &keys)?;
    let limit = if limit == 0 { usize::MAX } else { limit };
    let count = intersection(&sets(&cx.db, &keys)?).take(limit).count();
    Ok(Reply::Int(count as i64))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

type Keys<'a> = SmallVec<[Key<'a>; 8]>;
/// A key that is not there is an empty set.
type Sets<'a> = SmallVec<[Option<&'a Set>; 8]>;

fn read_keys<'a>(args: &mut Args<'a>, count: usize) -> CmdResult<Keys<'a>> {
    (0..count).map(|_| args.key()).collect()
}

/// Records the use of all keys, and refuses other kinds of value.
fn use_all(cx: &mut Ctx<'_>, keys: &[Key<'_>]) -> CmdResult<()> {
    for key in keys {
        cx.db.get::<Set>(key)?;
    }
    Ok(())
}

fn sets<'a>(db: &'a Held<'_>, keys: &[Key<'_>]) -> CmdResult<Sets<'a>> {
    keys.iter().map(|key| Ok(db.view::<Set>(key)?)).collect()
}

/// Streams the resulting set.
fn reply(cx: &mut Ctx<'_>, args: &mut Args<'_>, operation: Operation) -> CmdResult<Reply> {
    let keys = read_keys(args, args.left())?;
    use_all(cx, &keys)?;
    let limits = cx.limits();
    let sets = sets(&cx.db, &keys)?;
    let out = &mut *cx.out;
    let (begun, mut count) = (out.begin_deferred(), 0);
    let mut put = |member: ValueRef<'_>| {
        bulk_value(out, member);
        count += 1;
    };
    match operation {
        Operation::Intersection => intersection(&sets).for_each(put),
        Operation::Difference => difference(&sets).for_each(put),
        Operation::Union if sets.len() <= UNION_LOOKUPS_MAX => union(&sets).for_each(put),
        Operation::Union => sum(&sets, &limits).iter().for_each(&mut put),
    }
    cx.out.end_set(begun, count);
    Ok(Reply::Written)
}

/// Stores the resulting set under the first key.
fn store(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    operation: Operation,
    event: &'static str,
) -> CmdResult<Reply> {
    let destination = args.key()?;
    let keys = read_keys(args, args.left())?;
    use_all(cx, &keys)?;
    let limits = cx.limits();
    let sets = sets(&cx.db, &keys)?;
    let result = match operation {
        Operation::Intersection => collect(intersection(&sets), &limits),
        Operation::Difference if is_cheaper_to_remove(&sets) => remainder(&sets, &limits),
        Operation::Difference => collect(difference(&sets), &limits),
        Operation::Union => sum(&sets, &limits),
    };
    drop(sets);
    let len = result.len();
    if len > 0 {
        cx.db.put_collection(&destination, result);
        cx.changed(&destination, Event::set(event));
    } else if cx.db.clear(&destination) {
        cx.changed(&destination, Event::DEL);
    }
    Ok(Reply::Int(len as i64))
}

/// The members of the smallest set that all others have.
fn intersection<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = ValueRef<'a>> {
    let smallest = sets.iter().copied().min_by_key(|set| set.map_or(0, Collection::len)).flatten();
    let mut others: SmallVec<[&Set; 8]> = sets.iter().copied().flatten().collect();
    others.retain(|other| !smallest.is_some_and(|smallest| std::ptr::eq(*other, smallest)));
    // The smallest first: it is the likeliest to lack a member.
    others.sort_unstable_by_key(|other| other.len());
    let members = smallest.into_iter().flat_map(Set::iter);
    members.filter(move |&member| others.iter().all(|other| other.contains_value(member)))
}

/// The members of the first set that no other has.
fn difference<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = ValueRef<'a>> {
    let (first, others) = sets.split_first().expect("a first key");
    let others: SmallVec<[&Set; 8]> = others.iter().copied().flatten().collect();
    let members = (*first).into_iter().flat_map(Set::iter);
    members.filter(move |&member| !others.iter().any(|other| other.contains_value(member)))
}

/// Whether to take the members of the other sets out of a copy of the first. This is Redis' rule,
/// and it shows: a set that had other members than integers is no intset any more.
fn is_cheaper_to_remove(sets: &[Option<&Set>]) -> bool {
    let first = sets[0].map_or(0, Collection::len);
    let there = sets.iter().flatten().count();
    first * there / 2 > sets.iter().flatten().map(|set| set.len()).sum()
}

/// The first set without the members of the others.
fn remainder(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let (first, others) = sets.split_first().expect("a first key");
    let mut left = collect(first.iter().flat_map(|set| set.iter()), limits);
    let mut digits = itoa::Buffer::new();
    for member in others.iter().flatten().flat_map(|set| set.iter()) {
        left.remove(member.text(&mut digits));
    }
    left
}

/// The members of each set that no set before it has.
fn union<'a>(sets: &[Option<&'a Set>]) -> impl Iterator<Item = ValueRef<'a>> {
    sets.iter().copied().enumerate().flat_map(move |(index, set)| {
        let before = &sets[..index];
        let is_new = move |member: &ValueRef<'_>| {
            !before.iter().flatten().any(|other| other.contains_value(*member))
        };
        set.into_iter().flat_map(Set::iter).filter(is_new)
    })
}

/// All members in a set of their own.
fn sum(sets: &[Option<&Set>], limits: &Limits) -> Set {
    collect(sets.iter().flatten().flat_map(|set| set.iter()), limits)
}

fn collect<'a>(members: impl Iterator<Item = ValueRef<'a>>, limits: &Limits) -> Set {
    let (mut set, mut digits) = (Set::default(), itoa::Buffer::new());
    for member in members {
        set.insert(member.text(&mut digits), limits);
    }
    set
}
