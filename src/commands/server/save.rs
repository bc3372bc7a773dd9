//! SAVE, BGSAVE and LASTSAVE. The control plane does the work.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group, Plan};
use crate::state::Request;
use crate::state::control::Start;

pub const SAVE: Command = Command::new(
    CommandSpec {
        name: "save",
        summary: "Synchronously save the dataset to disk",
        since: "1.0.0",
        complexity: "O(N) where N is the total number of keys in all databases",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::ADMIN
            .union(Flags::NO_SCRIPT)
            .union(Flags::NO_ASYNC_LOADING)
            .union(Flags::NO_MULTI),
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    save,
);

fn save(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.ask(Request::Save)
}

pub const BGSAVE: Command = Command::new(
    CommandSpec {
        name: "bgsave",
        summary: "Asynchronously save the dataset to disk",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::NO_ASYNC_LOADING),
        args: &[Arg::word("schedule", "SCHEDULE").since("3.2.2").optional()],
        history: &[("3.2.2", "Added the `SCHEDULE` option.")],
        plan: Plan::Alone,
        ..CommandSpec::BASE
    },
    bgsave,
);

fn bgsave(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let schedule = args.take_word("SCHEDULE");
    if args.left() > 0 {
        return Err(CmdError::Syntax);
    }
    cx.ask(Request::BackgroundSave(match cx.execution {
        Some(_) => Start::Later,
        None if schedule => Start::WhenPossible,
        None => Start::Now,
    }))
}

pub const LASTSAVE: Command = Command::new(
    CommandSpec {
        name: "lastsave",
        summary: "Get the UNIX time stamp of the last successful save to disk",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(1),
        flags: Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        categories: Some(Categories::ADMIN.union(Categories::DANGEROUS)),
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    lastsave,
);

fn lastsave(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let saves = *cx.server.persistence.saves.lock();
    Ok(Reply::Int(saves.last_saved.as_secs() as i64))
}
