//! ACL DRYRUN: would it be allowed?

use super::change::FLAGS;
use crate::acl::Denied;
use crate::commands::permission::Demand;
use crate::commands::{Args, Command, Ctx, Reply, Table};
use crate::resp::OwnedRequest;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Group};

pub const ACL_DRYRUN: Command = Command::new(
    CommandSpec {
        name: "acl|dryrun",
        summary: "Returns whether the user can execute the given command without executing the \
            command.",
        since: "7.0.0",
        complexity: "O(1).",
        group: Group::Server,
        arity: Arity::AtLeast(4),
        flags: FLAGS,
        args: &[
            Arg::string("username"),
            Arg::string("command"),
            Arg::string("arg").optional().multiple(),
        ],
        ..CommandSpec::BASE
    },
    acl_dryrun,
);

fn acl_dryrun(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = args.bytes()?;
    let users = cx.server.acl.users();
    let missing = || CmdError::owned(format!("ERR User '{}' not found", text(name)));
    let user = users.get(name).ok_or_else(missing)?;
    let request = OwnedRequest::from_args(args.request().args().skip(3));
    let raw = request.as_raw();
    let table = Table::get();
    let command = table.find(raw.arg(0)).and_then(|command| match raw.get(1) {
        Some(sub) if !command.subcommands.is_empty() => table.find_subcommand(command, sub),
        _ => Some(command),
    });
    let unknown = || CmdError::owned(format!("ERR Command '{}' not found", text(raw.arg(0))));
    let command = command.ok_or_else(unknown)?;
    if !command.spec.arity.accepts(raw.len()) {
        return Err(CmdError::WrongArity { command: command.spec.name });
    }
    let demand = Demand::of(command, raw);
    let Err(denied) = demand.check(user) else { return Ok(Reply::Ok) };
    let object = text(demand.object(denied));
    let what = match denied {
        Denied::Command => format!("run the '{object}' command"),
        Denied::Key(_) => format!("access the '{object}' key"),
        Denied::Channel(_) => format!("access the '{object}' channel"),
    };
    cx.out.bulk(format!("This user has no permissions to {what}").as_bytes());
    Ok(Reply::Written)
}
