//! Strings as numbers.

use crate::base::LongDouble;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{Key, Lifetime, NewStr};
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};

pub const INCR: Command = Command::new(
    CommandSpec {
        name: "incr",
        summary: "Increment the integer value of a key by one",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    incr,
);

fn incr(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    add(cx, &key, 1)
}

pub const DECR: Command = Command::new(
    CommandSpec {
        name: "decr",
        summary: "Decrement the integer value of a key by one",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(2),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    decr,
);

fn decr(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    add(cx, &key, -1)
}

pub const INCRBY: Command = Command::new(
    CommandSpec {
        name: "incrby",
        summary: "Increment the integer value of a key by the given amount",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("increment")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    incrby,
);

fn incrby(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let by = args.int()?;
    add(cx, &key, by)
}

pub const DECRBY: Command = Command::new(
    CommandSpec {
        name: "decrby",
        summary: "Decrement the integer value of a key by the given number",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("decrement")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    decrby,
);

fn decrby(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let by = args.int()?.checked_neg();
    let by = by.ok_or(CmdError::text("ERR decrement would overflow"))?;
    add(cx, &key, by)
}

pub const INCRBYFLOAT: Command = Command::new(
    CommandSpec {
        name: "incrbyfloat",
        summary: "Increment the float value of a key by the given amount",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::new("increment", ArgKind::Double)],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    incrbyfloat,
);

fn incrbyfloat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let old = cx.db.view_string(&key)?;
    let mut digits = itoa::Buffer::new();
    let text = old.as_ref().map_or(&b"0"[..], |value| value.text(&mut digits));
    let old = LongDouble::parse(text).ok_or(CmdError::NotFloat)?;
    let by = LongDouble::parse(args.bytes()?).ok_or(CmdError::NotFloat)?;
    let sum = old.checked_add(by).ok_or(CmdError::NanOrInfinity)?.render();
    cx.db.set_string(&key, NewStr::Text(&sum), Lifetime::Keep);
    cx.changed(&key, Event::string("incrbyfloat"));
    cx.propagate(&[b"SET", key.bytes, &sum, b"KEEPTTL"]);
    cx.out.bulk(&sum);
    Ok(Reply::Written)
}

/// Adds to a counter, which starts at 0 and keeps its lifetime.
#[inline]
fn add(cx: &mut Ctx<'_>, key: &Key<'_>, by: i64) -> CmdResult<Reply> {
    let mut sum = by;
    cx.db.update_string(key, |old| {
        if let Some(old) = old {
            let old = old.as_i64().ok_or(CmdError::NotInteger)?;
            sum = old.checked_add(by).ok_or(CmdError::Overflow)?;
        }
        Ok::<_, CmdError>(NewStr::Int(sum))
    })?;
    cx.changed(key, Event::string("incrby"));
    Ok(Reply::Int(sum))
}
