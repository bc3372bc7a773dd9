//! Asking when a key goes.

use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan};

const NO_KEY: i64 = -2;
const NO_EXPIRY: i64 = -1;

pub const TTL: Command = Command::new(
    CommandSpec {
        name: "ttl",
        summary: "Get the time to live for a key in seconds",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "Added the -2 reply.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    ttl,
);

fn ttl(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let now = cx.now;
    describe(cx, args, |at| rounded_secs(at.since(now)))
}

pub const PTTL: Command = Command::new(
    CommandSpec {
        name: "pttl",
        summary: "Get the time to live for a key in milliseconds",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "Added the -2 reply.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    pttl,
);

fn pttl(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let now = cx.now;
    describe(cx, args, |at| at.since(now).0)
}

pub const EXPIRETIME: Command = Command::new(
    CommandSpec {
        name: "expiretime",
        summary: "Get the expiration Unix timestamp for a key",
        since: "7.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    expiretime,
);

fn expiretime(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, rounded_secs)
}

pub const PEXPIRETIME: Command = Command::new(
    CommandSpec {
        name: "pexpiretime",
        summary: "Get the expiration Unix timestamp for a key in milliseconds",
        since: "7.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    pexpiretime,
);

fn pexpiretime(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    describe(cx, args, |at| at.0)
}

/// Seconds, rounded to the nearest.
fn rounded_secs(span: Millis) -> u64 {
    (span + Millis(500)).as_secs()
}

fn describe(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    say: impl FnOnce(Millis) -> u64,
) -> CmdResult<Reply> {
    let key = args.key()?;
    Ok(Reply::Int(match cx.db.inspect(&key, true).map(|entry| entry.expiry()) {
        None => NO_KEY,
        Some(None) => NO_EXPIRY,
        Some(Some(at)) => i64::try_from(say(at)).unwrap_or(i64::MAX),
    }))
}
