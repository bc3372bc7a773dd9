//! Counting in hash values.

use crate::base::LongDouble;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};
use crate::types::{Hash, ValueRef};

const NOT_INTEGER: CmdError = CmdError::text("ERR hash value is not an integer");
const NOT_FLOAT: CmdError = CmdError::text("ERR hash value is not a float");
const INFINITE: CmdError = CmdError::text("ERR value is NaN or Infinity");

pub const HINCRBY: Command = Command::new(
    CommandSpec {
        name: "hincrby",
        summary: "Increment the integer value of a hash field by the given number",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::string("field"), Arg::int("increment")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hincrby,
);

fn hincrby(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field, increment) = (args.key()?, args.bytes()?, args.int()?);
    let limits = cx.limits();
    let hash = cx.db.view::<Hash>(&key)?;
    let old = match hash.and_then(|hash| hash.get(field)) {
        Some(value) => value.as_i64().ok_or(NOT_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(CmdError::Overflow)?;
    let mut hash = cx.db.get_or_create::<Hash>(&key)?;
    hash.update(field, itoa::Buffer::new().format(new).as_bytes(), &limits);
    drop(hash);
    cx.changed(&key, Event::hash("hincrby"));
    Ok(Reply::Int(new))
}

pub const HINCRBYFLOAT: Command = Command::new(
    CommandSpec {
        name: "hincrbyfloat",
        summary: "Increment the float value of a hash field by the given amount",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::Hash,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::string("field"), Arg::new("increment", ArgKind::Double)],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hincrbyfloat,
);

fn hincrbyfloat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, field, increment) = (args.key()?, args.bytes()?, args.bytes()?);
    let increment = LongDouble::parse(increment).ok_or(CmdError::NotFloat)?;
    if increment.is_infinite() {
        return Err(INFINITE);
    }
    let limits = cx.limits();
    let hash = cx.db.view::<Hash>(&key)?;
    let old = hash.and_then(|hash| hash.get(field)).unwrap_or(ValueRef::Int(0));
    let old = LongDouble::parse(old.text(&mut itoa::Buffer::new())).ok_or(NOT_FLOAT)?;
    let new = old.checked_add(increment).ok_or(CmdError::NanOrInfinity)?.render();
    cx.db.get_or_create::<Hash>(&key)?.update(field, &new, &limits);
    cx.changed(&key, Event::hash("hincrbyfloat"));
    cx.propagate(&[b"HSET", key.bytes, field, &new]);
    cx.out.bulk(&new);
    Ok(Reply::Written)
}
