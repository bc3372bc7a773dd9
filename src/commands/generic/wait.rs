//! WAIT and WAITAOF: how safe a connection's writes are.

use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, NO_FILE, Reply, Report};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::durability::Need;

pub const WAIT: Command = Command::new(
    CommandSpec {
        name: "wait",
        summary: "Wait for the synchronous replication of all the write commands sent in \
            the context of the current connection",
        since: "3.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::NO_SCRIPT,
        categories: Some(Categories::CONNECTION),
        args: &[Arg::int("numreplicas"), Arg::int("timeout")],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        ..CommandSpec::BASE
    },
    wait,
);

fn wait(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.server.replication.is_replica() {
        return Err(CmdError::text(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 \
             if a replica is configured to be writable (which is not the default) writes to \
             replicas are just local and are not propagated.",
        ));
    }
    let replicas = usize::try_from(args.int()?).unwrap_or(0);
    let deadline = deadline(cx, args)?;
    let need = Need { reach: cx.client.logged_to, replicas, ..Need::default() };
    cx.wait_durable(need, deadline, Report::Replicas)
}

pub const WAITAOF: Command = Command::new(
    CommandSpec {
        name: "waitaof",
        summary: "Wait until the writes of the current connection are in the append-only \
            files of this node and of replicas",
        since: "7.2.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(4),
        flags: Flags::NO_SCRIPT,
        categories: Some(Categories::CONNECTION),
        args: &[Arg::int("numlocal"), Arg::int("numreplicas"), Arg::int("timeout")],
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        ..CommandSpec::BASE
    },
    waitaof,
);

fn waitaof(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    const NOT_A_FLAG: CmdError =
        CmdError::text("ERR value is out of range, value must between 0 and 1");
    let on_disk = match args.int()? {
        0 => false,
        1 => true,
        _ => return Err(NOT_A_FLAG),
    };
    if cx.server.replication.is_replica() {
        return Err(CmdError::text(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to \
             replicas are just local and are not propagated.",
        ));
    }
    let replica_disks = args.int().ok().and_then(|count| usize::try_from(count).ok());
    let replica_disks = replica_disks.ok_or(CmdError::NotPositive)?;
    let deadline = deadline(cx, args)?;
    if on_disk && !cx.settings.appendonly {
        return Err(NO_FILE);
    }
    let need = Need { reach: cx.client.logged_to, on_disk, replica_disks, ..Need::default() };
    cx.wait_durable(need, deadline, Report::Disks)
}

/// The timeout in milliseconds that comes next; 0 is for ever.
fn deadline(cx: &Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Option<Millis>> {
    match parse_i64(args.bytes()?) {
        None => Err(CmdError::text("ERR timeout is not an integer or out of range")),
        Some(..0) => Err(CmdError::text("ERR timeout is negative")),
        Some(0) => Ok(None),
        Some(millis) => Ok(Some(Millis(cx.now.0.saturating_add(millis as u64)))),
    }
}
