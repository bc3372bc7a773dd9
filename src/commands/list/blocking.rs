//! The commands that wait until there is an element to take.

use smallvec::SmallVec;

use super::pop::{TAKEN, Wanted, counted_keys, pop_one};
use super::shift::{DESTINATION, FROM, MOVE, SOURCE, Shift, TO};
use super::{ENDS, pop_name};
use crate::commands::{Args, Blocking, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, CmdResult, CommandSpec, Deprecated, Flags, Group, KeySpec, Plan,
};
use crate::types::{End, Kind};

const TIMEOUT: Arg = Arg::new("timeout", ArgKind::Double);
const TIMEOUT_HISTORY: &[(&str, &str)] =
    &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];

/// What BLPOP and BRPOP have in common.
const POP: CommandSpec = CommandSpec {
    since: "2.0.0",
    complexity: "O(N) where N is the number of provided keys.",
    group: Group::List,
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.union(Flags::NO_SCRIPT).union(Flags::BLOCKING),
    keys: &[KeySpec::range(1, -2, 1, TAKEN)],
    args: &[Arg::key("key").multiple(), TIMEOUT],
    history: TIMEOUT_HISTORY,
    ..CommandSpec::BASE
};

pub const BLPOP: Command = Command::new(
    CommandSpec {
        name: "blpop",
        summary: "Remove and get the first element in a list, or block until one is available",
        ..POP
    },
    blpop,
);

fn blpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, End::Front)
}

pub const BRPOP: Command = Command::new(
    CommandSpec {
        name: "brpop",
        summary: "Remove and get the last element in a list, or block until one is available",
        ..POP
    },
    brpop,
);

fn brpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, End::Back)
}

fn pop(cx: &mut Ctx<'_>, args: &mut Args<'_>, end: End) -> CmdResult<Reply> {
    let keys = (1..args.left()).map(|_| args.key()).collect::<CmdResult<SmallVec<[Key<'_>; 4]>>>();
    let (keys, deadline) = (keys?, args.deadline(cx.now)?);
    for key in &keys {
        if cx.skips(key) {
            continue;
        }
        // Forgotten again if there is nothing to go with it.
        let mark = cx.out.mark();
        cx.out.array(2);
        cx.out.bulk(key.bytes);
        if pop_one(cx, key, end)? {
            cx.propagate(&[pop_name(end), key.bytes]);
            return Ok(Reply::Written);
        }
        cx.out.rewind(mark);
    }
    cx.block(Blocking::on(Kind::List, &keys, deadline, Reply::NilArray))
}

pub const BLMPOP: Command = Command::new(
    CommandSpec {
        name: "blmpop",
        summary: "Pop elements from a list, or block until one is available",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of \
            elements returned.",
        group: Group::List,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::BLOCKING),
        keys: &[counted_keys(2)],
        args: &[
            TIMEOUT,
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", ENDS),
            Arg::int("count").token("COUNT").optional(),
        ],
        ..CommandSpec::BASE
    },
    blmpop,
);

fn blmpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    // The timeout comes first and is judged last.
    let mut timeout = *args;
    args.bytes()?;
    let wanted = Wanted::read(args)?;
    let deadline = timeout.deadline(cx.now)?;
    if wanted.pop(cx)? {
        return Ok(Reply::Written);
    }
    cx.block(Blocking::on(Kind::List, &wanted.keys, deadline, Reply::NilArray))
}

pub const BLMOVE: Command = Command::new(
    CommandSpec {
        name: "blmove",
        summary: "Pop an element from a list, push it to another list and return it; or block \
            until one is available",
        since: "6.2.0",
        arity: Arity::Exact(6),
        args: &[SOURCE, DESTINATION, FROM, TO, TIMEOUT],
        ..WAITING_MOVE
    },
    blmove,
);

/// What BLMOVE and BRPOPLPUSH have in common.
const WAITING_MOVE: CommandSpec = CommandSpec {
    flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::NO_SCRIPT).union(Flags::BLOCKING),
    plan: Plan::Alone,
    ..MOVE
};

fn blmove(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let shift = Shift::between_ends(args)?;
    let moved = move_or_wait(cx, args, &shift)?;
    if moved == Reply::Written {
        let Shift { source, destination, from, to } = &shift;
        let (from, to) = (end_word(*from), end_word(*to));
        cx.propagate(&[b"LMOVE", source.bytes, destination.bytes, from, to]);
    }
    Ok(moved)
}

pub const BRPOPLPUSH: Command = Command::new(
    CommandSpec {
        name: "brpoplpush",
        summary: "Pop an element from a list, push it to another list and return it; or block \
            until one is available",
        since: "2.2.0",
        arity: Arity::Exact(4),
        args: &[SOURCE, DESTINATION, TIMEOUT],
        history: TIMEOUT_HISTORY,
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
        }),
        ..WAITING_MOVE
    },
    brpoplpush,
);

fn brpoplpush(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let shift = Shift::from_back_to_front(args)?;
    let moved = move_or_wait(cx, args, &shift)?;
    if moved == Reply::Written {
        cx.propagate(&[b"RPOPLPUSH", shift.source.bytes, shift.destination.bytes]);
    }
    Ok(moved)
}

fn move_or_wait(cx: &mut Ctx<'_>, args: &mut Args<'_>, shift: &Shift<'_>) -> CmdResult<Reply> {
    let deadline = args.deadline(cx.now)?;
    if shift.run(cx)? {
        return Ok(Reply::Written);
    }
    // Whoever waited in vain is told so by an array, who may not wait is not.
    let otherwise = if cx.may_block { Reply::NilArray } else { Reply::Nil };
    cx.block(Blocking::on(Kind::List, &[shift.source], deadline, otherwise))
}

const fn end_word(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LEFT",
        End::Back => b"RIGHT",
    }
}
