//! Reading and setting fields together with their lifetimes.

use super::fields::{
    BAD_NUMBER, FIELDS_ARG, Fields, HEXPIRE_EVENT, HPERSIST_EVENT, read_fields, read_time,
};
use crate::base::Millis;
use crate::commands::expiry::When;
use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::keyspace::{Expiry, Key};
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};
use crate::types::{Hash, Limits};

const RIVAL_LIFETIMES: CmdError =
    CmdError::text("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
const RIVAL_CONDITIONS: CmdError =
    CmdError::text("ERR Only one of FXX or FNX arguments can be specified");
const NO_FIELDS: CmdError = CmdError::text("ERR missing FIELDS argument");
const BAD_PAIRS: CmdError = CmdError::text("ERR invalid number of fields");

const SECONDS: Arg = Arg::int("seconds").token("EX");
const MILLISECONDS: Arg = Arg::int("milliseconds").token("PX");
const AT_SECONDS: Arg = Arg::new("unix-time-seconds", ArgKind::UnixTime).token("EXAT");
const AT_MILLISECONDS: Arg = Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("PXAT");

/// What becomes of the fields' lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    /// HGETEX leaves them alone, HSETEX ends them.
    Unsaid,
    /// `KEEPTTL`
    Keep,
    /// `PERSIST`
    Persist,
    Until(Millis),
}

impl Lifetime {
    /// Takes one of the options that name a point in time.
    fn take(args: &mut Args<'_>, now: Millis) -> CmdResult<Option<Lifetime>> {
        let Some(when) = args.peek().and_then(|token| When::named(token.upper())) else {
            return Ok(None);
        };
        args.bytes()?;
        Ok(Some(Lifetime::Until(read_time(args, when, now)?)))
    }
}

/// What stands between HSETEX' key and its fields.
struct Options {
    lifetime: Lifetime,
    /// Whether all of the fields have to exist, or none of them may.
    all_exist: Option<bool>,
}

impl Options {
    /// Reads all up to FIELDS.
    fn read(args: &mut Args<'_>, now: Millis) -> CmdResult<Options> {
        let mut options = Options { lifetime: Lifetime::Unsaid, all_exist: None };
        loop {
            let mut said = Lifetime::take(args, now)?;
            if said.is_none() {
                let token = args.token().ok_or(NO_FIELDS)?;
                match token.upper() {
                    b"FIELDS" => return Ok(options),
                    b"KEEPTTL" => said = Some(Lifetime::Keep),
                    word @ (b"FNX" | b"FXX") => {
                        if options.all_exist.replace(word == b"FXX").is_some() {
                            return Err(RIVAL_CONDITIONS);
                        }
                    }
                    _ => return Err(CmdError::echoing(&[b"ERR unknown argument: ", token.raw()])),
                }
            }
            if let Some(lifetime) = said {
                if options.lifetime != Lifetime::Unsaid {
                    return Err(RIVAL_LIFETIMES);
                }
                options.lifetime = lifetime;
            }
        }
    }
}

pub const HGETEX: Command = Command::new(
    CommandSpec {
        name: "hgetex",
        summary: "Get the values of hash fields and set or remove their expiration",
        since: "8.0.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))
            .notes("RW and UPDATE because it changes the TTL")],
        args: &[
            Arg::key("key"),
            Arg::one_of(
                "expiration",
                &[
                    SECONDS,
                    MILLISECONDS,
                    AT_SECONDS,
                    AT_MILLISECONDS,
                    Arg::word("persist", "PERSIST"),
                ],
            )
            .optional(),
            FIELDS_ARG,
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hgetex,
);

fn hgetex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    cx.db.get::<Hash>(&key)?;
    let lifetime = if args.take_word("PERSIST") {
        Lifetime::Persist
    } else {
        Lifetime::take(args, cx.now)?.unwrap_or(Lifetime::Unsaid)
    };
    let fields = read_fields(args, BAD_NUMBER)?;
    cx.propagate_nothing();
    if let Lifetime::Until(at) = lifetime
        && is_past(cx, at)
    {
        take(cx, &key, &fields)?;
        return Ok(Reply::Written);
    }
    write_values(cx.db.view::<Hash>(&key)?, &fields, cx.out);
    match lifetime {
        Lifetime::Until(at) => {
            let mut hash = cx.db.get_mut::<Hash>(&key)?;
            let is_there =
                |field: &&[u8]| hash.as_deref_mut().is_some_and(|hash| hash.contains(field));
            let found: Fields<'_> = fields.into_iter().filter(is_there).collect();
            drop(hash);
            expire(cx, &key, &found, at)?;
        }
        Lifetime::Persist => persist(cx, &key, &fields)?,
        Lifetime::Keep | Lifetime::Unsaid => {}
    }
    Ok(Reply::Written)
}

/// Whether a field that may live until then is gone: only a primary decides that, a replica waits
/// to be told.
fn is_past(cx: &Ctx<'_>, at: Millis) -> bool {
    at <= cx.now && cx.db.expiry == Expiry::Delete
}

fn write_values(hash: Option<&Hash>, fields: &[&[u8]], out: &mut Encoder) {
    out.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => bulk_value(out, value),
            None => out.null(),
        }
    }
}

