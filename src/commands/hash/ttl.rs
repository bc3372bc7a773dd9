//! Asking when fields go.

use super::fields::{BAD_NUMBER, FIELDS_ARG, read_fields};
use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};
use crate::types::Hash;

const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;

const READS: Flags = Flags::READONLY.union(Flags::FAST);
const ACCESSES: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

pub const HTTL: Command = Command::new(
    CommandSpec {
        name: "httl",
        summary: "Get the time to live of hash fields in seconds",
        since: "7.4.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: READS,
        keys: ACCESSES,
        args: &[Arg::key("key"), FIELDS_ARG],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    httl,
);

fn httl(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, |at, now| at.since(now).0.div_ceil(1000))
}

pub const HPTTL: Command = Command::new(
    CommandSpec {
        name: "hpttl",
        summary: "Get the time to live of hash fields in milliseconds",
        since: "7.4.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: READS,
        keys: ACCESSES,
        args: &[Arg::key("key"), FIELDS_ARG],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hpttl,
);

fn hpttl(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, |at, now| at.since(now).0)
}

pub const HEXPIRETIME: Command = Command::new(
    CommandSpec {
        name: "hexpiretime",
        summary: "Get the expiration of hash fields as a UNIX timestamp",
        since: "7.4.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: READS,
        keys: ACCESSES,
        args: &[Arg::key("key"), FIELDS_ARG],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hexpiretime,
);

fn hexpiretime(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, |at, _| at.0.div_ceil(1000))
}

pub const HPEXPIRETIME: Command = Command::new(
    CommandSpec {
        name: "hpexpiretime",
        summary: "Get the expiration of hash fields as a UNIX timestamp in milliseconds",
        since: "7.4.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: READS,
        keys: ACCESSES,
        args: &[Arg::key("key"), FIELDS_ARG],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hpexpiretime,
);

fn hpexpiretime(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, |at, _| at.0)
}

fn describe(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    number: impl Fn(Millis, Millis) -> u64,
) -> CmdResult<Reply> {
    let key = args.key()?;
    let hash = cx.db.get::<Hash>(&key)?;
    let (fields, now) = (read_fields(args, BAD_NUMBER)?, cx.now);
    cx.out.array(fields.len());
    for field in fields {
        cx.out.int(match hash.and_then(|hash| hash.expiry(field)) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => number(at, now) as i64,
        });
    }
    Ok(Reply::Written)
}
