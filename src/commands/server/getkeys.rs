//! COMMAND GETKEYS and GETKEYSANDFLAGS: which arguments of a request are keys.

use crate::commands::{Args, Command, Ctx, Reply, Table, keys};
use crate::resp::OwnedRequest;
use crate::spec::{Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group};

pub const COMMAND_GETKEYS: Command = Command::new(
    CommandSpec {
        name: "command|getkeys",
        summary: "Extract keys given a full Redis command",
        since: "2.8.13",
        complexity: "O(N) where N is the number of arguments to the command",
        group: Group::Server,
        arity: Arity::AtLeast(4),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    command_getkeys,
);

fn command_getkeys(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (request, found) = find(args)?;
    cx.out.array(found.len());
    for &(index, _) in &found {
        cx.out.bulk(request.as_raw().arg(index as usize));
    }
    Ok(Reply::Written)
}

/// The request that the arguments are, and its keys.
fn find(args: &mut Args<'_>) -> CmdResult<(OwnedRequest, keys::Found)> {
    let request = OwnedRequest::from_args(args.request().args().skip(2));
    let raw = request.as_raw();
    let table = Table::get();
    let command = table.find(raw.arg(0)).and_then(|command| match raw.get(1) {
        Some(sub) if !command.subcommands.is_empty() => table.find_subcommand(command, sub),
        _ => Some(command),
    });
    let command = command.ok_or(CmdError::text("ERR Invalid command specified"))?;
    // Shard channels are routed like keys, but are none.
    if !command.has_keys || command.flags.contains(Flags::SHARD_CHANNELS) {
        return Err(CmdError::text("ERR The command has no key arguments"));
    }
    if !command.spec.arity.accepts(raw.len()) {
        return Err(CmdError::text("ERR Invalid number of arguments specified for command"));
    }
    let mut found = keys::Found::new();
    if keys::find(command, raw, &mut found).is_err() {
        found.clear();
        let mut specs = command.spec.keys.iter();
        specs.try_for_each(|spec| keys::find_by_spec(spec, raw, &mut found))?;
    }
    if found.is_empty() && !command.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(keys::INVALID);
    }
    Ok((request, found))
}

pub const COMMAND_GETKEYSANDFLAGS: Command = Command::new(
    CommandSpec {
        name: "command|getkeysandflags",
        summary: "Extract keys and access flags given a full Redis command",
        since: "7.0.0",
        complexity: "O(N) where N is the number of arguments to the command",
        group: Group::Server,
        arity: Arity::AtLeast(4),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    command_getkeysandflags,
);

fn command_getkeysandflags(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (request, found) = find(args)?;
    cx.out.array(found.len());
    for &(index, flags) in &found {
        cx.out.array(2);
        cx.out.bulk(request.as_raw().arg(index as usize));
        cx.out.set(flags.names().count());
        flags.names().for_each(|name| cx.out.simple(name));
    }
    Ok(Reply::Written)
}
