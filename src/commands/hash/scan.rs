//! Walking a hash in steps.

use crate::commands::scan::{self, Extra};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{CmdResult, CommandSpec, Group, KeyFlags, KeySpec};
use crate::types::Hash;

pub const HSCAN: Command = Command::new(
    CommandSpec {
        name: "hscan",
        summary: "Incrementally iterate hash fields and associated values",
        group: Group::Hash,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        ..scan::COLLECTION
    },
    hscan,
);

fn hscan(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    scan::collection(cx, args, Extra::NoValues, |hash: &Hash, cursor, options, page| {
        let mut digits = itoa::Buffer::new();
        hash.scan(cursor, options.count, |field, value| {
            let field = field.text(&mut digits);
            if options.matches(field) {
                page.push(field);
                if options.values {
                    page.push(value.text(&mut itoa::Buffer::new()));
                }
            }
        })
    })
}
