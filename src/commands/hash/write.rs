//! Setting and removing fields.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdResult, CommandSpec, Deprecated, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::Hash;

/// What every command that sets a field is called to those who listen.
const HSET_EVENT: Event = Event::hash("hset");

pub const HSET: Command = Command::new(
    CommandSpec {
        name: "hset",
        summary: "Set the string value of a hash field",
        since: "2.0.0",
        complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs \
            when the command is called with multiple field/value pairs.",
        group: Group::Hash,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::block("field_value", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ],
        history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hset,
);

fn hset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_pairs(cx, args).map(Reply::Int)
}

pub const HMSET: Command = Command::new(
    CommandSpec {
        name: "hmset",
        summary: "Set multiple hash fields to multiple values",
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields being set.",
        group: Group::Hash,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::block("field_value", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ],
        deprecated: Some(Deprecated {
            since: "4.0.0",
            replaced_by: "`HSET` with multiple field-value pairs",
        }),
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hmset,
);

fn hmset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_pairs(cx, args)?;
    Ok(Reply::Ok)
}

/// Sets the pairs that follow the key; how many of their fields are new.
fn set_pairs(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<i64> {
    let key = args.key()?;
    if !args.left().is_multiple_of(2) {
        return Err(args.wrong_arity());
    }
    let limits = cx.limits();
    let mut hash = cx.db.get_or_create::<Hash>(&key)?;
    let (mut added, count) = (0, args.left() / 2);
    while args.left() > 0 {
        let (field, value) = (args.bytes()?, args.bytes()?);
        added += i64::from(hash.insert(field, value, &limits));
    }
    drop(hash);
    cx.changed_by(&key, HSET_EVENT, count);
    Ok(added)
}

pub const HSETNX: Command = Command::new(
    CommandSpec {
        name: "hsetnx",
        summary: "Set the value of a hash field, only if the field does not exist",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[Arg::key("key"), Arg::string("field"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hsetnx,
);

fn hsetnx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field, value) = (args.key()?, args.bytes()?, args.bytes()?);
    let limits = cx.limits();
    let added = cx.db.get_or_create::<Hash>(&key)?.insert_new(field, value, &limits);
    if added {
        cx.changed(&key, HSET_EVENT);
    }
    Ok(Reply::Flag(added))
}

pub const HDEL: Command = Command::new(
    CommandSpec {
        name: "hdel",
        summary: "Delete one or more hash fields",
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields to be removed.",
        group: Group::Hash,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::string("field").multiple()],
        history: &[("2.4.0", "Accepts multiple `field` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hdel,
);

fn hdel(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(mut hash) = cx.db.get_mut::<Hash>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let mut removed = 0;
    while args.left() > 0 {
        removed += usize::from(hash.remove(args.bytes()?));
    }
    drop(hash);
    if removed > 0 {
        cx.changed_by(&key, Event::hash("hdel"), removed);
        if cx.db.remove_if_empty(&key) {
            cx.changed_by(&key, Event::DEL, 0);
        }
    }
    Ok(Reply::Int(removed as i64))
}
