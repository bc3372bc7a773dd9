//! Giving keys other names, copies and databases.

use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};

const SAME_OBJECT: CmdError = CmdError::text("ERR source and destination objects are the same");

pub const RENAME: Command = Command::new(
    CommandSpec {
        name: "rename",
        summary: "Rename a key",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::WRITE,
        keys: &[
            KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
            KeySpec::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
        ],
        args: &[Arg::key("key"), Arg::new("newkey", ArgKind::Key(1))],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    rename,
);

fn rename(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (from, to) = (args.key()?, args.key()?);
    if cx.db.write(&from).is_none() {
        return Err(CmdError::NoSuchKey);
    }
    if from.bytes != to.bytes {
        rename_to(cx, &from, &to);
    }
    Ok(Reply::Ok)
}

pub const RENAMENX: Command = Command::new(
    CommandSpec {
        name: "renamenx",
        summary: "Rename a key, only if the new key does not exist",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[
            KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE)),
            KeySpec::one(2, KeyFlags::OW.union(KeyFlags::INSERT)),
        ],
        args: &[Arg::key("key"), Arg::new("newkey", ArgKind::Key(1))],
        history: &[(
            "3.2.0",
            "The command no longer returns an error when source and destination names \
            are the same.",
        )],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    renamenx,
);

fn renamenx(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (from, to) = (args.key()?, args.key()?);
    if cx.db.write(&from).is_none() {
        return Err(CmdError::NoSuchKey);
    }
    let free = !cx.db.exists(&to);
    if free {
        rename_to(cx, &from, &to);
    }
    Ok(Reply::Flag(free))
}

/// Moves what is stored under one name, with its expiry, to another.
fn rename_to(cx: &mut Ctx<'_>, from: &Key<'_>, to: &Key<'_>) {
    let entry = cx.db.take(from).expect("the caller has seen the key");
    cx.db.put(to, entry);
    cx.changed_by(from, Event::generic("rename_from"), 0);
    cx.changed(to, Event::generic("rename_to"));
}

pub const COPY: Command = Command::new(
    CommandSpec {
        name: "copy",
        summary: "Copy a key",
        since: "6.2.0",
        complexity: "O(N) worst case for collections, where N is the number of nested items. \
            O(1) for string values.",
        group: Group::Generic,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[
            KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            KeySpec::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
        ],
        args: &[
            Arg::key("source"),
            Arg::new("destination", ArgKind::Key(1)),
            Arg::int("destination-db").token("DB").optional(),
            Arg::word("replace", "REPLACE").optional(),
        ],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    copy,
);

fn copy(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (from, mut to) = (args.key()?, args.key()?);
    let (mut db, mut replace) = (cx.db.db(), false);
    while let Some(token) = args.token() {
        match token.upper() {
            b"REPLACE" => replace = true,
            b"DB" => db = database(cx, args.int32()?)?,
            _ => return Err(CmdError::Syntax),
        }
    }
    if cx.view.is_some() && db != 0 {
        return Err(CmdError::text(
            "ERR Copying to another database is not allowed in cluster mode",
        ));
    }
    if db == cx.db.db() && from.bytes == to.bytes {
        return Err(SAME_OBJECT);
    }
    cx.db.bind(db, &mut to);
    // Recorded as a use, before the copy takes over the access history.
    cx.db.read(&from);
    let Some(entry) = cx.db.copy_entry(&from, &to) else {
        return Ok(Reply::Flag(false));
    };
    if cx.db.exists(&to) && !replace {
        return Ok(Reply::Flag(false));
    }
    cx.db.put(&to, entry);
    cx.changed(&to, Event::generic("copy_to"));
    Ok(Reply::Flag(true))
}

pub const MOVE: Command = Command::new(
    CommandSpec {
        name: "move",
        summary: "Move a key to another database",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("db")],
        plan: Plan::Exclusive,
        ..CommandSpec::BASE
    },
    move_key,
);

fn move_key(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    if cx.view.is_some() {
        return Err(CmdError::text("ERR MOVE is not allowed in cluster mode"));
    }
    let db = database(cx, args.int32()?)?;
    if db == cx.db.db() {
        return Err(SAME_OBJECT);
    }
    let there = cx.db.key_in(db, key.bytes);
    if cx.db.write(&key).is_none() || cx.db.exists(&there) {
        return Ok(Reply::Flag(false));
    }
    let entry = cx.db.take(&key).expect("it was just seen");
    cx.db.put(&there, entry);
    cx.changed_by(&key, Event::generic("move_from"), 0);
    cx.changed(&there, Event::generic("move_to"));
    Ok(Reply::Flag(true))
}

/// The database of that number.
pub fn database(cx: &Ctx<'_>, number: i32) -> CmdResult<u8> {
    // A cluster has only one, but says so in words of its own.
    let known = |number: &usize| *number < cx.settings.databases as usize;
    let number = usize::try_from(number).ok().filter(known);
    number.and_then(|number| u8::try_from(number).ok()).ok_or(CmdError::DbOutOfRange)
}
