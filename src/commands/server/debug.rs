//! DEBUG: what test tools rely on. Off unless `enable-debug-command` allows it.

mod inside;
mod object;
mod protocol;

use std::time::Duration;

use super::digest;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::config::kind::parse_memory;
use crate::keyspace::{Lifetime, NewStr};
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::Request;
use crate::state::conditions::Condition;
use crate::state::control::Reload;

/// What DEBUG can do; the word it is called by, and how many words follow.
const ACTIONS: &[(&str, std::ops::RangeInclusive<usize>, Action)] = &[
    ("HELP", 0..=0, |cx, _| {
        help::write(cx.out, HELP);
        Ok(Reply::Written)
    }),
    ("DIGEST", 0..=0, digest::digest),
    ("DIGEST-VALUE", 0..=usize::MAX, digest::digest_value),
    ("SLEEP", 1..=1, sleep),
    ("OBJECT", 1..=1, object::object),
    ("POPULATE", 1..=3, populate),
    ("PROTOCOL", 1..=1, protocol::protocol),
    ("RELOAD", 0..=3, reload),
    ("LOADAOF", 0..=0, |cx, _| cx.ask(Request::LoadAof)),
    ("SET-ACTIVE-EXPIRE", 1..=1, set_active_expire),
    ("ERROR", 1..=1, error),
    ("HTSTATS", 1..=1, inside::table_of_database),
    ("HTSTATS-KEY", 1..=1, inside::table_of_key),
    ("JMAP", 0..=0, |_, _| Ok(Reply::Ok)),
    ("LISTPACK", 1..=1, inside::listpack),
    ("LOG", 1..=1, log),
    ("CHANGE-REPL-ID", 0..=0, |cx, _| cx.ask(Request::RenameHistory)),
    ("PAUSE-CRON", 1..=1, pause_cron),
    ("QUICKLIST", 1..=2, inside::quicklist),
    ("QUICKLIST-PACKED-THRESHOLD", 1..=1, packed_threshold),
    ("REPLICATE", 1..=usize::MAX, replicate),
    ("SDSLEN", 1..=1, inside::text_len),
    ("SET-SKIP-CHECKSUM-VALIDATION", 1..=1, skip_checksums),
];

type Action = fn(&mut Ctx<'_>, &mut Args<'_>) -> CmdResult<Reply>;

