//! Adding, removing and moving members.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};
use crate::types::{Collection, Kind, Set};

const ADDED: Event = Event::set("sadd");
const REMOVED: Event = Event::set("srem");

pub const SADD: Command = Command::new(
    CommandSpec {
        name: "sadd",
        summary: "Add one or more members to a set",
        since: "1.0.0",
        complexity: "O(1) for each element added, so O(N) to add N elements when the command is \
            called with multiple arguments.",
        group: Group::Set,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        history: &[("2.4.0", "Accepts multiple `member` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    sadd,
);

fn sadd(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let limits = cx.limits();
    let mut set = cx.db.get_or_create::<Set>(&key)?;
    let mut added = 0;
    while args.left() > 0 {
        added += usize::from(set.insert(args.bytes()?, &limits));
    }
    drop(set);
    if added > 0 {
        cx.changed_by(&key, ADDED, added);
    }
    Ok(Reply::Int(added as i64))
}

pub const SREM: Command = Command::new(
    CommandSpec {
        name: "srem",
        summary: "Remove one or more members from a set",
        since: "1.0.0",
        complexity: "O(N) where N is the number of members to be removed.",
        group: Group::Set,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::string("member").multiple()],
        history: &[("2.4.0", "Accepts multiple `member` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    srem,
);

fn srem(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(mut set) = cx.db.get_mut::<Set>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let mut count = 0;
    while args.left() > 0 {
        count += usize::from(set.remove(args.bytes()?));
    }
    let is_empty = set.is_empty();
    drop(set);
    if count > 0 {
        removed(cx, &key, REMOVED, (count, is_empty));
    }
    Ok(Reply::Int(count as i64))
}

/// Reports that so many members were removed, and deletes a set without any.
#[inline]
pub(super) fn removed(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    event: Event,
    (count, is_empty): (usize, bool),
) {
    cx.changed_by(key, event, count);
    if is_empty {
        cx.db.remove_if_empty(key);
        cx.changed_by(key, Event::DEL, 0);
    }
}

pub const SMOVE: Command = Command::new(
    CommandSpec {
        name: "smove",
        summary: "Move a member from one set to another",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Set,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[
            KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
            KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
        ],
        args: &[
            Arg::key("source"),
            Arg::new("destination", ArgKind::Key(1)),
            Arg::string("member"),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    smove,
);

fn smove(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (source, destination, member) = (args.key()?, args.key()?, args.bytes()?);
    let limits = cx.limits();
    let there = cx.db.kind(&destination);
    let Some(mut set) = cx.db.get_mut::<Set>(&source)? else {
        return Ok(Reply::Int(0));
    };
    if there.is_some_and(|kind| kind != Kind::Set) {
        return Err(CmdError::WrongType);
    }
    if source.bytes == destination.bytes {
        return Ok(Reply::Flag(set.contains(member)));
    }
    if !set.remove(member) {
        return Ok(Reply::Int(0));
    }
    let is_empty = set.is_empty();
    drop(set);
    removed(cx, &source, REMOVED, (1, is_empty));
    let added = cx.db.get_or_create::<Set>(&destination)?.insert(member, &limits);
    if added {
        cx.changed(&destination, ADDED);
    }
    Ok(Reply::Int(1))
}
