//! FAILOVER: a primary hands its role to a replica.

use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::replication::Phase;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::Request;
use crate::state::control::HandOver;
use crate::state::replication::{Failover, Role};

pub const FAILOVER: Command = Command::new(
    CommandSpec {
        name: "failover",
        summary: "Start a coordinated failover between this server and one of its replicas.",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::STALE),
        args: &[
            Arg::block(
                "target",
                &[Arg::string("host"), Arg::int("port"), Arg::word("force", "FORCE").optional()],
            )
            .token("TO")
            .optional(),
            Arg::word("abort", "ABORT").optional(),
            Arg::int("milliseconds").token("TIMEOUT").optional(),
        ],
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    failover,
);

/// What was asked for.
#[derive(Default, PartialEq)]
struct Options {
    target: Option<(String, u16)>,
    timeout: Option<i64>,
    force: bool,
    abort: bool,
}

fn failover(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.view.is_some() {
        return Err(CmdError::text(
            "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.",
        ));
    }
    let options = options(args)?;
    let role = cx.server.replication.lock();
    if options.abort {
        if role.failover == Failover::None {
            return Err(CmdError::text("ERR No failover in progress."));
        }
        drop(role);
        return cx.ask(Request::Failover(HandOver::Abort));
    }
    check(&role, &options)?;
    drop(role);
    let timeout = options.timeout.map(|millis| Millis(millis as u64));
    let (target, force) = (options.target, options.force);
    cx.ask(Request::Failover(HandOver::Start { target, timeout, force }))
}

fn options(args: &mut Args<'_>) -> CmdResult<Options> {
    let mut options = Options::default();
    while let Some(token) = args.token() {
        match token.upper() {
            b"TIMEOUT" if options.timeout.is_none() && !options.abort && args.left() > 0 => {
                let timeout = parse_i64(args.bytes()?).ok_or(CmdError::NotInteger)?;
                if timeout <= 0 {
                    return Err(CmdError::text("ERR FAILOVER timeout must be greater than 0"));
                }
                options.timeout = Some(timeout);
            }
            b"TO" if options.target.is_none() && !options.abort && args.left() > 1 => {
                let host = String::from_utf8_lossy(args.bytes()?).into_owned();
                let port = parse_i64(args.bytes()?).ok_or(CmdError::NotInteger)?;
                options.target = Some((host, port as u16));
            }
            b"FORCE" if !options.force && !options.abort => options.force = true,
            b"ABORT" if options == Options::default() => options.abort = true,
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(options)
}

/// Whether the role can be handed over as asked.
fn check(role: &Role, options: &Options) -> CmdResult<()> {
    if role.failover != Failover::None {
        return Err(CmdError::text("ERR FAILOVER already in progress."));
    }
    if role.upstream.is_some() {
        return Err(CmdError::text("ERR FAILOVER is not valid when server is a replica."));
    }
    if role.replicas.is_empty() {
        return Err(CmdError::text("ERR FAILOVER requires connected replicas."));
    }
    if options.force && (options.timeout.is_none() || options.target.is_none()) {
        return Err(CmdError::text(
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
        ));
    }
    let Some((host, port)) = &options.target else { return Ok(()) };
    let is_target =
        |replica: &&crate::replication::Replica| replica.ip == *host && replica.port == *port;
    let Some(replica) = role.replicas.values().find(is_target) else {
        return Err(CmdError::text("ERR FAILOVER target HOST and PORT is not a replica."));
    };
    if replica.phase != Phase::Online {
        return Err(CmdError::text("ERR FAILOVER target replica is not online."));
    }
    Ok(())
}
