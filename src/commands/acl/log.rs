//! ACL LOG: what was refused lately.

use super::change::FLAGS;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, CmdResult, CommandSpec, Group};

/// Entries shown unless told otherwise.
const SHOWN: usize = 10;

pub const ACL_LOG: Command = Command::new(
    CommandSpec {
        name: "acl|log",
        summary: "List latest events denied because of ACLs in place",
        since: "6.0.0",
        complexity: "O(N) with N being the number of entries shown.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        args: &[
            Arg::one_of("operation", &[Arg::int("count"), Arg::word("reset", "RESET")]).optional()
        ],
        ..CommandSpec::BASE
    },
    acl_log,
);

fn acl_log(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() > 1 {
        return Err(args.unknown_form());
    }
    if args.take_word("reset") {
        cx.server.acl.log.reset();
        return Ok(Reply::Ok);
    }
    let count = match args.left() {
        0 => SHOWN,
        _ => usize::try_from(args.int()?).unwrap_or(0),
    };
    let entries = cx.server.acl.log.newest(count);
    cx.out.array(entries.len());
    for entry in entries {
        let out = &mut *cx.out;
        out.map(7);
        out.bulk(b"count");
        out.int(entry.count as i64);
        let texts = [
            ("reason", entry.reason.name().as_bytes()),
            ("context", entry.context.as_bytes()),
            ("object", &entry.object),
            ("username", &entry.user),
        ];
        for (name, text) in texts {
            out.bulk(name.as_bytes());
            out.bulk(text);
        }
        out.bulk(b"age-seconds");
        out.double(cx.now.since(entry.at).0 as f64 / 1000.0);
        out.bulk(b"client-info");
        out.bulk(&entry.client);
    }
    Ok(Reply::Written)
}
