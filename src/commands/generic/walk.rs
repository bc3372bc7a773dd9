//! Finding keys without naming them.

use crate::base::glob;
use crate::commands::scan::{Extra, Options, Page, read_cursor};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, ArgKind, Arity, Categories, CmdResult, CommandSpec, Flags, Group};

pub const KEYS: Command = Command::new(
    CommandSpec {
        name: "keys",
        summary: "Find all keys matching the given pattern",
        since: "1.0.0",
        complexity: "O(N) with N being the number of keys in the database, under the \
            assumption that the key names in the database and the given pattern have \
            limited length.",
        group: Group::Generic,
        arity: Arity::Exact(2),
        flags: Flags::READONLY,
        categories: Some(Categories::KEYSPACE.union(Categories::DANGEROUS)),
        args: &[Arg::new("pattern", ArgKind::Pattern)],
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    keys,
);

fn keys(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let pattern = args.bytes()?;
    let begun = cx.out.begin_deferred();
    let mut found = 0;
    let out = &mut *cx.out;
    cx.db.each_key(|entry| {
        if pattern == b"*" || glob::matches(pattern, entry.key(), false) {
            out.bulk(entry.key());
            found += 1;
        }
    });
    cx.out.end_array(begun, found);
    Ok(Reply::Written)
}

pub const SCAN: Command = Command::new(
    CommandSpec {
        name: "scan",
        summary: "Incrementally iterate the keys space",
        since: "2.8.0",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough \
            command calls for the cursor to return back to 0. N is the number of \
            elements inside the collection.",
        group: Group::Generic,
        arity: Arity::AtLeast(2),
        flags: Flags::READONLY,
        args: &[
            Arg::int("cursor"),
            Arg::new("pattern", ArgKind::Pattern).token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ],
        tips: &["nondeterministic_output", "request_policy:special"],
        history: &[("6.0.0", "Added the `TYPE` subcommand.")],
        ..CommandSpec::BASE
    },
    scan,
);

fn scan(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let cursor = read_cursor(args.bytes()?)?;
    let options = Options::read(args, Extra::Type)?;
    let mut page = Page::new(cx.out);
    let next = cx.db.scan(cursor, options.count, |entry| {
        if options.wants(entry.kind()) && options.matches(entry.key()) {
            page.push(entry.key());
        }
    });
    page.finish(next, cx.out);
    Ok(Reply::Written)
}

pub const RANDOMKEY: Command = Command::new(
    CommandSpec {
        name: "randomkey",
        summary: "Return a random key from the keyspace",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: Arity::Exact(1),
        flags: Flags::READONLY,
        tips: &["request_policy:all_shards", "nondeterministic_output"],
        ..CommandSpec::BASE
    },
    randomkey,
);

fn randomkey(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let Some(key) = cx.db.random_key(cx.rng) else {
        return Ok(Reply::Nil);
    };
    cx.out.bulk(&key);
    Ok(Reply::Written)
}
