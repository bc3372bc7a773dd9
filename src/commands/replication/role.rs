//! REPLICAOF, SLAVEOF and ROLE.

use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::replication::Phase;
use crate::spec::{
    Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Deprecated, Flags, Group, Plan,
};
use crate::state::replication::{Failover, Link, Upstream};
use crate::state::{ClientFlags, Request};

const ARGS: &[Arg] = &[Arg::one_of(
    "args",
    &[
        Arg::block("host-port", &[Arg::string("host"), Arg::int("port")]),
        Arg::block("no-one", &[Arg::word("no", "NO"), Arg::word("one", "ONE")]),
    ],
)];

pub const REPLICAOF: Command = Command::new(
    CommandSpec {
        name: "replicaof",
        summary: "Make the server a replica of another instance, or promote it as master.",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::STALE)
            .union(Flags::NO_ASYNC_LOADING),
        args: ARGS,
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    replicaof,
);

fn replicaof(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.view.is_some() {
        return Err(CmdError::text("ERR REPLICAOF not allowed in cluster mode."));
    }
    let (host, port) = (args.bytes()?, args.bytes()?);
    let role = cx.server.replication.lock();
    if role.failover != Failover::None {
        return Err(CmdError::text("ERR REPLICAOF not allowed while failing over."));
    }
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        drop(role);
        return cx.ask(Request::Follow(None));
    }
    if cx.client.flags.contains(ClientFlags::REPLICA) {
        return Err(CmdError::text("ERR Command is not valid when client is a replica."));
    }
    let port = parse_i64(port).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CmdError::text("ERR Invalid master port"))?;
    let host = String::from_utf8_lossy(host).into_owned();
    let same =
        |upstream: &Upstream| upstream.host.eq_ignore_ascii_case(&host) && upstream.port == port;
    if role.upstream.as_ref().is_some_and(same) {
        return Ok(Reply::Simple("OK Already connected to specified master"));
    }
    drop(role);
    cx.ask(Request::Follow(Some((host, port))))
}

pub const SLAVEOF: Command = Command::new(
    CommandSpec {
        name: "slaveof",
        summary: "Make the server a replica of another instance, or promote it as master.",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::STALE)
            .union(Flags::NO_ASYNC_LOADING),
        args: ARGS,
        deprecated: Some(Deprecated { since: "5.0.0", replaced_by: "`REPLICAOF`" }),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    replicaof,
);

pub const ROLE: Command = Command::new(
    CommandSpec {
        name: "role",
        summary: "Return the role of the instance in the context of replication",
        since: "2.8.12",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::NO_SCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST),
        categories: Some(Categories::ADMIN.union(Categories::DANGEROUS)),
        ..CommandSpec::BASE
    },
    role,
);

fn role(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let role = cx.server.replication.lock();
    let end = cx.server.log.end() as i64;
    if let Some(upstream) = &role.upstream {
        cx.out.array(5);
        cx.out.bulk(b"slave");
        cx.out.bulk(upstream.host.as_bytes());
        cx.out.int(i64::from(upstream.port));
        cx.out.bulk(upstream.link.name().as_bytes());
        cx.out.int(if upstream.link == Link::Connected { end } else { -1 });
        return Ok(Reply::Written);
    }
    cx.out.array(3);
    cx.out.bulk(b"master");
    cx.out.int(end);
    let online = || role.replicas.values().filter(|replica| replica.phase == Phase::Online);
    cx.out.array(online().count());
    for replica in online() {
        cx.out.array(3);
        cx.out.bulk(replica.ip.as_bytes());
        cx.out.bulk(replica.port.to_string().as_bytes());
        cx.out.bulk(replica.acknowledged.to_string().as_bytes());
    }
    Ok(Reply::Written)
}
