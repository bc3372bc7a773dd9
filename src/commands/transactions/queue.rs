//! MULTI and DISCARD.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::ClientFlags;

/// What all commands about transactions are but EXEC.
pub(super) const FLAGS: Flags = Flags::NO_SCRIPT
    .union(Flags::LOADING)
    .union(Flags::STALE)
    .union(Flags::FAST)
    .union(Flags::ALLOW_BUSY);

pub const MULTI: Command = Command::new(
    CommandSpec {
        name: "multi",
        summary: "Mark the start of a transaction block",
        since: "1.2.0",
        complexity: "O(1)",
        group: Group::Transactions,
        arity: Arity::Exact(1),
        flags: FLAGS.union(Flags::NOT_QUEUED),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    multi,
);

fn multi(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    if cx.client.flags.contains(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR MULTI calls can not be nested"));
    }
    cx.client.set(ClientFlags::MULTI, true);
    Ok(Reply::Ok)
}

pub const DISCARD: Command = Command::new(
    CommandSpec {
        name: "discard",
        summary: "Discard all commands issued after MULTI",
        since: "2.0.0",
        complexity: "O(N), when N is the number of queued commands",
        group: Group::Transactions,
        arity: Arity::Exact(1),
        flags: FLAGS.union(Flags::NOT_QUEUED),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    discard,
);

fn discard(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    if !cx.client.flags.contains(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR DISCARD without MULTI"));
    }
    cx.end_transaction();
    Ok(Reply::Ok)
}

impl Ctx<'_> {
    /// Forgets what is queued and watched.
    pub fn end_transaction(&mut self) {
        drop(self.client.take_transaction());
        self.unwatch();
    }

    pub(super) fn unwatch(&mut self) {
        let watching = std::mem::take(&mut self.client.watching);
        self.server.watches.remove(&watching);
    }
}
