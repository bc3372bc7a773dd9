//! Walking a sorted set in steps.

use super::READ;
use crate::commands::scan::{self, Extra};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{CmdResult, CommandSpec, Group};
use crate::types::Zset;

pub const ZSCAN: Command = Command::new(
    CommandSpec {
        name: "zscan",
        summary: "Incrementally iterate sorted sets elements and associated scores",
        group: Group::SortedSet,
        keys: READ,
        ..scan::COLLECTION
    },
    zscan,
);

fn zscan(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    scan::collection(cx, args, Extra::None, |zset: &Zset, cursor, options, page| {
        let mut digits = itoa::Buffer::new();
        zset.scan(cursor, options.count, |member, score| {
            let member = member.text(&mut digits);
            if options.matches(member) {
                page.push(member);
                page.push(&zset.score_text(score));
            }
        })
    })
}
