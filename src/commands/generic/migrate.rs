//! MIGRATE: keys go to another node, and are gone here exactly when they are there.
//!
//! The keys' slots stay locked from the dump to the deletion, so that nobody can change a key on
//! its way. The thread stands still meanwhile, as all of Redis does; other threads serve other
//! slots.

use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::keys::Found;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::persist::rdb::Object;
use crate::persist::rdb::dump;
use crate::resp::RawRequest;
use crate::resp::client::encode_command;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, Categories, CmdError, CmdResult, CommandSpec, Event, Find, Flags,
    Group, KeyFlags, KeySpec,
};
use crate::state::courier::{Address, Failure, Receipt};

const KEY_AND_KEYS: CmdError = CmdError::text(
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
);
/// The place of the one key that is not named by KEYS.
const KEY_INDEX: usize = 3;
/// Where the options begin.
const OPTIONS_INDEX: usize = 6;
/// The time for a step when the client gives none.
const TIMEOUT: Millis = Millis(1000);

pub const MIGRATE: Command = Command::new(
    CommandSpec {
        name: "migrate",
        summary: "Atomically transfer a key from a Redis instance to another one.",
        since: "2.6.0",
        complexity: "This command actually executes a DUMP+DEL in the source instance, and a \
            RESTORE in the target instance. See the pages of these commands for time \
            complexity. Also an O(N) data transfer between the two instances is \
            performed.",
        group: Group::Generic,
        arity: Arity::AtLeast(6),
        flags: Flags::WRITE.union(Flags::MIGRATES),
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        keys: &[
            KeySpec::one(3, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
            KeySpec {
                begin: Begin::Keyword { word: "KEYS", from: -2 },
                find: Find::Range { last_key: -1, step: 1, limit: 0 },
                flags: KeyFlags::RW
                    .union(KeyFlags::ACCESS)
                    .union(KeyFlags::DELETE)
                    .union(KeyFlags::INCOMPLETE),
                notes: "",
            },
        ],
        args: &[
            Arg::string("host"),
            Arg::int("port"),
            Arg::one_of("key_or_empty_string", &[Arg::key("key"), Arg::word("empty_string", "")]),
            Arg::int("destination-db"),
            Arg::int("timeout"),
            Arg::word("copy", "COPY").since("3.0.0").optional(),
            Arg::word("replace", "REPLACE").since("3.0.0").optional(),
            Arg::one_of(
                "authentication",
                &[
                    Arg::string("password").token("AUTH").since("4.0.7").optional(),
                    Arg::block(
                        "username_password",
                        &[Arg::string("username"), Arg::string("password")],
                    )
                    .token("AUTH2")
                    .since("6.0.0")
                    .optional(),
                ],
            )
            .optional(),
            Arg::new("key", ArgKind::Key(1)).token("KEYS").since("3.0.6").optional().multiple(),
        ],
        tips: &["nondeterministic_output"],
        history: &[
            ("3.0.0", "Added the `COPY` and `REPLACE` options."),
            ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."),
            ("6.0.0", "Added the `AUTH2` option."),
        ],
        ..CommandSpec::BASE
    },
    migrate,
)
.with_keys(find_keys);

/// The key, or those after KEYS. A password may be called like an option.
fn find_keys(request: RawRequest<'_>, found: &mut Found) -> CmdResult<()> {
    let mut index = OPTIONS_INDEX;
    let flags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
    while let Some(word) = request.get(index) {
        if word.eq_ignore_ascii_case(b"keys") && request.arg(KEY_INDEX).is_empty() {
            found.extend((index + 1..request.len()).map(|index| (index as u32, flags)));
            return Ok(());
        }
        index += 1 + values_of(word);
    }
    found.push((KEY_INDEX as u32, flags));
    Ok(())
}

/// How many values follow an option.
fn values_of(option: &[u8]) -> usize {
    match option.to_ascii_lowercase().as_slice() {
        b"auth" => 1,
        b"auth2" => 2,
        _ => 0,
    }
}

/// The options before the keys.
#[derive(Debug, Default)]
struct Options<'a> {
    copy: bool,
    replace: bool,
    auth: Option<(Option<&'a [u8]>, &'a [u8])>,
    /// Which arguments are secrets.
    secrets: Vec<usize>,
    /// The keys are what follows.
    keys: bool,
}

