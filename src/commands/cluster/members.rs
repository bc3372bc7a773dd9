//! Who belongs to the cluster, in which role and epoch.

use super::{enabled, forward, too_many};
use crate::cluster::Admin;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Flags, Group};

pub const CLUSTER_BUMPEPOCH: Command = Command::new(
    CommandSpec {
        name: "cluster|bumpepoch",
        summary: "Advance the cluster config epoch",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_bumpepoch,
);

fn cluster_bumpepoch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::BumpEpoch))
}

pub const CLUSTER_FAILOVER: Command = Command::new(
    CommandSpec {
        name: "cluster|failover",
        summary: "Forces a replica to perform a manual failover of its master.",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::one_of(
            "options",
            &[Arg::word("force", "FORCE"), Arg::word("takeover", "TAKEOVER")],
        )
        .optional()],
        ..CommandSpec::BASE
    },
    cluster_failover,
);

fn cluster_failover(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    if args.left() > 1 {
        return Err(too_many(args));
    }
    forward(cx, args, Admin::failover)
}

pub const CLUSTER_FORGET: Command = Command::new(
    CommandSpec {
        name: "cluster|forget",
        summary: "Remove a node from the nodes table",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::string("node-id")],
        ..CommandSpec::BASE
    },
    cluster_forget,
);

fn cluster_forget(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::forget)
}

pub const CLUSTER_MEET: Command = Command::new(
    CommandSpec {
        name: "cluster|meet",
        summary: "Force a node cluster to handshake with another node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::AtLeast(4),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[
            Arg::string("ip"),
            Arg::int("port"),
            Arg::int("cluster_bus_port").since("4.0.0").optional(),
        ],
        history: &[("4.0.0", "Added the optional `cluster_bus_port` argument.")],
        ..CommandSpec::BASE
    },
    cluster_meet,
);

fn cluster_meet(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    if args.left() > 3 {
        return Err(too_many(args));
    }
    forward(cx, args, Admin::meet)
}

pub const CLUSTER_REPLICATE: Command = Command::new(
    CommandSpec {
        name: "cluster|replicate",
        summary: "Reconfigure a node as a replica of the specified master node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::string("node-id")],
        ..CommandSpec::BASE
    },
    cluster_replicate,
);

fn cluster_replicate(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::replicate)
}

pub const CLUSTER_RESET: Command = Command::new(
    CommandSpec {
        name: "cluster|reset",
        summary: "Reset a Redis Cluster node",
        since: "3.0.0",
        complexity: "O(N) where N is the number of known nodes. The command may execute a \
            FLUSHALL as a side effect.",
        group: Group::Cluster,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::STALE),
        args: &[Arg::one_of("hard_soft", &[Arg::word("hard", "HARD"), Arg::word("soft", "SOFT")])
            .optional()],
        ..CommandSpec::BASE
    },
    cluster_reset,
);

fn cluster_reset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    enabled(cx)?;
    if args.left() > 1 {
        return Err(too_many(args));
    }
    forward(cx, args, Admin::reset)
}

pub const CLUSTER_SAVECONFIG: Command = Command::new(
    CommandSpec {
        name: "cluster|saveconfig",
        summary: "Forces the node to save cluster state on disk",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        ..CommandSpec::BASE
    },
    cluster_saveconfig,
);

fn cluster_saveconfig(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::SaveConfig))
}

pub const CLUSTER_SET_CONFIG_EPOCH: Command = Command::new(
    CommandSpec {
        name: "cluster|set-config-epoch",
        summary: "Set the configuration epoch in a new node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::int("config-epoch")],
        ..CommandSpec::BASE
    },
    cluster_set_config_epoch,
);

fn cluster_set_config_epoch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::set_config_epoch)
}
