//! The cluster's commands. Most are read here and answered by the control plane, which alone drives
//! the cluster machine; what concerns keys or the connection is answered here.

mod keys;
mod members;
mod report;
mod session;
mod slots;

use super::{Args, Command, Ctx, Reply, help};
use crate::cluster::{Admin, AdminError};
use crate::keyspace::Place;
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::Request;
use crate::state::control::LocalFacts;

pub const COMMANDS: &[&Command] = &[
    &session::ASKING,
    &CLUSTER,
    &slots::CLUSTER_ADDSLOTS,
    &slots::CLUSTER_ADDSLOTSRANGE,
    &members::CLUSTER_BUMPEPOCH,
    &keys::CLUSTER_COUNTKEYSINSLOT,
    &report::CLUSTER_COUNT_FAILURE_REPORTS,
    &slots::CLUSTER_DELSLOTS,
    &slots::CLUSTER_DELSLOTSRANGE,
    &members::CLUSTER_FAILOVER,
    &slots::CLUSTER_FLUSHSLOTS,
    &members::CLUSTER_FORGET,
    &keys::CLUSTER_GETKEYSINSLOT,
    &CLUSTER_HELP,
    &report::CLUSTER_INFO,
    &keys::CLUSTER_KEYSLOT,
    &report::CLUSTER_LINKS,
    &members::CLUSTER_MEET,
    &report::CLUSTER_MYID,
    &report::CLUSTER_MYSHARDID,
    &report::CLUSTER_NODES,
    &report::CLUSTER_REPLICAS,
    &members::CLUSTER_REPLICATE,
    &members::CLUSTER_RESET,
    &members::CLUSTER_SAVECONFIG,
    &slots::CLUSTER_SETSLOT,
    &members::CLUSTER_SET_CONFIG_EPOCH,
    &report::CLUSTER_SHARDS,
    &report::CLUSTER_SLAVES,
    &report::CLUSTER_SLOTS,
    &session::READONLY,
    &session::READWRITE,
];

const HELP: &[&str] = &[
    "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ADDSLOTS <slot> [<slot> ...]",
    "    Assign slots to current node.",
    "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
    "    Assign slots which are between <start-slot> and <end-slot> to current node.",
    "BUMPEPOCH",
    "    Advance the cluster config epoch.",
    "COUNT-FAILURE-REPORTS <node-id>",
    "    Return number of failure reports for <node-id>.",
    "COUNTKEYSINSLOT <slot>",
    "    Return the number of keys in <slot>.",
    "DELSLOTS <slot> [<slot> ...]",
    "    Delete slots information from current node.",
    "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
    "    Delete slots information which are between <start-slot> and <end-slot> from current node.",
    "FAILOVER [FORCE|TAKEOVER]",
    "    Promote current replica node to being a master.",
    "FORGET <node-id>",
    "    Remove a node from the cluster.",
    "GETKEYSINSLOT <slot> <count>",
    "    Return key names stored by current node in a slot.",
    "FLUSHSLOTS",
    "    Delete current node own slots information.",
    "INFO",
    "    Return information about the cluster.",
    "KEYSLOT <key>",
    "    Return the hash slot for <key>.",
    "MEET <ip> <port> [<bus-port>]",
    "    Connect nodes into a working cluster.",
    "MYID",
    "    Return the node id.",
    "MYSHARDID",
    "    Return the shard id.",
    "NODES",
    "    Return cluster configuration seen by node. Output format:",
    "    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
    "REPLICATE <node-id>",
    "    Configure current node as replica to <node-id>.",
    "RESET [HARD|SOFT]",
    "    Reset current node (default: soft).",
    "SET-CONFIG-EPOCH <epoch>",
    "    Set config epoch of current node.",
    "SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)",
    "    Set slot state.",
    "REPLICAS <node-id>",
    "    Return <node-id> replicas.",
    "SAVECONFIG",
    "    Force saving cluster configuration on disk.",
    "SLOTS",
    "    Return information about slots range mappings. Each range is made of:",
    "    start, end, master and replicas IP addresses, ports and ids",
    "SHARDS",
    "    Return information about slot range mappings and the nodes associated with them.",
    "LINKS",
    "    Return information about all network links between this node and its peers.",
    "    Output format is an array where each array element is a map containing attributes of a \
     link",
    "HELP",
    "    Prints this help.",
];

pub const CLUSTER: Command = Command::new(
    CommandSpec {
        name: "cluster",
        summary: "A container for cluster commands",
        since: "3.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Cluster,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    cluster,
);

fn cluster(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const CLUSTER_HELP: Command = Command::new(
    CommandSpec {
        name: "cluster|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    cluster_help,
);

fn cluster_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

/// # Errors
/// If cluster mode is off: nothing here has a meaning then.
fn enabled(cx: &Ctx<'_>) -> CmdResult<()> {
    if cx.view.is_some() { Ok(()) } else { Err(CmdError::ClusterDisabled) }
}

/// Reads the arguments that are left and hands the subcommand to the control plane.
fn forward(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    read: fn(&[&[u8]]) -> Result<Admin, AdminError>,
) -> CmdResult<Reply> {
    enabled(cx)?;
    let mut rest = Vec::with_capacity(args.left());
    while args.left() > 0 {
        rest.push(args.bytes()?);
    }
    let command = read(&rest).map_err(|error| CmdError::owned(format!("ERR {error}")))?;
    let facts = local_facts(cx, &command);
    cx.ask(Request::Cluster { command, facts })
}

/// What the control plane may have to know of the keys. While a slot is being moved away no new
/// keys come into it, so that its count cannot grow until it is used.
fn local_facts(cx: &Ctx<'_>, command: &Admin) -> LocalFacts {
    let keyspace = &cx.server.keyspace;
    let keys_in_slot = match command {
        Admin::SetSlot(slot, _) => keyspace.slot_len(Place { db: 0, slot: *slot }) as u64,
        _ => 0,
    };
    LocalFacts { keys_in_slot, is_empty: keyspace.counts(0).0 == 0 }
}

/// More arguments than a subcommand with optional ones has.
fn too_many(args: &Args<'_>) -> CmdError {
    CmdError::unknown_form("cluster", args.request().arg(1))
}

#[cfg(test)]
mod tests;
