//! Commands that store, replace and take whole strings, and set their lifetimes.

use super::compare::is_text;
use super::{new_value, write_or_null, write_value};
use crate::commands::expiry::{ExpiryOption, When};
use crate::commands::keys::Found;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{Key, Lifetime, NewStr};
use crate::resp::RawRequest;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Deprecated, Event, Flags, Group,
    KeyFlags, KeySpec, Plan,
};

const SET_EVENT: Event = Event::string("set");

pub const SET: Command = Command::new(
    CommandSpec {
        name: "set",
        summary: "Set the string value of a key",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(
            1,
            KeyFlags::RW
                .union(KeyFlags::ACCESS)
                .union(KeyFlags::UPDATE)
                .union(KeyFlags::VARIABLE_FLAGS),
        )
        .notes("RW and ACCESS due to the optional `GET` argument")],
        args: &[
            Arg::key("key"),
            Arg::string("value"),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("2.6.12")
                .optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    Arg::int("seconds").token("EX").since("2.6.12"),
                    Arg::int("milliseconds").token("PX").since("2.6.12"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT").since("6.2.0"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime)
                        .token("PXAT")
                        .since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ],
        history: &[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    set,
)
.with_keys(find_set_key);

/// The key, which is read only with GET.
fn find_set_key(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    let reads = request.args().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    let flags = match reads {
        true => KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        false => KeyFlags::OW.union(KeyFlags::UPDATE),
    };
    found.push((1, flags));
    Ok(())
}

#[inline]
fn set(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let value = new_value(args.value()?);
    if args.left() > 0 {
        return set_with_options(cx, args, &key, value);
    }
    store(cx, &key, value, Lifetime::Forever);
    Ok(Reply::Ok)
}

/// On what SET depends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Absent,
    Present,
    /// `IFEQ`, as in Valkey 8.1
    Equal(&'a [u8]),
}

fn set_with_options(
    cx: &mut Ctx<'_>,
    args: &mut Args<'_>,
    key: &Key<'_>,
    value: NewStr<'_>,
) -> CmdResult<Reply> {
    let (mut condition, mut option, mut get) = (None, ExpiryOption::default(), false);
    while let Some(token) = args.token() {
        match token.upper() {
            b"NX" => require(&mut condition, Condition::Absent)?,
            b"XX" => require(&mut condition, Condition::Present)?,
            b"IFEQ" => require(&mut condition, Condition::Equal(args.bytes()?))?,
            b"GET" => get = true,
            b"KEEPTTL" => option.choose(ExpiryOption::Keep)?,
            word if option.take(word, args)? => {}
            _ => return Err(CmdError::Syntax),
        }
    }
    let lifetime = match option.deadline(cx.now, args.command().spec.name)? {
        Some(at) => Lifetime::Until(at),
        None if option == ExpiryOption::Keep => Lifetime::Keep,
        None => Lifetime::Forever,
    };
    let mut meets = true;
    if get || matches!(condition, Some(Condition::Equal(_))) {
        let old = cx.db.string(key)?;
        if get {
            write_or_null(cx.out, old);
        }
        meets = match condition {
            None => true,
            Some(Condition::Absent) => old.is_none(),
            Some(Condition::Present) => old.is_some(),
            Some(Condition::Equal(text)) => old.is_some_and(|old| is_text(old, text)),
        };
    } else if let Some(condition) = condition {
        meets = cx.db.write(key).is_some() == (condition == Condition::Present);
    }
    if meets {
        store(cx, key, value, lifetime);
        propagate_set(cx, key, args.request().arg(2), lifetime);
    }
    Ok(match (get, meets) {
        (true, _) => Reply::Written,
        (false, true) => Reply::Ok,
        (false, false) => Reply::Nil,
    })
}

/// What replicas get of a SET that was done: the point in time it set, and none of the conditions.
fn propagate_set(cx: &mut Ctx<'_>, key: &Key<'_>, value: &[u8], lifetime: Lifetime) {
    match lifetime {
        Lifetime::Forever => cx.propagate(&[b"SET", key.bytes, value]),
        Lifetime::Keep => cx.propagate(&[b"SET", key.bytes, value, b"KEEPTTL"]),
        Lifetime::Until(at) => {
            let mut digits = itoa::Buffer::new();
            let at = digits.format(at.0).as_bytes();
            cx.propagate(&[b"SET", key.bytes, value, b"PXAT", at]);
        }
    }
}

/// Takes a condition; the same one may come twice.
fn require<'a>(condition: &mut Option<Condition<'a>>, wanted: Condition<'a>) -> CmdResult<()> {
    if condition.is_some_and(|other| other != wanted) {
        return Err(CmdError::Syntax);
    }
    *condition = Some(wanted);
    Ok(())
}

/// Stores a value and reports it.
#[inline]
fn store(cx: &mut Ctx<'_>, key: &Key<'_>, value: NewStr<'_>, lifetime: Lifetime) {
    cx.db.set_string(key, value, lifetime);
    cx.changed(key, SET_EVENT);
    if matches!(lifetime, Lifetime::Until(_)) {
        cx.changed_by(key, Event::EXPIRE, 0);
    }
}

pub const SETNX: Command = Command::new(
    CommandSpec {
        name: "setnx",
        summary: "Set the value of a key, only if the key does not exist",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::INSERT))],
        args: &[Arg::key("key"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    setnx,
);

fn setnx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let value = new_value(args.value()?);
    let absent = cx.db.write(&key).is_none();
    if absent {
        store(cx, &key, value, Lifetime::Forever);
    }
    Ok(Reply::Flag(absent))
}

