//! Fields by chance.

use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::resp::{Encoder, Proto};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec};
use crate::types::{Collection, Hash, ValueRef};

const COUNT_OUT_OF_RANGE: CmdError = CmdError::text(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

pub const HRANDFIELD: Command = Command::new(
    CommandSpec {
        name: "hrandfield",
        summary: "Get one or multiple random fields from a hash",
        since: "6.2.0",
        complexity: "O(N) where N is the number of fields returned",
        group: Group::Hash,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::block(
                "options",
                &[Arg::int("count"), Arg::word("withvalues", "WITHVALUES").optional()],
            )
            .optional(),
        ],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    hrandfield,
);

fn hrandfield(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    if args.left() == 0 {
        let Some((field, _)) = cx.db.get::<Hash>(&key)?.and_then(|hash| hash.random(cx.rng)) else {
            return Ok(Reply::Nil);
        };
        bulk_value(cx.out, field);
        return Ok(Reply::Written);
    }
    let count = args.int()?;
    if count == i64::MIN {
        return Err(COUNT_OUT_OF_RANGE);
    }
    let values = args.left() > 0;
    if values && !(args.take_word("WITHVALUES") && args.left() == 0) {
        return Err(CmdError::Syntax);
    }
    if values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(CmdError::OutOfRange);
    }
    let Some(hash) = cx.db.get::<Hash>(&key)? else {
        return Ok(Reply::EmptyArray);
    };
    let wanted = usize::try_from(count.unsigned_abs()).map_err(|_| CmdError::OutOfRange)?;
    if count < 0 {
        begin(cx.out, wanted, values);
        for _ in 0..wanted {
            let pair = hash.random(cx.rng).expect("a stored hash is not empty");
            put(cx.out, pair, values);
        }
    } else {
        begin(cx.out, wanted.min(hash.len()), values);
        hash.sample(wanted, cx.rng, |field, value| put(cx.out, (field, value), values));
    }
    Ok(Reply::Written)
}

/// In RESP2 fields and values alternate; in RESP3 each pair is an array of its own.
fn begin(out: &mut Encoder, count: usize, values: bool) {
    let flat = values && out.proto() == Proto::Resp2;
    out.array(if flat { count.saturating_mul(2) } else { count });
}

fn put(out: &mut Encoder, (field, value): (ValueRef<'_>, ValueRef<'_>), values: bool) {
    if values && out.proto() == Proto::Resp3 {
        out.array(2);
    }
    bulk_value(out, field);
    if values {
        bulk_value(out, value);
    }
}