impl<'a> Options<'a> {
    fn read(args: &mut Args<'a>, has_key: bool) -> CmdResult<Options<'a>> {
        let mut options = Options::default();
        while let Some(token) = args.token() {
            match token.upper() {
                b"COPY" => options.copy = true,
                b"REPLACE" => options.replace = true,
                b"AUTH" => {
                    options.auth = Some((None, args.bytes()?));
                    options.secrets.push(args.latest());
                }
                b"AUTH2" => {
                    options.auth = Some((Some(args.bytes()?), args.bytes()?));
                    options.secrets.extend([args.latest() - 1, args.latest()]);
                }
                b"KEYS" if has_key => return Err(KEY_AND_KEYS),
                b"KEYS" => {
                    options.keys = true;
                    break;
                }
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(options)
    }
}

fn migrate(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (host, port) = (args.bytes()?, args.bytes()?);
    let mut only = *args;
    let (name, db, timeout) = (args.bytes()?, args.bytes()?, args.bytes()?);
    let options = Options::read(args, !name.is_empty())?;
    options.secrets.iter().for_each(|&index| cx.redact(index));
    let timeout = parse_i64(timeout).ok_or(CmdError::NotInteger)?;
    let db = parse_i64(db).ok_or(CmdError::NotInteger)?;
    let timeout = u64::try_from(timeout).ok().filter(|timeout| *timeout > 0).map(Millis);
    let mut keys = Vec::new();
    if options.keys {
        while args.left() > 0 {
            keys.push(args.key()?);
        }
    } else {
        keys.push(only.key()?);
    }
    let (keys, requests) = pack(cx, keys, options.replace);
    if keys.is_empty() {
        return Ok(Reply::Simple("NOKEY"));
    }
    let to = Address { host, port, db, auth: options.auth, timeout: timeout.unwrap_or(TIMEOUT) };
    let receipt = match cx.server.courier.get() {
        Some(courier) => courier.deliver(to, &requests),
        None => Receipt { done: Vec::new(), failure: Some(Failure::Connect) },
    };
    for (key, _) in keys.iter().zip(&receipt.done).filter(|(_, done)| **done && !options.copy) {
        if cx.db.remove(key) {
            cx.changed(key, Event::DEL);
            cx.propagate(&[b"DEL", key.bytes]);
        }
    }
    match receipt.failure {
        None => Ok(Reply::Ok),
        Some(failure) => Err(CmdError::owned(failure.to_string())),
    }
}

/// The keys that exist, and the commands that make them on the other node.
fn pack<'a>(cx: &mut Ctx<'_>, keys: Vec<Key<'a>>, replace: bool) -> (Vec<Key<'a>>, Vec<Vec<u8>>) {
    // A node that imports the slot serves nobody else before the slot is its own.
    let command: &[u8] = if cx.view.is_some() { b"RESTORE-ASKING" } else { b"RESTORE" };
    let (mut present, mut requests) = (Vec::new(), Vec::new());
    for key in keys {
        let (now, compress) = (cx.now, cx.settings.rdbcompression);
        let Some(entry) = cx.db.read(&key) else { continue };
        let ttl = entry.expiry().map_or(0, |at| at.since(now).0.max(1));
        let object = Object::of(entry);
        let (ttl, payload) = (ttl.to_string(), dump::write(object, compress));
        let words = [command, key.bytes, ttl.as_bytes(), &payload, b"REPLACE"];
        requests.push(encode_command(&words[..if replace { 5 } else { 4 }]));
        present.push(key);
    }
    (present, requests)
}

#[cfg(test)]
mod tests;
