//! WATCH and UNWATCH.

use super::queue::FLAGS;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::state::ClientFlags;

pub const WATCH: Command = Command::new(
    CommandSpec {
        name: "watch",
        summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
        since: "2.2.0",
        complexity: "O(1) for every key.",
        group: Group::Transactions,
        arity: Arity::AtLeast(2),
        flags: FLAGS.union(Flags::NOT_QUEUED),
        keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO)],
        args: &[Arg::key("key").multiple()],
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    watch,
);

fn watch(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.client.flags.contains(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR WATCH inside MULTI is not allowed"));
    }
    // A key that changed already decides: further ones cannot change the outcome.
    if cx.client.watching.watcher.is_touched() {
        return Ok(Reply::Ok);
    }
    while args.left() > 0 {
        let key = args.key()?;
        let existed = cx.db.exists(&key);
        if !cx.db.incidents.is_empty() {
            // That it was found expired is no change from now on.
            cx.settle_incidents();
        }
        let name = (cx.db.place(&key).db, key.bytes.into());
        cx.server.watches.add(&mut cx.client.watching, name, existed);
    }
    Ok(Reply::Ok)
}

pub const UNWATCH: Command = Command::new(
    CommandSpec {
        name: "unwatch",
        summary: "Forget about all watched keys",
        since: "2.2.0",
        complexity: "O(1)",
        group: Group::Transactions,
        arity: Arity::Exact(1),
        flags: FLAGS,
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    unwatch,
);

fn unwatch(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.unwatch();
    Ok(Reply::Ok)
}
