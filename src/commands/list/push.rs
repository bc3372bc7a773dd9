//! Putting elements into a list.

use super::pushed;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, End, List, Needle};

/// What the four commands that push have in common.
const PUSH: CommandSpec = CommandSpec {
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is \
        called with multiple arguments.",
    group: Group::List,
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("element").multiple()],
    plan: Plan::Batch,
    ..CommandSpec::BASE
};

pub const LPUSH: Command = Command::new(
    CommandSpec {
        name: "lpush",
        summary: "Prepend one or multiple elements to a list",
        since: "1.0.0",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        ..PUSH
    },
    lpush,
);

fn lpush(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    push(cx, args, End::Front, true)
}

pub const RPUSH: Command = Command::new(
    CommandSpec {
        name: "rpush",
        summary: "Append one or multiple elements to a list",
        since: "1.0.0",
        history: &[("2.4.0", "Accepts multiple `element` arguments.")],
        ..PUSH
    },
    rpush,
);

fn rpush(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    push(cx, args, End::Back, true)
}

pub const LPUSHX: Command = Command::new(
    CommandSpec {
        name: "lpushx",
        summary: "Prepend an element to a list, only if the list exists",
        since: "2.2.0",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        ..PUSH
    },
    lpushx,
);

fn lpushx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    push(cx, args, End::Front, false)
}

pub const RPUSHX: Command = Command::new(
    CommandSpec {
        name: "rpushx",
        summary: "Append an element to a list, only if the list exists",
        since: "2.2.0",
        history: &[("4.0.0", "Accepts multiple `element` arguments.")],
        ..PUSH
    },
    rpushx,
);

fn rpushx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    push(cx, args, End::Back, false)
}

#[inline]
fn push(cx: &mut Ctx<'_>, args: &mut Args<'_>, end: End, creates: bool) -> CmdResult<Reply> {
    let key = args.key()?;
    let limits = cx.limits();
    let mut list = if creates {
        cx.db.get_or_create::<List>(&key)?
    } else {
        match cx.db.get_mut::<List>(&key)? {
            Some(list) => list,
            None => return Ok(Reply::Int(0)),
        }
    };
    let count = args.left();
    while args.left() > 0 {
        list.push(end, args.bytes()?, &limits);
    }
    let len = list.len();
    drop(list);
    cx.changed_by(&key, pushed(end), count);
    Ok(Reply::Int(len as i64))
}

pub const LINSERT: Command = Command::new(
    CommandSpec {
        name: "linsert",
        summary: "Insert an element before or after another element in a list",
        since: "2.2.0",
        complexity: "O(N) where N is the number of elements to traverse before seeing the value \
            pivot. This means that inserting somewhere on the left end on the list \
            (head) can be considered O(1) and inserting somewhere on the right end \
            (tail) is O(N).",
        group: Group::List,
        arity: Arity::Exact(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[
            Arg::key("key"),
            Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
            Arg::string("pivot"),
            Arg::string("element"),
        ],
        ..CommandSpec::BASE
    },
    linsert,
);

fn linsert(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let distance = match args.token().ok_or(CmdError::Syntax)?.upper() {
        b"BEFORE" => 0,
        b"AFTER" => 1,
        _ => return Err(CmdError::Syntax),
    };
    let (pivot, element) = (Needle::new(args.bytes()?), args.bytes()?);
    let limits = cx.limits();
    let Some(mut list) = cx.db.get_mut::<List>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let Some(index) = list.iter().position(|other| pivot.is(other)) else {
        return Ok(Reply::Int(-1));
    };
    list.insert(index + distance, element, &limits);
    let len = list.len();
    drop(list);
    cx.changed(&key, Event::list("linsert"));
    Ok(Reply::Int(len as i64))
}
