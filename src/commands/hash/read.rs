//! Reading hashes.

use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::{Collection, Hash};

pub const HGET: Command = Command::new(
    CommandSpec {
        name: "hget",
        summary: "Get the value of a hash field",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::string("field")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hget,
);

fn hget(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field) = (args.key()?, args.bytes()?);
    match cx.db.get::<Hash>(&key)?.and_then(|hash| hash.get(field)) {
        Some(value) => bulk_value(cx.out, value),
        None => return Ok(Reply::Nil),
    }
    Ok(Reply::Written)
}

pub const HMGET: Command = Command::new(
    CommandSpec {
        name: "hmget",
        summary: "Get the values of all the given hash fields",
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields being requested.",
        group: Group::Hash,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::string("field").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hmget,
);

fn hmget(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let hash = cx.db.get::<Hash>(&key)?;
    cx.out.array(args.left());
    while args.left() > 0 {
        let field = args.bytes()?;
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => bulk_value(cx.out, value),
            None => cx.out.null(),
        }
    }
    Ok(Reply::Written)
}

pub const HGETALL: Command = Command::new(
    CommandSpec {
        name: "hgetall",
        summary: "Get all the fields and values in a hash",
        since: "2.0.0",
        complexity: "O(N) where N is the size of the hash.",
        group: Group::Hash,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    hgetall,
);

fn hgetall(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let hash = cx.db.get::<Hash>(&args.key()?)?;
    cx.out.map(hash.map_or(0, Collection::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        bulk_value(cx.out, field);
        bulk_value(cx.out, value);
    }
    Ok(Reply::Written)
}

pub const HKEYS: Command = Command::new(
    CommandSpec {
        name: "hkeys",
        summary: "Get all the fields in a hash",
        since: "2.0.0",
        complexity: "O(N) where N is the size of the hash.",
        group: Group::Hash,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    hkeys,
);

fn hkeys(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let hash = cx.db.get::<Hash>(&args.key()?)?;
    cx.out.array(hash.map_or(0, Collection::len));
    for (field, _) in hash.into_iter().flat_map(Hash::iter) {
        bulk_value(cx.out, field);
    }
    Ok(Reply::Written)
}

pub const HVALS: Command = Command::new(
    CommandSpec {
        name: "hvals",
        summary: "Get all the values in a hash",
        since: "2.0.0",
        complexity: "O(N) where N is the size of the hash.",
        group: Group::Hash,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    hvals,
);

fn hvals(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let hash = cx.db.get::<Hash>(&args.key()?)?;
    cx.out.array(hash.map_or(0, Collection::len));
    for (_, value) in hash.into_iter().flat_map(Hash::iter) {
        bulk_value(cx.out, value);
    }
    Ok(Reply::Written)
}

pub const HLEN: Command = Command::new(
    CommandSpec {
        name: "hlen",
        summary: "Get the number of fields in a hash",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hlen,
);

fn hlen(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let hash = cx.db.get::<Hash>(&args.key()?)?;
    Ok(Reply::Int(hash.map_or(0, Collection::len) as i64))
}

pub const HEXISTS: Command = Command::new(
    CommandSpec {
        name: "hexists",
        summary: "Determine if a hash field exists",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key"), Arg::string("field")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hexists,
);

fn hexists(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field) = (args.key()?, args.bytes()?);
    let hash = cx.db.get::<Hash>(&key)?;
    Ok(Reply::Flag(hash.is_some_and(|hash| hash.contains(field))))
}

pub const HSTRLEN: Command = Command::new(
    CommandSpec {
        name: "hstrlen",
        summary: "Get the length of the value of a hash field",
        since: "3.2.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(3),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key"), Arg::string("field")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hstrlen,
);

fn hstrlen(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field) = (args.key()?, args.bytes()?);
    let hash = cx.db.get::<Hash>(&key)?;
    Ok(Reply::Int(hash.map_or(0, |hash| hash.value_len(field)) as i64))
}
