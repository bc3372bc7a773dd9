//! OBJECT: how a key is stored and used.

use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::keyspace::{Recording, StrRef};
use crate::spec::{
    Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};

/// What Redis shows for the small integers that all keys share.
const SHARED_REFERENCES: i64 = i32::MAX as i64;
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

const FREQUENCY_UNKNOWN: CmdError = CmdError::text(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
     Please note that when switching between policies at runtime LRU and LFU data will take some \
     time to adjust.",
);
const IDLE_UNKNOWN: CmdError = CmdError::text(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. \
     Please note that when switching between policies at runtime LRU and LFU data will take some \
     time to adjust.",
);

const IDLE_UNKNOWN_UNDER_S3_FIFO: CmdError = CmdError::text(
    "ERR An S3-FIFO maxmemory policy is selected, idle time not tracked. \
     Please note that when switching between policies at runtime LRU and LFU data will take some \
     time to adjust.",
);

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

pub const OBJECT: Command = Command::new(
    CommandSpec {
        name: "object",
        summary: "A container for object introspection commands",
        since: "2.2.3",
        complexity: "Depends on subcommand.",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        categories: Some(Categories::empty()),
        ..CommandSpec::BASE
    },
    object,
);

/// Reached without a subcommand only, which arity refuses.
fn object(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const OBJECT_ENCODING: Command = Command::new(
    CommandSpec {
        name: "object|encoding",
        summary: "Inspect the internal encoding of a Redis object",
        since: "2.2.3",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO)],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    object_encoding,
);

fn object_encoding(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(entry) = cx.db.inspect(&key, false) else {
        return Ok(Reply::Nil);
    };
    cx.out.bulk(entry.encoding().as_bytes());
    Ok(Reply::Written)
}

pub const OBJECT_FREQ: Command = Command::new(
    CommandSpec {
        name: "object|freq",
        summary: "Get the logarithmic access frequency counter of a Redis object",
        since: "4.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO)],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    object_freq,
);

fn object_freq(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(lru) = cx.db.inspect(&key, false).map(|entry| entry.lru()) else {
        return Ok(Reply::Nil);
    };
    match cx.db.clock.recording() {
        Recording::LastUse => Err(FREQUENCY_UNKNOWN),
        Recording::Frequency { .. } | Recording::Uses => {
            Ok(Reply::Int(i64::from(cx.db.clock.frequency(lru))))
        }
    }
}

pub const OBJECT_IDLETIME: Command = Command::new(
    CommandSpec {
        name: "object|idletime",
        summary: "Get the time since a Redis object was last accessed",
        since: "2.2.3",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO)],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    object_idletime,
);

fn object_idletime(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(lru) = cx.db.inspect(&key, false).map(|entry| entry.lru()) else {
        return Ok(Reply::Nil);
    };
    match cx.db.clock.recording() {
        Recording::LastUse => Ok(Reply::Int(cx.db.clock.idle_secs(lru) as i64)),
        Recording::Frequency { .. } => Err(IDLE_UNKNOWN),
        Recording::Uses => Err(IDLE_UNKNOWN_UNDER_S3_FIFO),
    }
}

pub const OBJECT_REFCOUNT: Command = Command::new(
    CommandSpec {
        name: "object|refcount",
        summary: "Get the number of references to the value of the key",
        since: "2.2.3",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO)],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    object_refcount,
);

fn object_refcount(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(entry) = cx.db.inspect(&key, false) else {
        return Ok(Reply::Nil);
    };
    let shared = matches!(entry.string(), Some(StrRef::Int(n)) if SHARED_INTEGERS.contains(&n));
    Ok(Reply::Int(if shared { SHARED_REFERENCES } else { 1 }))
}

pub const OBJECT_HELP: Command = Command::new(
    CommandSpec {
        name: "object|help",
        summary: "Show helpful text about the different subcommands",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    object_help,
);

fn object_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}
