//! Members by chance.

use super::{READ, begin, put};
use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::types::{Collection, Zset};

const COUNT_OUT_OF_RANGE: CmdError = CmdError::text(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

pub const ZRANDMEMBER: Command = Command::new(
    CommandSpec {
        name: "zrandmember",
        summary: "Get one or multiple random elements from a sorted set",
        since: "6.2.0",
        complexity: "O(N) where N is the number of elements returned",
        group: Group::SortedSet,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: READ,
        args: &[
            Arg::key("key"),
            Arg::block(
                "options",
                &[Arg::int("count"), Arg::word("withscores", "WITHSCORES").optional()],
            )
            .optional(),
        ],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    zrandmember,
);

fn zrandmember(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    if args.left() == 0 {
        let Some((member, _)) = cx.db.get::<Zset>(&key)?.and_then(|zset| zset.random(cx.rng))
        else {
            return Ok(Reply::Nil);
        };
        bulk_value(cx.out, member);
        return Ok(Reply::Written);
    }
    let count = args.int()?;
    if count == i64::MIN {
        return Err(COUNT_OUT_OF_RANGE);
    }
    let scores = args.left() > 0;
    if scores && !(args.take_word("WITHSCORES") && args.left() == 0) {
        return Err(CmdError::Syntax);
    }
    if scores && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(CmdError::OutOfRange);
    }
    let Some(zset) = cx.db.get::<Zset>(&key)? else {
        return Ok(Reply::EmptyArray);
    };
    let wanted = usize::try_from(count.unsigned_abs()).map_err(|_| CmdError::OutOfRange)?;
    if count < 0 {
        begin(cx.out, wanted, scores);
        for _ in 0..wanted {
            let element = zset.random(cx.rng).expect("a stored sorted set is not empty");
            put(cx.out, element, scores);
        }
    } else {
        begin(cx.out, wanted.min(zset.len()), scores);
        zset.sample(wanted, cx.rng, |member, score| put(cx.out, (member, score), scores));
    }
    Ok(Reply::Written)
}
