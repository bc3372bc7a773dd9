//! Letting fields expire, and keeping them from it.

use super::fields::{
    BAD_COUNT, BAD_NUMBER, FIELDS_ARG, HEXPIRE_EVENT, HPERSIST_EVENT, read_fields, read_time,
};
use crate::base::Millis;
use crate::commands::expiry::When;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Expiry;
use crate::spec::{
    Arg, ArgKind, Arity, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::Hash;

/// What is answered for each field.
const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const NOT_MET: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

const WRITES: Flags = Flags::WRITE.union(Flags::FAST);
const UPDATES: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];

const CONDITION_ARG: Arg = Arg::one_of(
    "condition",
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")],
)
.optional();

/// What the declarations of HEXPIRE and its kin share.
const SETS_EXPIRY: CommandSpec = CommandSpec {
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields",
    group: Group::Hash,
    arity: Arity::AtLeast(6),
    flags: WRITES,
    keys: UPDATES,
    plan: Plan::Batch,
    ..CommandSpec::BASE
};

pub const HEXPIRE: Command = Command::new(
    CommandSpec {
        name: "hexpire",
        summary: "Set the time to live of hash fields in seconds",
        args: &[Arg::key("key"), Arg::int("seconds"), CONDITION_ARG, FIELDS_ARG],
        ..SETS_EXPIRY
    },
    hexpire,
);

fn hexpire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::InSeconds)
}

pub const HPEXPIRE: Command = Command::new(
    CommandSpec {
        name: "hpexpire",
        summary: "Set the time to live of hash fields in milliseconds",
        args: &[Arg::key("key"), Arg::int("milliseconds"), CONDITION_ARG, FIELDS_ARG],
        ..SETS_EXPIRY
    },
    hpexpire,
);

fn hpexpire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::InMillis)
}

pub const HEXPIREAT: Command = Command::new(
    CommandSpec {
        name: "hexpireat",
        summary: "Set the expiration of hash fields as a UNIX timestamp",
        args: &[
            Arg::key("key"),
            Arg::new("unix-time-seconds", ArgKind::UnixTime),
            CONDITION_ARG,
            FIELDS_ARG,
        ],
        ..SETS_EXPIRY
    },
    hexpireat,
);

fn hexpireat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::AtSeconds)
}

pub const HPEXPIREAT: Command = Command::new(
    CommandSpec {
        name: "hpexpireat",
        summary: "Set the expiration of hash fields as a UNIX timestamp in milliseconds",
        args: &[
            Arg::key("key"),
            Arg::new("unix-time-milliseconds", ArgKind::UnixTime),
            CONDITION_ARG,
            FIELDS_ARG,
        ],
        ..SETS_EXPIRY
    },
    hpexpireat,
);

fn hpexpireat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::AtMillis)
}

/// On what the new expiry of a field depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    NoExpiry,
    HasExpiry,
    Later,
    Earlier,
}

impl Condition {
    fn read(args: &mut Args<'_>) -> Condition {
        let words = [
            ("NX", Condition::NoExpiry),
            ("XX", Condition::HasExpiry),
            ("GT", Condition::Later),
            ("LT", Condition::Earlier),
        ];
        let given = words.into_iter().find(|(word, _)| args.take_word(word));
        given.map_or(Condition::None, |(_, condition)| condition)
    }

    /// A field that does not expire lives longer than any other.
    fn allows(self, old: Option<Millis>, new: Millis) -> bool {
        match self {
            Condition::None => true,
            Condition::NoExpiry => old.is_none(),
            Condition::HasExpiry => old.is_some(),
            Condition::Later => old.is_some_and(|old| new > old),
            Condition::Earlier => old.is_none_or(|old| new < old),
        }
    }
}

fn set_expiry(cx: &mut Ctx<'_>, args: &mut Args<'_>, when: When) -> CmdResult<Reply> {
    let key = args.key()?;
    cx.db.view::<Hash>(&key)?;
    let at = read_time(args, when, cx.now)?;
    let condition = Condition::read(args);
    let fields = read_fields(args, BAD_COUNT)?;
    // Only a primary decides that a field is gone; a replica waits to be told.
    let past = at <= cx.now && cx.db.expiry == Expiry::Delete;
    cx.out.array(fields.len());
    let Some(mut hash) = cx.db.get_mut::<Hash>(&key)? else {
        fields.iter().for_each(|_| cx.out.int(NO_FIELD));
        return Ok(Reply::Written);
    };
    let mut done = Vec::new();
    for field in fields {
        cx.out.int(match hash.expiry(field) {
            None => NO_FIELD,
            Some(old) if !condition.allows(old, at) => NOT_MET,
            Some(_) => {
                done.push(field);
                if past {
                    hash.remove(field)
                } else {
                    hash.set_expiry(field, Some(at))
                };
                if past { DELETED } else { DONE }
            }
        });
    }
    drop(hash);
    cx.propagate_nothing();
    if done.is_empty() {
        return Ok(Reply::Written);
    }
    if past {
        cx.changed(&key, Event::hash("hdel"));
        cx.drop_empty_hash(&key);
        cx.propagate_removed(&key, &done);
    } else {
        cx.changed(&key, HEXPIRE_EVENT);
        let at = at.0.to_string();
        cx.propagate_fields(&[b"HPEXPIREAT", key.bytes, at.as_bytes()], &done);
    }
    Ok(Reply::Written)
}

pub const HPERSIST: Command = Command::new(
    CommandSpec {
        name: "hpersist",
        summary: "Remove the expiration of hash fields",
        since: "7.4.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: WRITES,
        keys: UPDATES,
        args: &[Arg::key("key"), FIELDS_ARG],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hpersist,
);

fn hpersist(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    cx.db.view::<Hash>(&key)?;
    let fields = read_fields(args, BAD_NUMBER)?;
    cx.out.array(fields.len());
    let Some(mut hash) = cx.db.get_mut::<Hash>(&key)? else {
        fields.iter().for_each(|_| cx.out.int(NO_FIELD));
        return Ok(Reply::Written);
    };
    let mut changed = false;
    for field in fields {
        cx.out.int(match hash.expiry(field) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(_)) => {
                changed |= hash.set_expiry(field, None);
                DONE
            }
        });
    }
    drop(hash);
    if changed {
        cx.changed(&key, HPERSIST_EVENT);
    }
    Ok(Reply::Written)
}
