//! EXEC: runs what was queued, as one.

use smallvec::SmallVec;

use crate::commands::{Args, Command, Ctx, Inner, Registered, Reply, Table, keys};
use crate::keyspace::Key;
use crate::spec::{Arity, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::ClientFlags;
use crate::state::transaction::{Execution, Queued};

pub const EXEC: Command = Command::new(
    CommandSpec {
        name: "exec",
        summary: "Execute all commands issued after MULTI",
        since: "1.2.0",
        complexity: "Depends on commands in the transaction",
        group: Group::Transactions,
        arity: Arity::Exact(1),
        flags: Flags::NO_SCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::SKIP_SLOWLOG)
            .union(Flags::NOT_QUEUED),
        plan: Plan::Transaction,
        ..CommandSpec::BASE
    },
    exec,
);

fn exec(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let Some(execution) = cx.execution else {
        return Err(CmdError::text("ERR EXEC without MULTI"));
    };
    if execution.transaction.failed {
        return Err(CmdError::ExecAbort);
    }
    if is_outdated(cx, execution) {
        return Ok(Reply::NilArray);
    }
    cx.may_block = false;
    cx.out.array(execution.transaction.queued.len());
    let mut begun = (cx.read_clock)();
    for (at, queued) in execution.transaction.queued.iter().enumerate() {
        if run(cx, queued, args.command()) {
            let ended = (cx.read_clock)();
            let took = ended.saturating_duration_since(begun);
            let secrets = std::mem::take(&mut cx.effects.secrets);
            cx.effects.inner.push(Inner { at, took, secrets });
            begun = ended;
        }
    }
    cx.may_block = true;
    // CLIENT CACHING among them was for what came after it here.
    cx.client.set(ClientFlags::CACHING_NEXT, false);
    Ok(Reply::Written)
}

/// Whether a watched key has changed, or gone because its time was over.
fn is_outdated(cx: &mut Ctx<'_>, execution: &Execution) -> bool {
    let mut gone = false;
    for ((db, name), _) in execution.watching.keys.iter().filter(|&(_, &existed)| existed) {
        let key = cx.db.key_in(*db, name);
        gone |= !cx.db.exists(&key);
    }
    gone || execution.watching.watcher.is_touched()
}

/// Runs one request, unless it is refused; whether it was run.
fn run(cx: &mut Ctx<'_>, queued: &Queued, exec: &'static Registered) -> bool {
    let command = Table::get().by_index(queued.command).expect("it was queued by its number");
    let request = queued.request.as_raw();
    // SELECT may have come before.
    if cx.db.is_whole() {
        cx.db.select(cx.client.db);
    }
    let mut found = keys::Found::new();
    let mut bound: SmallVec<[Key<'_>; 8]> = SmallVec::new();
    // What makes no sense as keys is the handler's to refuse.
    if keys::find(command, request, &mut found).is_ok() {
        found.sort_unstable_by_key(|&(index, _)| index);
        bound.extend(found.iter().map(|&(index, _)| cx.db.key(request.arg(index as usize))));
    }
    if let Err(error) = cx.check_queued(command, request, exec) {
        cx.write_error(&error);
        return false;
    }
    let mark = cx.out.mark();
    let result = cx.call(command, request, &bound);
    cx.track(command, &bound);
    cx.show(command, request);
    if let (Ok(Reply::Later), Some(ticket)) = (result, cx.effects.awaiting.take()) {
        cx.effects.gaps.push((ticket, mark));
    }
    true
}
