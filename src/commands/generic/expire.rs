//! Setting and removing the time at which a key goes.

use crate::base::Millis;
use crate::commands::expiry::When;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Expiry;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};

/// Under which conditions a key's expiry is replaced.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn read(args: &mut Args<'_>) -> CmdResult<Conditions> {
        let mut said = Conditions::default();
        while let Some(token) = args.token() {
            match token.upper() {
                b"NX" => said.nx = true,
                b"XX" => said.xx = true,
                b"GT" => said.gt = true,
                b"LT" => said.lt = true,
                _ => {
                    return Err(CmdError::echoing(&[b"ERR Unsupported option ", token.raw()]));
                }
            }
        }
        if said.nx && (said.xx || said.gt || said.lt) {
            return Err(CmdError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if said.gt && said.lt {
            return Err(CmdError::text(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(said)
    }

    /// Whether `new` may replace `old`; a key without expiry counts as living for ever.
    fn allow(self, old: Option<Millis>, new: Millis) -> bool {
        let later = old.is_some_and(|old| new > old);
        let sooner = old.is_none_or(|old| new < old);
        !(self.nx && old.is_some()
            || self.xx && old.is_none()
            || self.gt && !later
            || self.lt && !sooner)
    }
}

pub const EXPIRE: Command = Command::new(
    CommandSpec {
        name: "expire",
        summary: "Set a key's time to live in seconds",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::int("seconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    expire,
);

fn expire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::InSeconds)
}

pub const PEXPIRE: Command = Command::new(
    CommandSpec {
        name: "pexpire",
        summary: "Set a key's time to live in milliseconds",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::int("milliseconds"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    pexpire,
);

fn pexpire(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::InMillis)
}

pub const EXPIREAT: Command = Command::new(
    CommandSpec {
        name: "expireat",
        summary: "Set the expiration for a key as a UNIX timestamp",
        since: "1.2.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::new("unix-time-seconds", ArgKind::UnixTime),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    expireat,
);

fn expireat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::AtSeconds)
}

pub const PEXPIREAT: Command = Command::new(
    CommandSpec {
        name: "pexpireat",
        summary: "Set the expiration for a key as a UNIX timestamp specified in \
            milliseconds",
        since: "2.6.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::new("unix-time-milliseconds", ArgKind::UnixTime),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::word("gt", "GT"),
                    Arg::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    pexpireat,
);

fn pexpireat(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    set_expiry(cx, args, When::AtMillis)
}

fn set_expiry(cx: &mut Ctx<'_>, args: &mut Args<'_>, when: When) -> CmdResult<Reply> {
    let (key, amount) = (args.key()?, args.bytes()?);
    let conditions = Conditions::read(args)?;
    let at = when.any(amount, cx.now, args.command().spec.name)?;
    let allowed = cx.db.write(&key).is_some_and(|entry| conditions.allow(entry.expiry(), at));
    if !allowed {
        return Ok(Reply::Flag(false));
    }
    // Only a primary decides that a key is gone; a replica waits to be told.
    if at <= cx.now && cx.db.expiry == Expiry::Delete {
        cx.db.remove(&key);
        cx.changed(&key, Event::DEL);
        cx.propagate_removal(&key);
    } else {
        cx.db.set_expiry(&key, Some(at));
        cx.changed(&key, Event::EXPIRE);
        cx.propagate_expiry(&key, at);
    }
    Ok(Reply::Flag(true))
}

pub const PERSIST: Command = Command::new(
    CommandSpec {
        name: "persist",
        summary: "Remove the expiration from a key",
        since: "2.2.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    persist,
);

fn persist(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let expires = cx.db.write(&key).is_some_and(|entry| entry.expiry().is_some());
    if expires {
        cx.db.set_expiry(&key, None);
        cx.changed(&key, Event::generic("persist"));
    }
    Ok(Reply::Flag(expires))
}
