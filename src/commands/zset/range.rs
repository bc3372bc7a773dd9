//! Members between two ranks, scores or members, from either end.

use super::query::{By, Form, Query};
use super::{READ, store};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, ArgKind, Arity, CmdResult, CommandSpec, Deprecated, Event, Flags, Group, KeyFlags, KeySpec,
};

const LIMIT: Arg =
    Arg::block("offset_count", &[Arg::int("offset"), Arg::int("count")]).token("LIMIT").optional();

const LIMITED: &str = "O(log(N)+M) with N being the number of elements in the sorted set and M \
    the number of elements being returned. If M is constant (e.g. always asking for the first 10 \
    elements with LIMIT), you can consider it O(log(N)).";

/// What the declarations of all that only read share.
const READS: CommandSpec = CommandSpec {
    group: Group::SortedSet,
    arity: Arity::AtLeast(4),
    flags: Flags::READONLY,
    keys: READ,
    ..CommandSpec::BASE
};

pub const ZRANGE: Command = Command::new(
    CommandSpec {
        name: "zrange",
        summary: "Return a range of members in a sorted set",
        since: "1.2.0",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
            number of elements returned.",
        args: &[
            Arg::key("key"),
            Arg::string("start"),
            Arg::string("stop"),
            Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")])
                .since("6.2.0")
                .optional(),
            Arg::word("rev", "REV").since("6.2.0").optional(),
            Arg::block("offset_count", &[Arg::int("offset"), Arg::int("count")])
                .token("LIMIT")
                .since("6.2.0")
                .optional(),
            Arg::word("withscores", "WITHSCORES").optional(),
        ],
        history: &[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
        ..READS
    },
    zrange,
);

fn zrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::ANY)
}

/// Reads the query and replies to it.
fn answer(cx: &mut Ctx<'_>, args: &mut Args<'_>, form: Form) -> CmdResult<Reply> {
    let key = args.key()?;
    Query::read(args, form)?.answer(cx, &key)
}

pub const ZRANGESTORE: Command = Command::new(
    CommandSpec {
        name: "zrangestore",
        summary: "Store a range of members from sorted set into another key",
        since: "6.2.0",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
            number of elements stored into the destination key.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[
            KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
            KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ],
        args: &[
            Arg::key("dst"),
            Arg::new("src", ArgKind::Key(1)),
            Arg::string("min"),
            Arg::string("max"),
            Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")])
                .optional(),
            Arg::word("rev", "REV").optional(),
            LIMIT,
        ],
        ..CommandSpec::BASE
    },
    zrangestore,
);

fn zrangestore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (target, source) = (args.key()?, args.key()?);
    let query = Query::read(args, Form { scores: false, ..Form::ANY })?;
    let found = query.copy(cx, &source)?;
    Ok(store::put(cx, &target, found, Event::zset("zrangestore"), false))
}

pub const ZREVRANGE: Command = Command::new(
    CommandSpec {
        name: "zrevrange",
        summary: "Return a range of members in a sorted set, by index, with scores ordered \
            from high to low",
        since: "1.2.0",
        complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the \
            number of elements returned.",
        args: &[
            Arg::key("key"),
            Arg::int("start"),
            Arg::int("stop"),
            Arg::word("withscores", "WITHSCORES").optional(),
        ],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`ZRANGE` with the `REV` argument",
        }),
        ..READS
    },
    zrevrange,
);

fn zrevrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::of(By::Rank, true))
}

pub const ZRANGEBYSCORE: Command = Command::new(
    CommandSpec {
        name: "zrangebyscore",
        summary: "Return a range of members in a sorted set, by score",
        since: "1.0.5",
        complexity: LIMITED,
        args: &[
            Arg::key("key"),
            Arg::new("min", ArgKind::Double),
            Arg::new("max", ArgKind::Double),
            Arg::word("withscores", "WITHSCORES").since("2.0.0").optional(),
            LIMIT,
        ],
        history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`ZRANGE` with the `BYSCORE` argument",
        }),
        ..READS
    },
    zrangebyscore,
);

fn zrangebyscore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::of(By::Score, false))
}

pub const ZREVRANGEBYSCORE: Command = Command::new(
    CommandSpec {
        name: "zrevrangebyscore",
        summary: "Return a range of members in a sorted set, by score, with scores ordered \
            from high to low",
        since: "2.2.0",
        complexity: LIMITED,
        args: &[
            Arg::key("key"),
            Arg::new("max", ArgKind::Double),
            Arg::new("min", ArgKind::Double),
            Arg::word("withscores", "WITHSCORES").optional(),
            LIMIT,
        ],
        history: &[("2.1.6", "`min` and `max` can be exclusive.")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`ZRANGE` with the `REV` and `BYSCORE` arguments",
        }),
        ..READS
    },
    zrevrangebyscore,
);

fn zrevrangebyscore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::of(By::Score, true))
}

pub const ZRANGEBYLEX: Command = Command::new(
    CommandSpec {
        name: "zrangebylex",
        summary: "Return a range of members in a sorted set, by lexicographical range",
        since: "2.8.9",
        complexity: LIMITED,
        args: &[Arg::key("key"), Arg::string("min"), Arg::string("max"), LIMIT],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`ZRANGE` with the `BYLEX` argument",
        }),
        ..READS
    },
    zrangebylex,
);

fn zrangebylex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::of(By::Lex, false))
}

pub const ZREVRANGEBYLEX: Command = Command::new(
    CommandSpec {
        name: "zrevrangebylex",
        summary: "Return a range of members in a sorted set, by lexicographical range, ordered \
            from higher to lower strings.",
        since: "2.8.9",
        complexity: LIMITED,
        args: &[Arg::key("key"), Arg::string("max"), Arg::string("min"), LIMIT],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`ZRANGE` with the `REV` and `BYLEX` arguments",
        }),
        ..READS
    },
    zrevrangebylex,
);

fn zrevrangebylex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Form::of(By::Lex, true))
}
