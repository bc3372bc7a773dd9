//! COMMAND DOCS: summaries and grammars.

use crate::commands::{Args, Command, Ctx, Registered, Reply, Table};
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgFlags, ArgKind, Arity, Categories, CmdResult, CommandSpec, Flags, Group,
};

pub const COMMAND_DOCS: Command = Command::new(
    CommandSpec {
        name: "command|docs",
        summary: "Get array of specific Redis command documentation",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands to look up",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::CONNECTION),
        args: &[Arg::string("command-name").optional().multiple()],
        tips: &["nondeterministic_output_order"],
        ..CommandSpec::BASE
    },
    command_docs,
);

fn command_docs(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let table = Table::get();
    let mut named: Vec<&Registered> = Vec::new();
    if args.left() == 0 {
        named.extend(table.top_level());
    }
    while args.left() > 0 {
        named.extend(table.find_full(args.bytes()?));
    }
    cx.out.map(named.len());
    named.into_iter().for_each(|command| document(cx.out, command));
    Ok(Reply::Written)
}

/// A command's name and its documentation.
fn document(out: &mut Encoder, command: &Registered) {
    let spec = command.spec;
    let system = spec.flags.contains(Flags::SYSTEM);
    let texts = [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    out.bulk(spec.name.as_bytes());
    let fields = texts.clone().count()
        + usize::from(system || spec.deprecated.is_some())
        + spec.deprecated.map_or(0, |_| 2)
        + usize::from(!spec.history.is_empty())
        + usize::from(!spec.args.is_empty())
        + usize::from(!command.subcommands.is_empty());
    out.map(fields);
    texts.for_each(|(name, text)| field(out, name, text));
    if system || spec.deprecated.is_some() {
        out.bulk(b"doc_flags");
        out.set(1);
        out.simple(if system { "syscmd" } else { "deprecated" });
    }
    if let Some(deprecated) = spec.deprecated {
        field(out, "deprecated_since", deprecated.since);
        field(out, "replaced_by", deprecated.replaced_by);
    }
    if !spec.history.is_empty() {
        out.bulk(b"history");
        out.set(spec.history.len());
        for (version, change) in spec.history {
            out.array(2);
            out.bulk(version.as_bytes());
            out.bulk(change.as_bytes());
        }
    }
    if !spec.args.is_empty() {
        out.bulk(b"arguments");
        arguments(out, spec.args);
    }
    if !command.subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(command.subcommands.len());
        let found = command.subcommands.iter().filter_map(|&sub| Table::get().by_index(sub));
        found.for_each(|subcommand| document(out, subcommand));
    }
}

fn arguments(out: &mut Encoder, args: &[Arg]) {
    out.array(args.len());
    args.iter().for_each(|arg| argument(out, arg));
}

fn argument(out: &mut Encoder, arg: &Arg) {
    let key_spec = match arg.kind {
        ArgKind::Key(index) | ArgKind::KeyPattern(index) => Some(i64::from(index)),
        _ => None,
    };
    let texts = [("token", arg.token), ("since", arg.since)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let fields = 2
        + usize::from(key_spec.is_some())
        + texts.clone().count()
        + usize::from(arg.deprecated_since.is_some())
        + usize::from(!arg.flags.is_empty())
        + usize::from(!arg.children.is_empty());
    out.map(fields);
    field(out, "name", arg.name);
    field(out, "type", arg.kind.name());
    if let Some(index) = key_spec {
        out.bulk(b"key_spec_index");
        out.int(index);
    }
    texts.for_each(|(name, text)| field(out, name, text));
    if let Some(version) = arg.deprecated_since {
        field(out, "deprecated_since", version);
    }
    if !arg.flags.is_empty() {
        let flags = [
            (ArgFlags::OPTIONAL, "optional"),
            (ArgFlags::MULTIPLE, "multiple"),
            (ArgFlags::MULTIPLE_TOKEN, "multiple_token"),
        ];
        let set = flags.into_iter().filter(|(flag, _)| arg.flags.contains(*flag));
        out.bulk(b"flags");
        out.set(set.clone().count());
        set.for_each(|(_, name)| out.simple(name));
    }
    if !arg.children.is_empty() {
        out.bulk(b"arguments");
        arguments(out, arg.children);
    }
}

fn field(out: &mut Encoder, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}
