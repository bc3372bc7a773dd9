//! XGROUP: making, changing and removing groups and their consumers.

use super::ids;
use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::keyspace::Key;
use crate::spec::{
    Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags,
    KeySpec, Plan,
};
use crate::types::{Stream, StreamId, stream};

/// What a new consumer is called to those who listen, whatever made it.
pub const CREATE_CONSUMER_EVENT: Event = Event::stream("xgroup-createconsumer");

const NO_STREAM: CmdError = CmdError::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to \
    use the MKSTREAM option to create an empty stream automatically.",
);
const BUSY: CmdError = CmdError::text("BUSYGROUP Consumer Group name already exists");
const BELOW_UNKNOWN: CmdError = CmdError::text("ERR value for ENTRIESREAD must be positive or -1");

/// The most arguments that CREATE and SETID take, whatever their options.
const CREATE_ARGS_MAX: usize = 8;
const SETID_ARGS_MAX: usize = 7;

const ID_ARG: Arg = Arg::one_of("id", &[Arg::string("id"), Arg::word("new_id", "$")]);
const ENTRIES_READ_ARG: Arg = Arg::int("entries_read").token("ENTRIESREAD").optional();
const CONSUMER_ARGS: &[Arg] =
    &[Arg::key("key"), Arg::string("groupname"), Arg::string("consumername")];

/// The error for a group that is not there, or whose stream is not.
pub fn missing(key: &Key<'_>, group: &[u8], context: &str) -> CmdError {
    let text = b"NOGROUP No such key '";
    let or = b"' or consumer group '";
    CmdError::echoing(&[text, key.bytes, or, group, b"'", context.as_bytes()])
}

/// The error for a group that a stream does not have.
pub fn unknown(key: &Key<'_>, group: &[u8]) -> CmdError {
    let text = b"NOGROUP No such consumer group '";
    CmdError::echoing(&[text, group, b"' for key name '", key.bytes, b"'"])
}

/// The error for arguments that a subcommand of `container` does not understand.
pub fn unknown_option(args: &Args<'_>, container: &str) -> CmdError {
    CmdError::unknown_form(container, args.request().arg(1))
}

/// Notes that a consumer takes something from its group, which is made if it is new; whether it is.
pub fn see(stream: &mut Stream, group: &[u8], consumer: &[u8], now: Millis) -> bool {
    let group = stream.group_mut(group).expect("the group was looked up");
    let created = group.add_consumer(consumer, now);
    let consumer = group.consumer_mut(consumer).expect("it was added if it was not there");
    (consumer.seen, consumer.active) = (now, Some(now));
    created
}

pub const XGROUP: Command = Command::new(
    CommandSpec {
        name: "xgroup",
        summary: "A container for consumer groups commands",
        since: "5.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Stream,
        arity: Arity::AtLeast(2),
        categories: Some(Categories::empty()),
        ..CommandSpec::BASE
    },
    xgroup,
);

