//! PUBSUB: who listens to what.

use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::spec::{Arg, ArgKind, Arity, Categories, CmdResult, CommandSpec, Flags, Group};

const FLAGS: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE);
const PATTERN: &[Arg] = &[Arg::new("pattern", ArgKind::Pattern).optional()];

pub const PUBSUB: Command = Command::new(
    CommandSpec {
        name: "pubsub",
        summary: "A container for Pub/Sub commands",
        since: "2.8.0",
        complexity: "Depends on subcommand.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        categories: Some(Categories::empty()),
        ..CommandSpec::BASE
    },
    |_, args| Err(args.wrong_arity()),
);

pub const PUBSUB_CHANNELS: Command = Command::new(
    CommandSpec {
        name: "pubsub|channels",
        summary: "List active channels",
        since: "2.8.0",
        complexity: "O(N) where N is the number of active channels, and assuming constant time \
            pattern matching (relatively short channels and patterns)",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        args: PATTERN,
        ..CommandSpec::BASE
    },
    |cx, args| channels(cx, args, false),
);

pub const PUBSUB_SHARDCHANNELS: Command = Command::new(
    CommandSpec {
        name: "pubsub|shardchannels",
        summary: "List active shard channels",
        since: "7.0.0",
        complexity: "O(N) where N is the number of active shard channels, and assuming constant \
            time pattern matching (relatively short shard channels).",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        args: PATTERN,
        ..CommandSpec::BASE
    },
    |cx, args| channels(cx, args, true),
);

fn channels(cx: &mut Ctx<'_>, args: &mut Args<'_>, shard: bool) -> CmdResult<Reply> {
    if args.left() > 1 {
        return Err(args.unknown_form());
    }
    let pattern = if args.left() == 1 { Some(args.bytes()?) } else { None };
    let names = cx.server.pubsub.channels(shard, pattern);
    cx.out.array(names.len());
    names.iter().for_each(|name| cx.out.bulk(name));
    Ok(Reply::Written)
}

pub const PUBSUB_NUMPAT: Command = Command::new(
    CommandSpec {
        name: "pubsub|numpat",
        summary: "Get the count of unique patterns pattern subscriptions",
        since: "2.8.0",
        complexity: "O(1)",
        group: Group::Pubsub,
        arity: Arity::Exact(2),
        flags: FLAGS,
        ..CommandSpec::BASE
    },
    |cx, _| Ok(Reply::Int(cx.server.pubsub.patterns() as i64)),
);

pub const PUBSUB_NUMSUB: Command = Command::new(
    CommandSpec {
        name: "pubsub|numsub",
        summary: "Get the count of subscribers for channels",
        since: "2.8.0",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        args: &[Arg::string("channel").optional().multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| subscribers(cx, args, false),
);

pub const PUBSUB_SHARDNUMSUB: Command = Command::new(
    CommandSpec {
        name: "pubsub|shardnumsub",
        summary: "Get the count of subscribers for shard channels",
        since: "7.0.0",
        complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested \
            shard channels",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        args: &[Arg::string("shardchannel").optional().multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| subscribers(cx, args, true),
);

fn subscribers(cx: &mut Ctx<'_>, args: &mut Args<'_>, shard: bool) -> CmdResult<Reply> {
    cx.out.array(args.left() * 2);
    while args.left() > 0 {
        let channel = args.bytes()?;
        cx.out.bulk(channel);
        cx.out.int(cx.server.pubsub.subscribers(shard, channel) as i64);
    }
    Ok(Reply::Written)
}

pub const PUBSUB_HELP: Command = Command::new(
    CommandSpec {
        name: "pubsub|help",
        summary: "Show helpful text about the different subcommands",
        since: "6.2.0",
        complexity: "O(1)",
        group: Group::Pubsub,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    help,
);

fn help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(
        cx.out,
        &[
            "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CHANNELS [<pattern>]",
            "    Return the currently active channels matching a <pattern> (default: '*').",
            "NUMPAT",
            "    Return number of subscriptions to patterns.",
            "NUMSUB [<channel> ...]",
            "    Return the number of subscribers for the specified channels, excluding",
            "    pattern subscriptions(default: no channels).",
            "SHARDCHANNELS [<pattern>]",
            "    Return the currently active shard level channels matching a <pattern> (default: \
             '*').",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    Return the number of subscribers for the specified shard level channel(s)",
            "HELP",
            "    Prints this help.",
        ],
    );
    Ok(Reply::Written)
}
