//! How a connection is served by a cluster's node: ASKING, READONLY, READWRITE.

use super::enabled;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arity, Categories, CmdResult, CommandSpec, Flags, Group};
use crate::state::ClientFlags;

pub const ASKING: Command = Command::new(
    CommandSpec {
        name: "asking",
        summary: "Sent by cluster clients after an -ASK redirect",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(1),
        flags: Flags::FAST,
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    asking,
);

fn asking(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    cx.client.set(ClientFlags::ASKING_NEXT, true);
    Ok(Reply::Ok)
}

pub const READONLY: Command = Command::new(
    CommandSpec {
        name: "readonly",
        summary: "Enables read queries for a connection to a cluster replica node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(1),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    readonly,
);

fn readonly(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    cx.client.set(ClientFlags::READONLY, true);
    Ok(Reply::Ok)
}

pub const READWRITE: Command = Command::new(
    CommandSpec {
        name: "readwrite",
        summary: "Disables read queries for a connection to a cluster replica node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(1),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    readwrite,
);

fn readwrite(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    cx.client.set(ClientFlags::READONLY, false);
    Ok(Reply::Ok)
}
