//! Walking a set in steps.

use crate::commands::scan::{self, Extra};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{CmdResult, CommandSpec, Group, KeyFlags, KeySpec};
use crate::types::Set;

pub const SSCAN: Command = Command::new(
    CommandSpec {
        name: "sscan",
        summary: "Incrementally iterate Set elements",
        group: Group::Set,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        ..scan::COLLECTION
    },
    sscan,
);

fn sscan(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    scan::collection(cx, args, Extra::None, |set: &Set, cursor, options, page| {
        let mut digits = itoa::Buffer::new();
        set.scan(cursor, options.count, |member| {
            let member = member.text(&mut digits);
            if options.matches(member) {
                page.push(member);
            }
        })
    })
}
