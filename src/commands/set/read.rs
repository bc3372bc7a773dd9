//! Reading sets.

use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::{Collection, Set};

pub const SCARD: Command = Command::new(
    CommandSpec {
        name: "scard",
        summary: "Get the number of members in a set",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Set,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    scard,
);

fn scard(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let set = cx.db.get::<Set>(&args.key()?)?;
    Ok(Reply::Int(set.map_or(0, Collection::len) as i64))
}

pub const SISMEMBER: Command = Command::new(
    CommandSpec {
        name: "sismember",
        summary: "Determine if a given value is a member of a set",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Set,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key"), Arg::string("member")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    sismember,
);

fn sismember(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, member) = (args.key()?, args.bytes()?);
    let set = cx.db.get::<Set>(&key)?;
    Ok(Reply::Flag(set.is_some_and(|set| set.contains(member))))
}

pub const SMISMEMBER: Command = Command::new(
    CommandSpec {
        name: "smismember",
        summary: "Returns the membership associated with the given elements for a set",
        since: "6.2.0",
        complexity: "O(N) where N is the number of elements being checked for membership",
        group: Group::Set,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    smismember,
);

fn smismember(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let set = cx.db.get::<Set>(&args.key()?)?;
    cx.out.array(args.left());
    while args.left() > 0 {
        let member = args.bytes()?;
        cx.out.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(Reply::Written)
}

pub const SMEMBERS: Command = Command::new(
    CommandSpec {
        name: "smembers",
        summary: "Get all the members in a set",
        since: "1.0.0",
        complexity: "O(N) where N is the set cardinality.",
        group: Group::Set,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    smembers,
);

fn smembers(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let set = cx.db.get::<Set>(&args.key()?)?;
    cx.out.set(set.map_or(0, Collection::len));
    for member in set.into_iter().flat_map(Set::iter) {
        bulk_value(cx.out, member);
    }
    Ok(Reply::Written)
}
