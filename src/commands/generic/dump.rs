//! Keys as payloads, for taking them elsewhere.

use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{Clock, Expiry, Recording};
use crate::persist::rdb::Object;
use crate::persist::rdb::dump::{self, DumpError};
use crate::spec::{
    Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags,
    KeySpec,
};
use crate::state::conditions::Condition;

const BAD_FOOTER: CmdError = CmdError::text("ERR DUMP payload version or checksum are wrong");
const BAD_VALUE: CmdError = CmdError::text("ERR Bad data format");
const BAD_TTL: CmdError = CmdError::text("ERR Invalid TTL value, must be >= 0");
const BAD_IDLE_TIME: CmdError = CmdError::text("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: CmdError = CmdError::text("ERR Invalid FREQ value, must be >= 0 and <= 255");

pub const DUMP: Command = Command::new(
    CommandSpec {
        name: "dump",
        summary: "Return a serialized version of the value stored at the specified key.",
        since: "2.6.0",
        complexity: "O(1) to access the key and additional O(N*M) to serialize it, where N is \
            the number of Redis objects composing the value and M their average \
            size. For small string values the time complexity is thus O(1)+O(1*M) \
            where M is small, so simply O(1).",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    dump,
);

fn dump(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(entry) = cx.db.read(&key) else {
        return Ok(Reply::Nil);
    };
    let object = Object::of(entry);
    cx.out.bulk(&dump::write(object, cx.settings.rdbcompression));
    Ok(Reply::Written)
}

/// The options after the payload.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    history: Option<History>,
}

#[derive(Clone, Copy, Debug)]
enum History {
    IdleSecs(u64),
    Frequency(u8),
}

impl Options {
    fn read(args: &mut Args<'_>) -> CmdResult<Options> {
        let mut options = Options::default();
        while let Some(token) = args.token() {
            match (token.upper(), options.history) {
                (b"REPLACE", _) => options.replace = true,
                (b"ABSTTL", _) => options.absolute = true,
                (b"IDLETIME", None | Some(History::IdleSecs(_))) => {
                    let seconds = u64::try_from(args.int()?).map_err(|_| BAD_IDLE_TIME)?;
                    options.history = Some(History::IdleSecs(seconds));
                }
                (b"FREQ", None | Some(History::Frequency(_))) => {
                    let counter = u8::try_from(args.int()?).map_err(|_| BAD_FREQUENCY)?;
                    options.history = Some(History::Frequency(counter));
                }
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(options)
    }
}

impl History {
    /// The entry's access history, if this is what the clock records.
    fn recorded(self, clock: &Clock) -> Option<u32> {
        match (self, clock.recording()) {
            (History::IdleSecs(seconds), Recording::LastUse) => Some(clock.from_idle(seconds)),
            (History::Frequency(counter), Recording::Frequency { .. }) => {
                Some(clock.from_frequency(counter))
            }
            _ => None,
        }
    }
}

pub const RESTORE: Command = Command::new(
    CommandSpec {
        name: "restore",
        summary: "Create a key using the provided serialized value, previously obtained \
            using DUMP.",
        since: "2.6.0",
        complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the \
            serialized value, where N is the number of Redis objects composing the \
            value and M their average size. For small string values the time \
            complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However \
            for sorted set values the complexity is O(N*M*log(N)) because inserting \
            values into sorted sets is O(log(N)).",
        group: Group::Generic,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::int("ttl"),
            Arg::string("serialized-value"),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Arg::int("seconds").token("IDLETIME").since("5.0.0").optional(),
            Arg::int("frequency").token("FREQ").since("5.0.0").optional(),
        ],
        history: &[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ],
        ..CommandSpec::BASE
    },
    restore,
);

pub const RESTORE_ASKING: Command = Command::new(
    CommandSpec {
        name: "restore-asking",
        summary: "An internal command for migrating keys in a cluster",
        since: "3.0.0",
        complexity: "O(1) to create the new key and additional O(N*M) to reconstruct the \
            serialized value, where N is the number of Redis objects composing the \
            value and M their average size. For small string values the time \
            complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However \
            for sorted set values the complexity is O(N*M*log(N)) because inserting \
            values into sorted sets is O(log(N)).",
        group: Group::Server,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::ASKING).union(Flags::SYSTEM),
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        keys: &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::int("ttl"),
            Arg::string("serialized-value"),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Arg::int("seconds").token("IDLETIME").since("5.0.0").optional(),
            Arg::int("frequency").token("FREQ").since("5.0.0").optional(),
        ],
        history: &[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ],
        ..CommandSpec::BASE
    },
    restore,
);

fn restore(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, ttl, payload) = (args.key()?, args.bytes()?, args.bytes()?);
    let options = Options::read(args)?;
    if !options.replace && cx.db.write(&key).is_some() {
        return Err(CmdError::BusyKey);
    }
    let ttl = parse_i64(ttl).ok_or(CmdError::NotInteger)?;
    let ttl = u64::try_from(ttl).map_err(|_| BAD_TTL)?;
    let believed = cx.server.conditions.load().contains(Condition::CHECKSUMS_SKIPPED);
    let read = if believed { dump::read_unchecked } else { dump::read };
    let loaded = read(payload, &cx.limits()).map_err(|error| match error {
        DumpError::Footer => BAD_FOOTER,
        DumpError::Value(_) => BAD_VALUE,
    })?;
    let expiry = (ttl > 0).then(|| deadline(ttl, options.absolute, cx.now));
    if expiry.is_some_and(|at| at <= cx.now) && cx.db.expiry == Expiry::Delete {
        if cx.db.remove(&key) {
            cx.changed(&key, Event::DEL);
            cx.propagate(&[b"DEL", key.bytes]);
        }
        return Ok(Reply::Ok);
    }
    let clock = cx.db.clock;
    let history = options.history.and_then(|history| history.recorded(&clock));
    let lru = history.unwrap_or_else(|| clock.fresh());
    cx.db.put(&key, loaded.into_entry(key.bytes, expiry, lru));
    cx.changed(&key, Event::generic("restore"));
    let mut digits = itoa::Buffer::new();
    let ttl = digits.format(expiry.map_or(0, |at| at.0)).as_bytes();
    cx.propagate(&[b"RESTORE", key.bytes, ttl, payload, b"REPLACE", b"ABSTTL"]);
    Ok(Reply::Ok)
}

/// When a restored key goes. Beyond what a signed 64-bit number can say it is gone already, as in
/// Redis.
fn deadline(ttl: u64, absolute: bool, now: Millis) -> Millis {
    if absolute {
        return Millis(ttl);
    }
    let at = ttl.saturating_add(now.0);
    Millis(if i64::try_from(at).is_ok() { at } else { 0 })
}
