//! BGREWRITEAOF.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::aof::Asked;

pub const BGREWRITEAOF: Command = Command::new(
    CommandSpec {
        name: "bgrewriteaof",
        summary: "Asynchronously rewrite the append-only file",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::NO_ASYNC_LOADING),
        ..CommandSpec::BASE
    },
    bgrewriteaof,
);

fn bgrewriteaof(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let server = cx.server;
    let is_saving = server.persistence.saves.lock().began.is_some();
    let is_busy = is_saving || server.keyspace.is_walked() || cx.execution.is_some();
    match server.aof.ask_for_rewrite(is_busy) {
        Asked::Started => Ok(Reply::Simple("Background append only file rewriting started")),
        Asked::Scheduled => Ok(Reply::Simple("Background append only file rewriting scheduled")),
        Asked::Refused => {
            const UNDER_WAY: CmdError =
                CmdError::text("ERR Background append only file rewriting already in progress");
            Err(UNDER_WAY)
        }
    }
}
