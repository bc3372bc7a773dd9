//! SLOWLOG: the latest commands that took long.

use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};

/// Entries SLOWLOG GET shows unless told otherwise.
const SHOWN: usize = 10;

pub const SLOWLOG: Command = Command::new(
    CommandSpec {
        name: "slowlog",
        summary: "A container for slow log commands",
        since: "2.2.12",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    slowlog,
);

/// Only reached without a subcommand, which its arity refuses.
fn slowlog(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const SLOWLOG_GET: Command = Command::new(
    CommandSpec {
        name: "slowlog|get",
        summary: "Get the slow log's entries",
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries returned",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::int("count").optional()],
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        history: &[("4.0.0", "Added client IP address, port and name to the reply.")],
        ..CommandSpec::BASE
    },
    slowlog_get,
);

fn slowlog_get(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut count = SHOWN;
    if args.left() > 0 {
        let asked = args.int().ok().filter(|&asked| asked >= -1);
        let refusal = CmdError::text("ERR count should be greater than or equal to -1");
        count = usize::try_from(asked.ok_or(refusal)?).unwrap_or(usize::MAX);
    }
    let entries = cx.server.slowlog.newest(count);
    cx.out.array(entries.len());
    for entry in entries {
        cx.out.array(6);
        cx.out.int(entry.id as i64);
        cx.out.int(entry.unix_seconds as i64);
        cx.out.int(entry.micros as i64);
        cx.out.array(entry.args.len());
        entry.args.iter().for_each(|arg| cx.out.bulk(arg));
        cx.out.bulk(entry.peer.as_bytes());
        cx.out.bulk(&entry.client_name);
    }
    Ok(Reply::Written)
}

pub const SLOWLOG_LEN: Command = Command::new(
    CommandSpec {
        name: "slowlog|len",
        summary: "Get the slow log's length",
        since: "2.2.12",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE),
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        ..CommandSpec::BASE
    },
    slowlog_len,
);

fn slowlog_len(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    Ok(Reply::Int(cx.server.slowlog.len() as i64))
}

pub const SLOWLOG_RESET: Command = Command::new(
    CommandSpec {
        name: "slowlog|reset",
        summary: "Clear all entries from the slow log",
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries in the slowlog",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..CommandSpec::BASE
    },
    slowlog_reset,
);

fn slowlog_reset(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.server.slowlog.reset();
    Ok(Reply::Ok)
}

pub const SLOWLOG_HELP: Command = Command::new(
    CommandSpec {
        name: "slowlog|help",
        summary: "Show helpful text about the different subcommands",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    slowlog_help,
);

fn slowlog_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
    "HELP",
    "    Prints this help.",
];
