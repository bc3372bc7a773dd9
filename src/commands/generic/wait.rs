//! WAIT.

use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group};

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

fn wait(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    args.int()?;
    match parse_i64(args.bytes()?) {
        None => return Err(CmdError::text("ERR timeout is not an integer or out of range")),
        Some(..0) => return Err(CmdError::text("ERR timeout is negative")),
        Some(_) => {}
    }
    // There is nobody yet who could acknowledge a write, and so nothing to wait for.
    Ok(Reply::Int(0))
}
