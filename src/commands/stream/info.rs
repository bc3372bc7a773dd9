//! XINFO: what there is to know of a stream, its groups and their consumers.

use super::group::{unknown, unknown_option};
use super::reply::{write_entries, write_entry, write_id};
use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::resp::Encoder;
use crate::spec::{
    Arg, Arity, Categories, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::stream::{self, Consumer};
use crate::types::{Collection, Stream, StreamId};

/// Entries of each list in FULL unless COUNT says otherwise.
const FULL_COUNT: usize = 10;

pub const XINFO: Command = Command::new(
    CommandSpec {
        name: "xinfo",
        summary: "A container for stream introspection commands",
        since: "5.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Stream,
        arity: Arity::AtLeast(2),
        categories: Some(Categories::empty()),
        ..CommandSpec::BASE
    },
    xinfo,
);

/// Reached without a subcommand only, which arity refuses.
fn xinfo(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const XINFO_STREAM: Command = Command::new(
    CommandSpec {
        name: "xinfo|stream",
        summary: "Get information about a stream",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::block("full", &[Arg::int("count").token("COUNT").optional()])
                .token("FULL")
                .optional(),
        ],
        history: &[
            ("6.0.0", "Added the `FULL` modifier."),
            (
                "7.0.0",
                "Added the `max-deleted-entry-id`, `entries-added`, \
            `recorded-first-entry-id`, `entries-read` and `lag` fields",
            ),
        ],
        ..CommandSpec::BASE
    },
    xinfo_stream,
);

fn xinfo_stream(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let stream = cx.db.get::<Stream>(&key)?.ok_or(CmdError::NoSuchKey)?;
    match args.left() {
        0 => describe(stream, cx.out),
        1 | 3 if args.take_word("FULL") => {
            let mut count = FULL_COUNT;
            if args.left() > 0 {
                if !args.take_word("COUNT") {
                    return Err(unknown_option(args, "XINFO"));
                }
                count = match args.int()? {
                    0 => usize::MAX,
                    wanted => usize::try_from(wanted).unwrap_or(FULL_COUNT),
                };
            }
            describe_in_full(stream, count, cx.out);
        }
        _ => return Err(unknown_option(args, "XINFO")),
    }
    Ok(Reply::Written)
}

/// Begins a reply of `more` pairs after those that every description of a stream begins with.
fn begin(stream: &Stream, more: usize, out: &mut Encoder) {
    let ids = stream.ids();
    let nodes = stream.nodes().len() as i64;
    out.map(7 + more);
    number(out, "length", stream.len() as i64);
    number(out, "radix-tree-keys", nodes);
    number(out, "radix-tree-nodes", nodes + 1);
    name(out, "last-generated-id");
    write_id(out, ids.last);
    name(out, "max-deleted-entry-id");
    write_id(out, ids.max_deleted);
    number(out, "entries-added", ids.entries_added as i64);
    name(out, "recorded-first-entry-id");
    write_id(out, ids.first);
}

fn describe(stream: &Stream, out: &mut Encoder) {
    begin(stream, 3, out);
    number(out, "groups", stream.groups().len() as i64);
    let first = stream.range(StreamId::MIN, StreamId::MAX).next();
    for (label, entry) in [("first-entry", first), ("last-entry", stream.last())] {
        name(out, label);
        match entry {
            Some(entry) => write_entry(out, &entry),
            None => out.null(),
        }
    }
}

fn describe_in_full(stream: &Stream, count: usize, out: &mut Encoder) {
    begin(stream, 2, out);
    name(out, "entries");
    write_entries(out, stream.range(StreamId::MIN, StreamId::MAX).take(count));
    name(out, "groups");
    out.array(stream.groups().len());
    for (label, group) in stream.groups() {
        out.map(7);
        name(out, "name");
        out.bulk(label);
        name(out, "last-delivered-id");
        write_id(out, group.last_delivered);
        number_or_null(out, "entries-read", group.entries_read.map(|read| read as i64));
        number_or_null(out, "lag", stream.lag(group));
        number(out, "pel-count", group.pending_len() as i64);
        name(out, "pending");
        out.array(group.pending_len().min(count));
        for pending in group.pending_in(StreamId::MIN..=StreamId::MAX).take(count) {
            out.array(4);
            write_id(out, pending.id);
            out.bulk(pending.consumer);
            out.int(pending.delivery.at.0 as i64);
            out.int(pending.delivery.count as i64);
        }
        name(out, "consumers");
        out.array(group.consumers().len());
        for consumer in group.consumers() {
            describe_consumer(group, consumer, count, out);
        }
    }
}

fn describe_consumer(group: &stream::Group, consumer: &Consumer, count: usize, out: &mut Encoder) {
    out.map(4);
    name(out, "name");
    out.bulk(consumer.name());
    number(out, "seen-time", consumer.seen.0 as i64);
    number(out, "pel-count", consumer.pending_len() as i64);
    name(out, "pending");
    out.array(consumer.pending_len().min(count));
    for id in consumer.pending().take(count) {
        let pending = group.pending_entry(id).expect("a consumer's entries are its group's");
        out.array(3);
        write_id(out, id);
        out.int(pending.delivery.at.0 as i64);
        out.int(pending.delivery.count as i64);
    }
}

pub const XINFO_GROUPS: Command = Command::new(
    CommandSpec {
        name: "xinfo|groups",
        summary: "List the consumer groups of a stream",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key")],
        history: &[("7.0.0", "Added the `entries-read` and `lag` fields")],
        ..CommandSpec::BASE
    },
    xinfo_groups,
);

fn xinfo_groups(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let stream = cx.db.get::<Stream>(&args.key()?)?.ok_or(CmdError::NoSuchKey)?;
    let out = &mut *cx.out;
    out.array(stream.groups().len());
    for (label, group) in stream.groups() {
        out.map(6);
        name(out, "name");
        out.bulk(label);
        number(out, "consumers", group.consumers().len() as i64);
        number(out, "pending", group.pending_len() as i64);
        name(out, "last-delivered-id");
        write_id(out, group.last_delivered);
        number_or_null(out, "entries-read", group.entries_read.map(|read| read as i64));
        number_or_null(out, "lag", stream.lag(group));
    }
    Ok(Reply::Written)
}

pub const XINFO_CONSUMERS: Command = Command::new(
    CommandSpec {
        name: "xinfo|consumers",
        summary: "List the consumers in a consumer group",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(4),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[Arg::key("key"), Arg::string("groupname")],
        tips: &["nondeterministic_output"],
        ..CommandSpec::BASE
    },
    xinfo_consumers,
);

fn xinfo_consumers(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, label) = (args.key()?, args.bytes()?);
    let stream = cx.db.get::<Stream>(&key)?.ok_or(CmdError::NoSuchKey)?;
    let group = stream.group(label).ok_or_else(|| unknown(&key, label))?;
    let (out, now) = (&mut *cx.out, cx.now);
    out.array(group.consumers().len());
    for consumer in group.consumers() {
        out.map(3);
        name(out, "name");
        out.bulk(consumer.name());
        number(out, "pending", consumer.pending_len() as i64);
        number(out, "idle", now.0.saturating_sub(consumer.seen.0) as i64);
    }
    Ok(Reply::Written)
}

fn name(out: &mut Encoder, label: &str) {
    out.bulk(label.as_bytes());
}

fn number(out: &mut Encoder, label: &str, value: i64) {
    name(out, label);
    out.int(value);
}

fn number_or_null(out: &mut Encoder, label: &str, value: Option<i64>) {
    name(out, label);
    match value {
        Some(value) => out.int(value),
        None => out.null(),
    }
}

pub const XINFO_HELP: Command = Command::new(
    CommandSpec {
        name: "xinfo|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    xinfo_help,
);

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
    "HELP",
    "    Prints this help.",
];

fn xinfo_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}