pub const DEBUG: Command = Command::new(
    CommandSpec {
        name: "debug",
        summary: "A container for debugging commands",
        since: "1.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::SYSTEM
            .union(Flags::PROTECTED)
            .union(Flags::ADMIN)
            .union(Flags::NO_SCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    debug,
);

fn debug(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let name = args.bytes()?;
    let left = args.left();
    let found = ACTIONS.iter().find(|(word, counts, _)| {
        name.eq_ignore_ascii_case(word.as_bytes()) && counts.contains(&left)
    });
    match found {
        Some((_, _, action)) => action(cx, args),
        None => Err(CmdError::unknown_form("debug", name)),
    }
}

/// Stops the whole data plane, as it stops all of Redis; the control plane goes on.
fn sleep(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let text = std::str::from_utf8(args.bytes()?).unwrap_or_default();
    let seconds: f64 = text.parse().unwrap_or(0.0);
    let pause = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::ZERO);
    std::thread::sleep(pause.min(SLEEP_MAX));
    Ok(Reply::Ok)
}

/// Nobody waits for longer than an hour for a test.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// Options come in any order.
fn reload(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut how = Reload { save: true, flush: true, merge: false };
    while let Some(token) = args.token() {
        match token.upper() {
            b"MERGE" => how.merge = true,
            b"NOSAVE" => how.save = false,
            b"NOFLUSH" => how.flush = false,
            _ => {
                return Err(CmdError::text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    cx.ask(Request::Reload(how))
}

fn set_active_expire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let off = parse_i64(args.bytes()?).unwrap_or(0) == 0;
    cx.server.conditions.set(Condition::NO_ACTIVE_EXPIRE, off);
    Ok(Reply::Ok)
}

/// What is done periodically to data is the removal of what has expired.
fn pause_cron(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let on = parse_i64(args.bytes()?).unwrap_or(0) != 0;
    cx.server.conditions.set(Condition::CRON_PAUSED, on);
    Ok(Reply::Ok)
}

/// Replicas and the append-only file get a command that is not run here.
fn replicate(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let words: CmdResult<Vec<&[u8]>> = (0..args.left()).map(|_| args.bytes()).collect();
    cx.propagate(&words?);
    cx.propagate_always();
    Ok(Reply::Ok)
}

/// Makes keys for a test; replicas hear nothing of them, and in a cluster they may be of any slot.
fn populate(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    const OUT_OF_RANGE: CmdError = CmdError::text("ERR value is out of range, must be positive");
    let size = |args: &mut Args<'_>| {
        let number = args.int().ok().and_then(|number| usize::try_from(number).ok());
        number.ok_or(OUT_OF_RANGE)
    };
    let count = size(args)?;
    let prefix = if args.left() > 0 { args.bytes()? } else { b"key" };
    let len = if args.left() > 0 { size(args)? } else { 0 };
    for number in 0..count {
        let name = [prefix, b":", number.to_string().as_bytes()].concat();
        let key = cx.db.key(&name);
        if cx.db.peek(&key).is_none() {
            let mut value = format!("value:{number}").into_bytes();
            if len > 0 {
                value.resize(len, 0);
            }
            cx.db.set_string(&key, NewStr::Bytes(&value), Lifetime::Forever);
        }
    }
    Ok(Reply::Ok)
}

/// Understood and of no effect: no element is too long for a node that it has to itself.
fn packed_threshold(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    const TOO_LARGE: CmdError =
        CmdError::text("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    let word = args.bytes()?;
    let bytes = if word.is_empty() { Some(0) } else { parse_memory(word) };
    let fits = bytes.is_some_and(|bytes| bytes < u64::from(u32::MAX));
    if fits { Ok(Reply::Ok) } else { Err(TOO_LARGE) }
}

fn skip_checksums(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let on = parse_i64(args.bytes()?).unwrap_or(0) != 0;
    cx.server.conditions.set(Condition::CHECKSUMS_SKIPPED, on);
    Ok(Reply::Ok)
}

fn error(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(CmdError::echoing(&[args.bytes()?]))
}

fn log(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    tracing::warn!(text = %String::from_utf8_lossy(args.bytes()?), "DEBUG LOG");
    Ok(Reply::Ok)
}

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANGE-REPL-ID",
    "    Change the replication IDs of the instance.",
    "    Dangerous: should be used only for testing the replication subsystem.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message.",
    "HTSTATS <dbid>",
    "    Return how many keys the specified database has, and how many that expire.",
    "HTSTATS-KEY <key>",
    "    Return the size of the hash table stored at <key>'s value.",
    "LISTPACK <key>",
    "    Show the size of the listpack encoding of <key>.",
    "LOADAOF",
    "    Flush the AOF buffers on disk and reload the AOF in memory.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "PAUSE-CRON <0|1>",
    "    Stop the removal of expired keys that nobody accesses.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>. If <prefix> is specified then",
    "    it is used instead of the 'key' prefix. These are not propagated to",
    "    replicas. Cluster slots are not respected so keys not belonging to the",
    "    current node can be created in cluster mode.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "QUICKLIST <key> [<0|1>]",
    "    Show the sizes of the nodes of <key>.",
    "RELOAD [option ...]",
    "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
    "    * MERGE: conflicting keys will be loaded from RDB.",
    "    * NOFLUSH: the existing database will not be removed before load, but",
    "      conflicting keys make it fail.",
    "    * NOSAVE: the database will be loaded from an existing RDB file.",
    "REPLICATE <string>",
    "    Replicates the provided string to replicas, allowing data divergence.",
    "SDSLEN <key>",
    "    Show the sizes of `key` and value.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted for tests that set it; lists need no such threshold here.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Enables or disables the checksum check of RESTORE's payload.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests;
