//! PSYNC and SYNC: a connection asks for the replication stream.

use crate::base::ReplId;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::replication::Ask;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::ClientFlags;
use crate::state::replication::Failover;

pub const PSYNC: Command = Command::new(
    CommandSpec {
        name: "psync",
        summary: "Internal command used for replication",
        since: "2.8.0",
        group: Group::Server,
        arity: Arity::AtLeast(3),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::NO_ASYNC_LOADING)
            .union(Flags::NO_MULTI),
        args: &[Arg::string("replicationid"), Arg::int("offset")],
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    psync,
);

fn psync(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (id, next) = (args.bytes()?, args.bytes()?);
    let takes_over = args.left() > 0 && args.take_word("FAILOVER");
    let id = ReplId::from_text(&id.to_ascii_lowercase()).ok();
    if takes_over {
        let role = cx.server.replication.lock();
        if role.upstream.is_none() {
            return Err(CmdError::text("ERR PSYNC FAILOVER can't be sent to a master."));
        }
        if id != Some(role.identity.id) {
            return Err(CmdError::text("ERR PSYNC FAILOVER replid must match my replid."));
        }
    } else {
        may_sync(cx)?;
    }
    let next = crate::base::number::parse_i64(next).ok_or(CmdError::NotInteger)?;
    leave(cx, Ask::From { id, next, takes_over });
    Ok(Reply::Written)
}

pub const SYNC: Command = Command::new(
    CommandSpec {
        name: "sync",
        summary: "Internal command used for replication",
        since: "1.0.0",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::NO_ASYNC_LOADING)
            .union(Flags::NO_MULTI),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    sync,
);

fn sync(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    may_sync(cx)?;
    leave(cx, Ask::Legacy);
    Ok(Reply::Written)
}

/// Whether this node can serve a replica now, and this connection be one.
fn may_sync(cx: &Ctx<'_>) -> CmdResult<()> {
    let role = cx.server.replication.lock();
    if role.failover == Failover::InProgress {
        return Err(CmdError::text("NOMASTERLINK Can't SYNC while failing over"));
    }
    if !role.is_linked() {
        return Err(CmdError::text("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    drop(role);
    if cx.server.cluster.as_ref().is_some_and(|view| view.load().awaits_successor()) {
        return Err(CmdError::text("LOADING Waiting for a replica to take over: no data here"));
    }
    if !cx.out.is_empty() {
        return Err(CmdError::text("ERR SYNC and PSYNC are invalid with pending output"));
    }
    let announced = &cx.client.announced;
    if announced.filter.is_some() && !announced.eof {
        return Err(CmdError::text("ERR Filtered replica requires EOF capability"));
    }
    Ok(())
}

/// Has the connection leave its session for the stream.
fn leave(cx: &mut Ctx<'_>, ask: Ask) {
    cx.client.set(ClientFlags::REPLICA, true);
    cx.client.sync = Some(ask);
}