/// Has fields that are there expire; those whose time is over go at once.
fn expire(cx: &mut Ctx<'_>, key: &Key<'_>, fields: &[&[u8]], at: Millis) -> CmdResult<()> {
    if fields.is_empty() {
        return Ok(());
    }
    let past = is_past(cx, at);
    if let Some(mut hash) = cx.db.get_mut::<Hash>(key)? {
        for field in fields {
            if past {
                hash.remove(field)
            } else {
                hash.set_expiry(field, Some(at))
            };
        }
    }
    if past {
        cx.changed(key, Event::hash("hdel"));
        cx.drop_empty_hash(key);
        cx.propagate_removed(key, fields);
    } else {
        cx.changed(key, HEXPIRE_EVENT);
        let at = at.0.to_string();
        cx.propagate_fields(&[b"HPEXPIREAT", key.bytes, at.as_bytes()], fields);
    }
    Ok(())
}

fn persist(cx: &mut Ctx<'_>, key: &Key<'_>, fields: &[&[u8]]) -> CmdResult<()> {
    let Some(mut hash) = cx.db.get_mut::<Hash>(key)? else { return Ok(()) };
    let expires = |field: &&&[u8]| matches!(hash.expiry(field), Some(Some(_)));
    let found: Vec<&[u8]> = fields.iter().filter(expires).copied().collect();
    for field in &found {
        hash.set_expiry(field, None);
    }
    drop(hash);
    if !found.is_empty() {
        cx.changed(key, HPERSIST_EVENT);
        cx.propagate_fields(&[b"HPERSIST", key.bytes], &found);
    }
    Ok(())
}

pub const HSETEX: Command = Command::new(
    CommandSpec {
        name: "hsetex",
        summary: "Set the values of hash fields and, optionally, their expiration",
        since: "8.0.0",
        complexity: "O(N) where N is the number of fields being set",
        group: Group::Hash,
        arity: Arity::AtLeast(6),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::one_of("condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")])
                .optional(),
            Arg::one_of(
                "expiration",
                &[
                    SECONDS,
                    MILLISECONDS,
                    AT_SECONDS,
                    AT_MILLISECONDS,
                    Arg::word("keepttl", "KEEPTTL"),
                ],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::int("numfields"),
                    Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
                ],
            )
            .token("FIELDS"),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hsetex,
);

fn hsetex(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let options = Options::read(args, cx.now)?;
    let pairs = read_pairs(args)?;
    let limits = cx.limits();
    let hash = cx.db.get::<Hash>(&key)?;
    let exists = |field: &[u8]| hash.is_some_and(|hash| hash.contains(field));
    if let Some(wanted) = options.all_exist
        && pairs.chunks_exact(2).any(|pair| exists(pair[0]) != wanted)
    {
        return Ok(Reply::Flag(false));
    }
    let keep = options.lifetime == Lifetime::Keep;
    set_pairs(&mut *cx.db.get_or_create::<Hash>(&key)?, &pairs, keep, &limits);
    cx.changed(&key, Event::hash("hset"));
    let Lifetime::Until(at) = options.lifetime else { return Ok(Reply::Flag(true)) };
    let mut words: Vec<&[u8]> = vec![b"HSET", key.bytes];
    words.extend(&pairs);
    cx.propagate(&words);
    let fields: Fields<'_> = pairs.chunks_exact(2).map(|pair| pair[0]).collect();
    expire(cx, &key, &fields, at)?;
    Ok(Reply::Flag(true))
}

/// Reads `numfields` and all that follows.
fn read_pairs<'a>(args: &mut Args<'a>) -> CmdResult<Fields<'a>> {
    if args.left() == 0 {
        return Err(args.wrong_arity());
    }
    let count = args.int().ok().filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    if count.ok_or(BAD_PAIRS)? * 2 != args.left() as i64 {
        return Err(args.wrong_arity());
    }
    (0..args.left()).map(|_| args.bytes()).collect()
}

fn set_pairs(hash: &mut Hash, pairs: &[&[u8]], keep_lifetimes: bool, limits: &Limits) {
    for pair in pairs.chunks_exact(2) {
        let (field, value) = (pair[0], pair[1]);
        if keep_lifetimes {
            hash.update(field, value, limits);
        } else {
            hash.insert(field, value, limits);
        }
    }
}

pub const HGETDEL: Command = Command::new(
    CommandSpec {
        name: "hgetdel",
        summary: "Get the values of hash fields and delete the fields",
        since: "8.0.0",
        complexity: "O(N) where N is the number of specified fields",
        group: Group::Hash,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), FIELDS_ARG],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    hgetdel,
);

fn hgetdel(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    cx.db.get::<Hash>(&key)?;
    let fields = read_fields(args, BAD_NUMBER)?;
    cx.propagate_nothing();
    take(cx, &key, &fields)?;
    Ok(Reply::Written)
}

/// Answers with the fields' values, and removes them one after the other: one that is named twice
/// is gone the second time.
fn take(cx: &mut Ctx<'_>, key: &Key<'_>, fields: &[&[u8]]) -> CmdResult<()> {
    let Some(mut hash) = cx.db.get_mut::<Hash>(key)? else {
        write_values(None, fields, cx.out);
        return Ok(());
    };
    let mut removed = Fields::new();
    cx.out.array(fields.len());
    for &field in fields {
        match hash.get(field) {
            Some(value) => bulk_value(cx.out, value),
            None => {
                cx.out.null();
                continue;
            }
        }
        hash.remove(field);
        removed.push(field);
    }
    drop(hash);
    if !removed.is_empty() {
        cx.changed(key, Event::hash("hdel"));
        cx.drop_empty_hash(key);
        cx.propagate_removed(key, &removed);
    }
    Ok(())
}
