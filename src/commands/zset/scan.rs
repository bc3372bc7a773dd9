//! Walking a sorted set in steps.

use super::READ;
use crate::commands::scan::{Extra, Options, Page, read_cursor};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, ArgKind, Arity, CmdResult, CommandSpec, Flags, Group};
use crate::types::Zset;

pub const ZSCAN: Command = Command::new(
    CommandSpec {
        name: "zscan",
        summary: "Incrementally iterate sorted sets elements and associated scores",
        since: "2.8.0",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command \
            calls for the cursor to return back to 0. N is the number of elements inside \
            the collection..",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: READ,
        args: &[
            Arg::key("key"),
            Arg::int("cursor"),
            Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
        ],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    zscan,
);

fn zscan(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let cursor = read_cursor(args.bytes()?)?;
    let mut page = Page::new(cx.out);
    let Some(zset) = cx.db.get::<Zset>(&key)? else {
        page.finish(0, cx.out);
        return Ok(Reply::Written);
    };
    let options = Options::read(args, Extra::None)?;
    let mut digits = itoa::Buffer::new();
    let next = zset.scan(cursor, options.count, |member, score| {
        let member = member.text(&mut digits);
        if options.matches(member) {
            page.push(member);
            page.push(&zset.score_text(score));
        }
    });
    page.finish(next, cx.out);
    Ok(Reply::Written)
}