/// Reached without a subcommand only, which arity refuses.
fn xgroup(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

/// The options of CREATE and SETID.
struct Options {
    make_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn read(args: &mut Args<'_>, creates: bool) -> CmdResult<Options> {
        let mut options = Options { make_stream: false, entries_read: None };
        while args.left() > 0 {
            if creates && args.take_word("MKSTREAM") {
                options.make_stream = true;
            } else if args.left() >= 2 && args.take_word("ENTRIESREAD") {
                let read = args.int()?;
                if read < -1 {
                    return Err(BELOW_UNKNOWN);
                }
                options.entries_read = u64::try_from(read).ok();
            } else {
                return Err(unknown_option(args, "XGROUP"));
            }
        }
        Ok(options)
    }
}

pub const XGROUP_CREATE: Command = Command::new(
    CommandSpec {
        name: "xgroup|create",
        summary: "Create a consumer group.",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: &[
            Arg::key("key"),
            Arg::string("groupname"),
            ID_ARG,
            Arg::word("mkstream", "MKSTREAM").optional(),
            ENTRIES_READ_ARG,
        ],
        history: &[("7.0.0", "Added the `entries_read` named argument.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xgroup_create,
);

fn xgroup_create(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, position) = (args.key()?, args.bytes()?, args.bytes()?);
    let Options { make_stream, entries_read } = Options::read(args, true)?;
    let stream = cx.db.view::<Stream>(&key)?;
    let is_new = stream.is_none();
    if is_new && !make_stream {
        return Err(NO_STREAM);
    }
    if args.request().len() > CREATE_ARGS_MAX {
        return Err(unknown_option(args, "XGROUP"));
    }
    let position = match position {
        b"$" => stream.map_or(StreamId::MIN, |stream| stream.ids().last),
        id => ids::read(id)?,
    };
    let mut stream = cx.db.get_or_create::<Stream>(&key)?;
    if !stream.add_group(name, stream::Group::new(position, entries_read)) {
        return Err(BUSY);
    }
    drop(stream);
    let event = Event::stream("xgroup-create");
    if is_new {
        cx.changed(&key, event);
    } else {
        cx.noted(&key, Some(event));
    }
    Ok(Reply::Ok)
}

pub const XGROUP_SETID: Command = Command::new(
    CommandSpec {
        name: "xgroup|setid",
        summary: "Set a consumer group to an arbitrary last delivered ID value.",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::string("groupname"), ID_ARG, ENTRIES_READ_ARG],
        history: &[("7.0.0", "Added the optional `entries_read` argument.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xgroup_setid,
);

fn xgroup_setid(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, position) = (args.key()?, args.bytes()?, args.bytes()?);
    let options = Options::read(args, false)?;
    let mut stream = cx.db.get_mut::<Stream>(&key)?.ok_or(NO_STREAM)?;
    if stream.group(name).is_none() {
        return Err(unknown(&key, name));
    }
    if args.request().len() > SETID_ARGS_MAX {
        return Err(unknown_option(args, "XGROUP"));
    }
    let position = match position {
        b"$" => stream.ids().last,
        id => ids::read_any(id)?,
    };
    let group = stream.group_mut(name).expect("it is there");
    (group.last_delivered, group.entries_read) = (position, options.entries_read);
    drop(stream);
    cx.noted(&key, Some(Event::stream("xgroup-setid")));
    Ok(Reply::Ok)
}

pub const XGROUP_DESTROY: Command = Command::new(
    CommandSpec {
        name: "xgroup|destroy",
        summary: "Destroy a consumer group.",
        since: "5.0.0",
        complexity: "O(N) where N is the number of entries in the group's pending entries list \
            (PEL).",
        group: Group::Stream,
        arity: Arity::Exact(4),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::string("groupname")],
        ..CommandSpec::BASE
    },
    xgroup_destroy,
);

fn xgroup_destroy(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name) = (args.key()?, args.bytes()?);
    let mut stream = cx.db.get_mut::<Stream>(&key)?.ok_or(NO_STREAM)?;
    let removed = stream.remove_group(name);
    drop(stream);
    if removed {
        cx.noted(&key, Some(Event::stream("xgroup-destroy")));
        cx.wake(&key);
    }
    Ok(Reply::Flag(removed))
}

pub const XGROUP_CREATECONSUMER: Command = Command::new(
    CommandSpec {
        name: "xgroup|createconsumer",
        summary: "Create a consumer in a consumer group.",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM),
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT))],
        args: CONSUMER_ARGS,
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xgroup_createconsumer,
);

fn xgroup_createconsumer(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, consumer) = (args.key()?, args.bytes()?, args.bytes()?);
    let now = cx.now;
    let mut stream = cx.db.get_mut::<Stream>(&key)?.ok_or(NO_STREAM)?;
    let group = stream.group_mut(name).ok_or_else(|| unknown(&key, name))?;
    let created = group.add_consumer(consumer, now);
    drop(stream);
    if created {
        cx.noted(&key, Some(CREATE_CONSUMER_EVENT));
    }
    Ok(Reply::Flag(created))
}

pub const XGROUP_DELCONSUMER: Command = Command::new(
    CommandSpec {
        name: "xgroup|delconsumer",
        summary: "Delete a consumer from a consumer group.",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(5),
        flags: Flags::WRITE,
        keys: &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: CONSUMER_ARGS,
        ..CommandSpec::BASE
    },
    xgroup_delconsumer,
);

fn xgroup_delconsumer(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, consumer) = (args.key()?, args.bytes()?, args.bytes()?);
    let mut stream = cx.db.get_mut::<Stream>(&key)?.ok_or(NO_STREAM)?;
    let group = stream.group_mut(name).ok_or_else(|| unknown(&key, name))?;
    let removed = group.remove_consumer(consumer);
    drop(stream);
    if removed.is_some() {
        cx.noted(&key, Some(Event::stream("xgroup-delconsumer")));
    }
    Ok(Reply::Int(removed.unwrap_or(0) as i64))
}

pub const XGROUP_HELP: Command = Command::new(
    CommandSpec {
        name: "xgroup|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    xgroup_help,
);

const HELP: &[&str] = &[
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
    "HELP",
    "    Prints this help.",
];

fn xgroup_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}
