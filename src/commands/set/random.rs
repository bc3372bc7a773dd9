//! Members by chance.

use super::write::removed;
use crate::commands::{Args, Command, Ctx, Followers, Reply, bulk_value};
use crate::keyspace::Key;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, Set};

const POPPED: Event = Event::set("spop");
const COUNT_OUT_OF_RANGE: CmdError = CmdError::text(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

pub const SPOP: Command = Command::new(
    CommandSpec {
        name: "spop",
        summary: "Remove and return one or multiple random members from a set",
        since: "1.0.0",
        complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the \
            passed count.",
        group: Group::Set,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::int("count").since("3.2.0").optional()],
        tips: &["nondeterministic_output"],
        history: &[("3.2.0", "Added the `count` argument.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    spop,
);

fn spop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    match args.left() {
        0 => {}
        1 => return pop_several(cx, &key, args),
        _ => return Err(CmdError::Syntax),
    }
    let Some(mut set) = cx.db.get_mut::<Set>(&key)? else {
        return Ok(Reply::Nil);
    };
    let member = set.pop(cx.rng).expect("a stored set is not empty");
    let is_empty = set.is_empty();
    drop(set);
    cx.out.bulk(&member);
    removed(cx, &key, POPPED, (1, is_empty));
    cx.propagate(&[b"SREM", key.bytes, &member]);
    Ok(Reply::Written)
}

fn pop_several(cx: &mut Ctx<'_>, key: &Key<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let count = args.int().ok().and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CmdError::NotPositive)?;
    let Some(mut set) = cx.db.get_mut::<Set>(key)?.filter(|_| count > 0) else {
        cx.out.set(0);
        return Ok(Reply::Written);
    };
    if count >= set.len() {
        let len = set.len();
        cx.out.set(len);
        set.iter().for_each(|member| bulk_value(cx.out, member));
        drop(set);
        cx.changed_by(key, POPPED, len);
        cx.db.remove(key);
        cx.changed_by(key, Event::DEL, 0);
        cx.propagate(&[b"DEL", key.bytes]);
        return Ok(Reply::Written);
    }
    cx.out.set(count);
    let logged = cx.followers.contains(Followers::LOGGED);
    let mut gone = Vec::new();
    for _ in 0..count {
        let member = set.pop(cx.rng).expect("more members than are wanted");
        cx.out.bulk(&member);
        gone.extend(logged.then_some(member));
    }
    drop(set);
    gone.iter().for_each(|member| cx.propagate(&[b"SREM", key.bytes, member]));
    cx.changed_by(key, POPPED, count);
    Ok(Reply::Written)
}

pub const SRANDMEMBER: Command = Command::new(
    CommandSpec {
        name: "srandmember",
        summary: "Get one or multiple random members from a set",
        since: "1.0.0",
        complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute \
            value of the passed count.",
        group: Group::Set,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::int("count").since("2.6.0").optional()],
        tips: &["nondeterministic_output"],
        history: &[("2.6.0", "Added the optional `count` argument.")],
        ..CommandSpec::BASE
    },
    srandmember,
);

fn srandmember(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    if args.left() == 0 {
        let Some(member) = cx.db.get::<Set>(&key)?.and_then(|set| set.random(cx.rng)) else {
            return Ok(Reply::Nil);
        };
        bulk_value(cx.out, member);
        return Ok(Reply::Written);
    }
    if args.left() > 1 {
        return Err(CmdError::Syntax);
    }
    let count = args.int()?;
    if count == i64::MIN {
        return Err(COUNT_OUT_OF_RANGE);
    }
    let Some(set) = cx.db.get::<Set>(&key)? else {
        return Ok(Reply::EmptyArray);
    };
    let wanted = usize::try_from(count.unsigned_abs()).map_err(|_| CmdError::OutOfRange)?;
    let out = &mut *cx.out;
    if count < 0 {
        out.array(wanted);
        for _ in 0..wanted {
            bulk_value(out, set.random(cx.rng).expect("a stored set is not empty"));
        }
    } else {
        out.array(wanted.min(set.len()));
        set.sample(wanted, cx.rng, |member| bulk_value(out, member));
    }
    Ok(Reply::Written)
}
