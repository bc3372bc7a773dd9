//! Changing what is in a list.

use super::{position, removed, window};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, End, List};

pub const LSET: Command = Command::new(
    CommandSpec {
        name: "lset",
        summary: "Set the value of an element in a list by its index",
        since: "1.0.0",
        complexity: "O(N) where N is the length of the list. Setting either the first or the last \
            element of the list is O(1).",
        group: Group::List,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("index"), Arg::string("element")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    lset,
);

fn lset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let limits = cx.limits();
    let mut list = cx.db.get_mut::<List>(&key)?.ok_or(CmdError::NoSuchKey)?;
    let index = position(args.int()?, list.len()).ok_or(CmdError::IndexOutOfRange)?;
    list.set(index, args.bytes()?, &limits);
    drop(list);
    cx.changed(&key, Event::list("lset"));
    Ok(Reply::Ok)
}

pub const LREM: Command = Command::new(
    CommandSpec {
        name: "lrem",
        summary: "Remove elements from a list",
        since: "1.0.0",
        complexity: "O(N+M) where N is the length of the list and M is the number of elements \
            removed.",
        group: Group::List,
        arity: Arity::Exact(4),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::int("count"), Arg::string("element")],
        ..CommandSpec::BASE
    },
    lrem,
);

fn lrem(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, count, element) = (args.key()?, args.int()?, args.bytes()?);
    let limits = cx.limits();
    let Some(mut list) = cx.db.get_mut::<List>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let end = if count < 0 { End::Back } else { End::Front };
    let count_max = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let count = list.remove_equal(element, end, count_max, &limits);
    let is_empty = list.is_empty();
    drop(list);
    if count > 0 {
        removed(cx, &key, "lrem", (count, is_empty));
    }
    Ok(Reply::Int(count as i64))
}

pub const LTRIM: Command = Command::new(
    CommandSpec {
        name: "ltrim",
        summary: "Trim a list to the specified range",
        since: "1.0.0",
        complexity: "O(N) where N is the number of elements to be removed by the operation.",
        group: Group::List,
        arity: Arity::Exact(4),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::int("start"), Arg::int("stop")],
        ..CommandSpec::BASE
    },
    ltrim,
);

fn ltrim(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, start, stop) = (args.key()?, args.int()?, args.int()?);
    let limits = cx.limits();
    let Some(mut list) = cx.db.get_mut::<List>(&key)? else {
        return Ok(Reply::Ok);
    };
    let len = list.len();
    let kept = window(start, stop, len);
    list.remove_range(kept.end..usize::MAX, &limits);
    list.remove_range(0..kept.start, &limits);
    let is_empty = list.is_empty();
    drop(list);
    // Redis tells of it even if nothing had to go.
    removed(cx, &key, "ltrim", (len - kept.len(), is_empty));
    Ok(Reply::Ok)
}
