//! Commands that change a part of a string.

use super::{check_len, new_value};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Lifetime;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};

pub const APPEND: Command = Command::new(
    CommandSpec {
        name: "append",
        summary: "Append a value to a key",
        since: "2.0.0",
        complexity: "O(1). The amortized time complexity is O(1) assuming the appended value \
            is small and the already present value is of any size, since the dynamic \
            string library used by Redis will double the free space available on \
            every reallocation.",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[Arg::key("key"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    append,
);

fn append(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let (tail, block) = args.value()?;
    let len = match cx.db.view_string(&key)?.map(|value| value.len()) {
        None => {
            cx.db.set_string(&key, new_value((tail, block)), Lifetime::Forever);
            tail.len()
        }
        Some(len) => {
            check_len(cx, len, tail.len())?;
            cx.db.append(&key, tail)?
        }
    };
    cx.changed(&key, Event::string("append"));
    Ok(Reply::Int(len as i64))
}

pub const SETRANGE: Command = Command::new(
    CommandSpec {
        name: "setrange",
        summary: "Overwrite part of a string at key starting at the specified offset",
        since: "2.2.0",
        complexity: "O(1), not counting the time taken to copy the new string in place. \
            Usually, this string is very small so the amortized complexity is O(1). \
            Otherwise, complexity is O(M) with M being the length of the value \
            argument.",
        group: Group::String,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("offset"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    setrange,
);

fn setrange(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let offset =
        usize::try_from(args.int()?).map_err(|_| CmdError::text("ERR offset is out of range"))?;
    let part = args.bytes()?;
    let len = cx.db.view_string(&key)?.map_or(0, |value| value.len());
    if part.is_empty() {
        return Ok(Reply::Int(len as i64));
    }
    check_len(cx, offset, part.len())?;
    let len = cx.db.set_range(&key, offset, part)?;
    cx.changed(&key, Event::string("setrange"));
    Ok(Reply::Int(len as i64))
}
