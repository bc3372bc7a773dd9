//! CONFIG: settings while the server runs.

use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::config::Setting;
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group};
use crate::state::Request;

pub const CONFIG: Command = Command::new(
    CommandSpec {
        name: "config",
        summary: "A container for server configuration commands",
        since: "2.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    config,
);

/// Only reached without a subcommand, which its arity refuses.
fn config(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const CONFIG_GET: Command = Command::new(
    CommandSpec {
        name: "config|get",
        summary: "Get the values of configuration parameters",
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        group: Group::Server,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::block("parameter", &[Arg::string("parameter")]).multiple()],
        history: &[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
        ..CommandSpec::BASE
    },
    config_get,
);

fn config_get(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let patterns: Vec<&[u8]> = args.request().args().skip(2).collect();
    let found = cx.settings.get(&patterns);
    cx.out.map(found.len());
    for (name, value) in &found {
        cx.out.bulk(name);
        cx.out.bulk(value);
    }
    Ok(Reply::Written)
}

pub const CONFIG_SET: Command = Command::new(
    CommandSpec {
        name: "config|set",
        summary: "Set configuration parameters to the given values",
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        group: Group::Server,
        arity: Arity::AtLeast(4),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::block("parameter_value", &[Arg::string("parameter"), Arg::string("value")])
            .multiple()],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        history: &[("7.0.0", "Added the ability to set multiple parameters in one call.")],
        ..CommandSpec::BASE
    },
    config_set,
);

fn config_set(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if !args.left().is_multiple_of(2) {
        return Err(args.wrong_arity());
    }
    let mut pairs = Vec::with_capacity(args.left() / 2);
    while args.left() > 0 {
        let (name, value) = (args.bytes()?, args.bytes()?);
        if Setting::find(name).is_some_and(Setting::is_secret) {
            cx.redact(args.latest());
        }
        pairs.push((name.to_vec(), value.to_vec()));
    }
    let caller = cx.client.caller();
    cx.ask(Request::ConfigSet { pairs, caller })
}

pub const CONFIG_RESETSTAT: Command = Command::new(
    CommandSpec {
        name: "config|resetstat",
        summary: "Reset the stats returned by INFO",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    config_resetstat,
);

fn config_resetstat(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.server.stats.reset();
    Ok(Reply::Ok)
}

pub const CONFIG_REWRITE: Command = Command::new(
    CommandSpec {
        name: "config|rewrite",
        summary: "Rewrite the configuration file with the in memory configuration",
        since: "2.8.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        ..CommandSpec::BASE
    },
    config_rewrite,
);

fn config_rewrite(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.ask(Request::ConfigRewrite)
}

pub const CONFIG_HELP: Command = Command::new(
    CommandSpec {
        name: "config|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    config_help,
);

fn config_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];
