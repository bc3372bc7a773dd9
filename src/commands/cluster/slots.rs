//! Who owns which slot: ADDSLOTS, DELSLOTS, FLUSHSLOTS, SETSLOT.

use super::{enabled, forward};
use crate::cluster::Admin;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group};
use crate::state::ClientFlags;

pub const CLUSTER_ADDSLOTS: Command = Command::new(
    CommandSpec {
        name: "cluster|addslots",
        summary: "Assign new hash slots to receiving node",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of hash slot arguments",
        group: Group::Cluster,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::int("slot").multiple()],
        ..CommandSpec::BASE
    },
    cluster_addslots,
);

fn cluster_addslots(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::add_slots)
}

pub const CLUSTER_ADDSLOTSRANGE: Command = Command::new(
    CommandSpec {
        name: "cluster|addslotsrange",
        summary: "Assign new hash slots to receiving node",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of the slots between the start slot and \
            end slot arguments.",
        group: Group::Cluster,
        arity: Arity::AtLeast(4),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::block("start-slot_end-slot", &[Arg::int("start-slot"), Arg::int("end-slot")])
            .multiple()],
        ..CommandSpec::BASE
    },
    cluster_addslotsrange,
);

fn cluster_addslotsrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    if !args.left().is_multiple_of(2) {
        return Err(args.wrong_arity());
    }
    forward(cx, args, Admin::add_slot_ranges)
}

pub const CLUSTER_DELSLOTS: Command = Command::new(
    CommandSpec {
        name: "cluster|delslots",
        summary: "Set hash slots as unbound in receiving node",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of hash slot arguments",
        group: Group::Cluster,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::int("slot").multiple()],
        ..CommandSpec::BASE
    },
    cluster_delslots,
);

fn cluster_delslots(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::del_slots)
}

pub const CLUSTER_DELSLOTSRANGE: Command = Command::new(
    CommandSpec {
        name: "cluster|delslotsrange",
        summary: "Set hash slots as unbound in receiving node",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of the slots between the start slot and \
            end slot arguments.",
        group: Group::Cluster,
        arity: Arity::AtLeast(4),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::block("start-slot_end-slot", &[Arg::int("start-slot"), Arg::int("end-slot")])
            .multiple()],
        ..CommandSpec::BASE
    },
    cluster_delslotsrange,
);

fn cluster_delslotsrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    if !args.left().is_multiple_of(2) {
        return Err(args.wrong_arity());
    }
    forward(cx, args, Admin::del_slot_ranges)
}

pub const CLUSTER_FLUSHSLOTS: Command = Command::new(
    CommandSpec {
        name: "cluster|flushslots",
        summary: "Delete a node's own slots information",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        ..CommandSpec::BASE
    },
    cluster_flushslots,
);

fn cluster_flushslots(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::FlushSlots))
}

pub const CLUSTER_SETSLOT: Command = Command::new(
    CommandSpec {
        name: "cluster|setslot",
        summary: "Bind a hash slot to a specific node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::AtLeast(4),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[
            Arg::int("slot"),
            Arg::one_of(
                "subcommand",
                &[
                    Arg::string("node-id").token("IMPORTING"),
                    Arg::string("node-id").token("MIGRATING"),
                    Arg::string("node-id").token("NODE"),
                    Arg::word("stable", "STABLE"),
                ],
            ),
        ],
        ..CommandSpec::BASE
    },
    cluster_setslot,
);

fn cluster_setslot(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.client.flags.contains(ClientFlags::PRIMARY) {
        // Valkey's primaries tell their replicas. Here owners are known from the bus.
        return Ok(Reply::Ok);
    }
    forward(cx, args, Admin::set_slot)
}