pub const SETEX: Command = Command::new(
    CommandSpec {
        name: "setex",
        summary: "Set the value and expiration of a key",
        since: "2.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("seconds"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    setex,
);

fn setex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_for(When::InSeconds, cx, args)
}

pub const PSETEX: Command = Command::new(
    CommandSpec {
        name: "psetex",
        summary: "Set the value and expiration in milliseconds of a key",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("milliseconds"), Arg::string("value")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    psetex,
);

fn psetex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_for(When::InMillis, cx, args)
}

fn set_for(when: When, cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let at = when.positive(args.bytes()?, cx.now, args.command().spec.name)?;
    store(cx, &key, new_value(args.value()?), Lifetime::Until(at));
    propagate_set(cx, &key, args.request().arg(3), Lifetime::Until(at));
    Ok(Reply::Ok)
}

pub const GETSET: Command = Command::new(
    CommandSpec {
        name: "getset",
        summary: "Set the string value of a key and return its old value",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::string("value")],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`SET` with the `!GET` argument",
        }),
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getset,
);

fn getset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    write_or_null(cx.out, cx.db.string(&key)?);
    store(cx, &key, new_value(args.value()?), Lifetime::Forever);
    propagate_set(cx, &key, args.request().arg(2), Lifetime::Forever);
    Ok(Reply::Written)
}

pub const GETDEL: Command = Command::new(
    CommandSpec {
        name: "getdel",
        summary: "Get the value of a key and delete the key",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::Exact(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getdel,
);

fn getdel(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(value) = cx.db.string(&key)? else {
        return Ok(Reply::Nil);
    };
    write_value(cx.out, value);
    cx.db.remove(&key);
    cx.changed(&key, Event::DEL);
    cx.propagate(&[b"DEL", key.bytes]);
    Ok(Reply::Written)
}

pub const GETEX: Command = Command::new(
    CommandSpec {
        name: "getex",
        summary: "Get the value of a key and optionally set its expiration",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::String,
        arity: Arity::AtLeast(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))
            .notes("RW and UPDATE because it changes the TTL")],
        args: &[
            Arg::key("key"),
            Arg::one_of(
                "expiration",
                &[
                    Arg::int("seconds").token("EX"),
                    Arg::int("milliseconds").token("PX"),
                    Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT"),
                    Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT"),
                    Arg::word("persist", "PERSIST"),
                ],
            )
            .optional(),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    getex,
);

fn getex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let mut option = ExpiryOption::default();
    while let Some(token) = args.token() {
        match token.upper() {
            b"PERSIST" => option.choose(ExpiryOption::Persist)?,
            word if option.take(word, args)? => {}
            _ => return Err(CmdError::Syntax),
        }
    }
    let Some(value) = cx.db.string(&key)? else {
        return Ok(Reply::Nil);
    };
    write_value(cx.out, value);
    match option.deadline(cx.now, args.command().spec.name)? {
        Some(at) if at <= cx.now => {
            cx.db.remove(&key);
            cx.changed(&key, Event::DEL);
            cx.propagate_removal(&key);
        }
        Some(at) => {
            cx.db.set_expiry(&key, Some(at));
            cx.changed(&key, Event::EXPIRE);
            cx.propagate_expiry(&key, at);
        }
        None if option == ExpiryOption::Persist && cx.db.expiry(&key).flatten().is_some() => {
            cx.db.set_expiry(&key, None);
            cx.changed(&key, Event::generic("persist"));
            cx.propagate(&[b"PERSIST", key.bytes]);
        }
        None => {}
    }
    Ok(Reply::Written)
}

pub const MSET: Command = Command::new(
    CommandSpec {
        name: "mset",
        summary: "Set multiple keys to multiple values",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        group: Group::String,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::range(1, -1, 2, KeyFlags::OW.union(KeyFlags::UPDATE))],
        args: &[Arg::block("key_value", &[Arg::key("key"), Arg::string("value")]).multiple()],
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    mset,
);

fn mset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    check_pairs(args)?;
    store_pairs(cx, args)?;
    Ok(Reply::Ok)
}

pub const MSETNX: Command = Command::new(
    CommandSpec {
        name: "msetnx",
        summary: "Set multiple keys to multiple values, only if none of the keys exist",
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys to set.",
        group: Group::String,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::range(1, -1, 2, KeyFlags::OW.union(KeyFlags::INSERT))],
        args: &[Arg::block("key_value", &[Arg::key("key"), Arg::string("value")]).multiple()],
        tips: &["request_policy:multi_shard", "response_policy:agg_min"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    msetnx,
);

fn msetnx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    check_pairs(args)?;
    let mut pairs = *args;
    while pairs.left() > 0 {
        let key = pairs.key()?;
        pairs.bytes()?;
        if cx.db.write(&key).is_some() {
            return Ok(Reply::Flag(false));
        }
    }
    store_pairs(cx, args)?;
    Ok(Reply::Flag(true))
}

fn check_pairs(args: &Args<'_>) -> CmdResult<()> {
    if args.left().is_multiple_of(2) { Ok(()) } else { Err(args.wrong_arity()) }
}

fn store_pairs(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<()> {
    while args.left() > 0 {
        let key = args.key()?;
        store(cx, &key, new_value(args.value()?), Lifetime::Forever);
    }
    Ok(())
}
