//! COMMAND: what the server can do, as clients and proxies ask it.

use crate::base::glob;
use crate::commands::{Args, Command, Ctx, Registered, Reply, Table, help};
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgKind, Arity, Begin, Categories, CmdError, CmdResult, CommandSpec, Find, Flags, Group,
    KeySpec,
};

pub const COMMAND: Command = Command::new(
    CommandSpec {
        name: "command",
        summary: "Get array of Redis command details",
        since: "2.8.13",
        complexity: "O(N) where N is the total number of Redis commands",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    command,
);

fn command(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    describe_all(cx.out);
    Ok(Reply::Written)
}

fn describe_all(out: &mut Encoder) {
    let table = Table::get();
    out.array(table.top_level().count());
    table.top_level().for_each(|command| describe(out, command));
}

pub const COMMAND_COUNT: Command = Command::new(
    CommandSpec {
        name: "command|count",
        summary: "Get total number of Redis commands",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    command_count,
);

fn command_count(_: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    Ok(Reply::Int(Table::get().top_level().count() as i64))
}

pub const COMMAND_INFO: Command = Command::new(
    CommandSpec {
        name: "command|info",
        summary: "Get array of specific Redis command details, or all when no argument is \
            given.",
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands to look up",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        args: &[Arg::string("command-name").optional().multiple()],
        tips: &["nondeterministic_output_order"],
        history: &[("7.0.0", "Allowed to be called with no argument to get info on all commands.")],
        ..CommandSpec::BASE
    },
    command_info,
);

fn command_info(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    if args.left() == 0 {
        describe_all(cx.out);
        return Ok(Reply::Written);
    }
    cx.out.array(args.left());
    while args.left() > 0 {
        match Table::get().find_full(args.bytes()?) {
            Some(command) => describe(cx.out, command),
            None => cx.out.null_array(),
        }
    }
    Ok(Reply::Written)
}

/// One command's entry, with those of its subcommands.
fn describe(out: &mut Encoder, command: &Registered) {
    let spec = command.spec;
    let (first, last, step) = spec.legacy_range();
    out.array(10);
    out.bulk(spec.name.as_bytes());
    out.int(spec.arity.number());
    out.set(command.flags.names().count());
    command.flags.names().for_each(|name| out.simple(name));
    out.int(i64::from(first));
    out.int(i64::from(last));
    out.int(i64::from(step));
    out.set(command.categories.names().count());
    command.categories.names().for_each(|name| out.simple(&format!("@{name}")));
    out.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| out.bulk(tip.as_bytes()));
    out.set(spec.keys.len());
    spec.keys.iter().for_each(|key| describe_key(out, key));
    // A set when there are none, an array otherwise: so it is in RESP3.
    match command.subcommands.len() {
        0 => out.set(0),
        count => out.array(count),
    }
    let subcommands = command.subcommands.iter().filter_map(|&sub| Table::get().by_index(sub));
    subcommands.for_each(|subcommand| describe(out, subcommand));
}

fn describe_key(out: &mut Encoder, key: &KeySpec) {
    out.map(if key.notes.is_empty() { 3 } else { 4 });
    if !key.notes.is_empty() {
        field(out, "notes", key.notes);
    }
    out.bulk(b"flags");
    out.set(key.flags.names().count());
    key.flags.names().for_each(|name| out.simple(name));
    out.bulk(b"begin_search");
    out.map(2);
    match key.begin {
        Begin::Index(index) => {
            field(out, "type", "index");
            numbers(out, &[("index", i64::from(index))]);
        }
        Begin::Keyword { word, from } => {
            field(out, "type", "keyword");
            out.bulk(b"spec");
            out.map(2);
            field(out, "keyword", word);
            number(out, "startfrom", i64::from(from));
        }
        Begin::Unknown => {
            field(out, "type", "unknown");
            numbers(out, &[]);
        }
    }
    out.bulk(b"find_keys");
    out.map(2);
    match key.find {
        Find::Range { last_key, step, limit } => {
            field(out, "type", "range");
            let (last, step) = (i64::from(last_key), i64::from(step));
            numbers(out, &[("lastkey", last), ("keystep", step), ("limit", i64::from(limit))]);
        }
        Find::Count { index, first, step } => {
            field(out, "type", "keynum");
            let (index, first) = (i64::from(index), i64::from(first));
            let step = i64::from(step);
            numbers(out, &[("keynumidx", index), ("firstkey", first), ("keystep", step)]);
        }
        Find::Unknown => {
            field(out, "type", "unknown");
            numbers(out, &[]);
        }
    }
}

fn field(out: &mut Encoder, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

fn number(out: &mut Encoder, name: &str, value: i64) {
    out.bulk(name.as_bytes());
    out.int(value);
}

/// The map under `spec`.
fn numbers(out: &mut Encoder, values: &[(&str, i64)]) {
    out.bulk(b"spec");
    out.map(values.len());
    values.iter().for_each(|&(name, value)| number(out, name, value));
}

pub const COMMAND_LIST: Command = Command::new(
    CommandSpec {
        name: "command|list",
        summary: "Get an array of Redis command names",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        args: &[Arg::one_of(
            "filterby",
            &[
                Arg::string("module-name").token("MODULE"),
                Arg::string("category").token("ACLCAT"),
                Arg::new("pattern", ArgKind::Pattern).token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    command_list,
);

fn command_list(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let filter = match args.left() {
        0 => Filter::None,
        3 if args.take_word("FILTERBY") => {
            let kind = args.token().ok_or(CmdError::Syntax)?;
            let value = args.bytes()?;
            match kind.upper() {
                // There are no modules, so none has commands.
                b"MODULE" => Filter::Nothing,
                b"ACLCAT" => Categories::named(value).map_or(Filter::Nothing, Filter::Category),
                b"PATTERN" => Filter::Pattern(value),
                _ => return Err(CmdError::Syntax),
            }
        }
        _ => return Err(CmdError::Syntax),
    };
    let names: Vec<&str> = Table::get()
        .all()
        .iter()
        .filter(|command| filter.lists(command))
        .map(|command| command.spec.name)
        .collect();
    cx.out.array(names.len());
    names.iter().for_each(|name| cx.out.bulk(name.as_bytes()));
    Ok(Reply::Written)
}

/// Which commands COMMAND LIST names, subcommands among them.
enum Filter<'a> {
    None,
    Nothing,
    Category(Categories),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn lists(&self, command: &Registered) -> bool {
        match self {
            Filter::None => true,
            Filter::Nothing => false,
            Filter::Category(category) => command.categories.contains(*category),
            Filter::Pattern(pattern) => glob::matches(pattern, command.spec.name.as_bytes(), true),
        }
    }
}

pub const COMMAND_HELP: Command = Command::new(
    CommandSpec {
        name: "command|help",
        summary: "Show helpful text about the different subcommands",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        ..CommandSpec::BASE
    },
    command_help,
);

fn command_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
    "HELP",
    "    Prints this help.",
];
