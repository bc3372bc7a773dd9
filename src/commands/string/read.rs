//! Commands that only read strings.

use super::range::resolve;
use super::{write_or_null, write_value};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::StrRef;
use crate::spec::{
    Arg, Arity, CmdResult, CommandSpec, Deprecated, Flags, Group, KeyFlags, KeySpec, Plan,
};

pub const GET: Command = Command::new(
    CommandSpec {
        name: "get",
        summary: "Get the value of a key",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    get,
);

fn get(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    match cx.db.string(&key)? {
        None => Ok(Reply::Nil),
        Some(value) => {
            write_value(cx.out, value);
            Ok(Reply::Written)
        }
    }
}

pub const MGET: Command = Command::new(
    CommandSpec {
        name: "mget",
        summary: "Get the values of all the given keys",
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys to retrieve.",
        group: Group::String,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key").multiple()],
        tips: &["request_policy:multi_shard"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    mget,
);

fn mget(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    cx.out.array(args.left());
    while args.left() > 0 {
        let key = args.key()?;
        write_or_null(cx.out, cx.db.string(&key).unwrap_or(None));
    }
    Ok(Reply::Written)
}

pub const STRLEN: Command = Command::new(
    CommandSpec {
        name: "strlen",
        summary: "Get the length of the value stored in a key",
        since: "2.2.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO)],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    strlen,
);

fn strlen(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let len = cx.db.string(&key)?.map_or(0, |value| value.len());
    Ok(Reply::Int(len as i64))
}

pub const GETRANGE: Command = Command::new(
    CommandSpec {
        name: "getrange",
        summary: "Get a substring of the string stored at a key",
        since: "2.4.0",
        complexity: "O(N) where N is the length of the returned string. The complexity is \
            ultimately determined by the returned length, but because creating a \
            substring from an existing string is very cheap, it can be considered \
            O(1) for small strings.",
        group: Group::String,
        arity: Arity::Exact(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("start"), Arg::int("end")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getrange,
);

pub const SUBSTR: Command = Command::new(
    CommandSpec {
        name: "substr",
        summary: "Get a substring of the string stored at a key",
        since: "1.0.0",
        complexity: "O(N) where N is the length of the returned string. The complexity is \
            ultimately determined by the returned length, but because creating a \
            substring from an existing string is very cheap, it can be considered \
            O(1) for small strings.",
        group: Group::String,
        arity: Arity::Exact(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("start"), Arg::int("end")],
        deprecated: Some(Deprecated { since: "2.0.0", replaced_by: "`GETRANGE`" }),
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getrange,
);

fn getrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (start, end) = (args.int()?, args.int()?);
    let Some(value) = cx.db.string(&key)? else {
        cx.out.bulk(b"");
        return Ok(Reply::Written);
    };
    let range = resolve(start, end, value.len()).unwrap_or(0..0);
    match value {
        StrRef::Big(_) => cx.out.bulk_shared(value.to_bytes().slice(range)),
        small => cx.out.bulk(&small.text(&mut itoa::Buffer::new())[range]),
    }
    Ok(Reply::Written)
}
