//! What this node knows of the cluster.

use super::forward;
use crate::cluster::Admin;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Deprecated, Flags, Group};

pub const CLUSTER_COUNT_FAILURE_REPORTS: Command = Command::new(
    CommandSpec {
        name: "cluster|count-failure-reports",
        summary: "Return the number of failure reports active for a given node",
        since: "3.0.0",
        complexity: "O(N) where N is the number of failure reports",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE),
        args: &[Arg::string("node-id")],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_count_failure_reports,
);

fn cluster_count_failure_reports(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::count_failure_reports)
}

pub const CLUSTER_INFO: Command = Command::new(
    CommandSpec {
        name: "cluster|info",
        summary: "Provides info about Redis Cluster node state",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_info,
);

fn cluster_info(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::Info))
}

pub const CLUSTER_LINKS: Command = Command::new(
    CommandSpec {
        name: "cluster|links",
        summary: "Returns a list of all TCP links to and from peer nodes in cluster",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_links,
);

fn cluster_links(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::Links))
}

pub const CLUSTER_MYID: Command = Command::new(
    CommandSpec {
        name: "cluster|myid",
        summary: "Return the node id",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        ..CommandSpec::BASE
    },
    cluster_myid,
);

fn cluster_myid(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::MyId))
}

pub const CLUSTER_MYSHARDID: Command = Command::new(
    CommandSpec {
        name: "cluster|myshardid",
        summary: "Return the node shard id",
        since: "7.2.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        ..CommandSpec::BASE
    },
    cluster_myshardid,
);

fn cluster_myshardid(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::MyShardId))
}

pub const CLUSTER_NODES: Command = Command::new(
    CommandSpec {
        name: "cluster|nodes",
        summary: "Get Cluster config for the node",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_nodes,
);

fn cluster_nodes(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::Nodes))
}

pub const CLUSTER_REPLICAS: Command = Command::new(
    CommandSpec {
        name: "cluster|replicas",
        summary: "List replica nodes of the specified master node",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE),
        args: &[Arg::string("node-id")],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_replicas,
);

fn cluster_replicas(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::replicas)
}

pub const CLUSTER_SHARDS: Command = Command::new(
    CommandSpec {
        name: "cluster|shards",
        summary: "Get array of cluster slots to node mappings",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of cluster nodes",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    cluster_shards,
);

fn cluster_shards(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::Shards))
}

pub const CLUSTER_SLAVES: Command = Command::new(
    CommandSpec {
        name: "cluster|slaves",
        summary: "List replica nodes of the specified master node",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Cluster,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::STALE),
        args: &[Arg::string("node-id")],
        tips: &["nondeterministic_output"],
        deprecated: Some(Deprecated { since: "5.0.0", replaced_by: "`CLUSTER REPLICAS`" }),
        ..CommandSpec::BASE
    },
    cluster_slaves,
);

fn cluster_slaves(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, Admin::replicas)
}

pub const CLUSTER_SLOTS: Command = Command::new(
    CommandSpec {
        name: "cluster|slots",
        summary: "Get array of Cluster slot to node mappings",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        group: Group::Cluster,
        arity: Arity::Exact(2),
        flags: Flags::STALE,
        tips: &["nondeterministic_output"],
        history: &[
            ("4.0.0", "Added node IDs."),
            ("7.0.0", "Added additional networking metadata field."),
        ],
        deprecated: Some(Deprecated { since: "7.0.0", replaced_by: "`CLUSTER SHARDS`" }),
        ..CommandSpec::BASE
    },
    cluster_slots,
);

fn cluster_slots(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    forward(cx, args, |_| Ok(Admin::Slots))
}
