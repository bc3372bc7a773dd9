//! DEBUG: what test tools rely on. Off unless `enable-debug-command` allows it.

use std::time::Duration;

use super::digest;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::Request;
use crate::state::conditions::Condition;

/// What DEBUG can do; the word it is called by, and how many words follow.
const ACTIONS: &[(&str, std::ops::RangeInclusive<usize>, Action)] = &[
    ("HELP", 0..=0, |cx, _| {
        help::write(cx.out, HELP);
        Ok(Reply::Written)
    }),
    ("DIGEST", 0..=0, digest::digest),
    ("DIGEST-VALUE", 0..=usize::MAX, digest::digest_value),
    ("SLEEP", 1..=1, sleep),
    ("OBJECT", 1..=2, object),
    ("RELOAD", 0..=3, reload),
    ("LOADAOF", 0..=0, |cx, _| cx.ask(Request::LoadAof)),
    ("SET-ACTIVE-EXPIRE", 1..=1, set_active_expire),
    ("ERROR", 1..=1, error),
    ("JMAP", 0..=0, |_, _| Ok(Reply::Ok)),
    ("LOG", 1..=1, log),
    ("CHANGE-REPL-ID", 0..=0, |cx, _| cx.ask(Request::RenameHistory)),
    ("QUICKLIST-PACKED-THRESHOLD", 1..=1, |_, _| Ok(Reply::Ok)),
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
    let name = args.token().ok_or_else(|| args.wrong_arity())?;
    let left = args.left();
    let found = ACTIONS
        .iter()
        .find(|(word, counts, _)| word.as_bytes() == name.upper() && counts.contains(&left));
    match found {
        Some((_, _, action)) => action(cx, args),
        None => Err(CmdError::unknown_form("debug", name.raw())),
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

fn object(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let name = args.bytes()?;
    let key = cx.db.key(name);
    let Some(entry) = cx.db.peek(&key) else {
        return Err(CmdError::NoSuchKey);
    };
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:0",
        entry.encoding(),
        entry.heap_bytes() + entry.block_bytes() - name.len(),
        entry.lru(),
    );
    cx.out.simple(&text);
    Ok(Reply::Written)
}

/// Options come in any order; MERGE, which tolerates keys that are there, is not among them.
fn reload(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (mut save, mut flush) = (true, true);
    while let Some(token) = args.token() {
        match token.upper() {
            b"NOSAVE" => save = false,
            b"NOFLUSH" => flush = false,
            _ => {
                return Err(CmdError::text(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
                ));
            }
        }
    }
    cx.ask(Request::Reload { save, flush })
}

fn set_active_expire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let off = parse_i64(args.bytes()?).unwrap_or(0) == 0;
    cx.server.conditions.set(Condition::NO_ACTIVE_EXPIRE, off);
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
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message.",
    "LOADAOF",
    "    Flush the AOF buffers on disk and reload the AOF in memory.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level info about <key> and associated value.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
    "HELP",
    "    Prints this help.",
];
