//! Subscribing and unsubscribing.

use bytes::Bytes;

use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgKind, Arity, Channels, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags,
    KeySpec,
};
use crate::state::ClientFlags;
use crate::state::pubsub::{Medium, Subscriptions};

/// What all of these are.
const FLAGS: Flags = Flags::PUBSUB
    .union(Flags::NO_SCRIPT)
    .union(Flags::LOADING)
    .union(Flags::STALE)
    .union(Flags::WHILE_SUBSCRIBED);
const SHARD_FLAGS: Flags = FLAGS.union(Flags::SHARD_CHANNELS);
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::NOT_KEY)];

pub const SUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "subscribe",
        summary: "Listen for messages published to the given channels",
        since: "2.0.0",
        complexity: "O(N) where N is the number of channels to subscribe to.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        channels: Channels::All,
        args: &[Arg::string("channel").multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| begin(cx, args, Medium::Channel),
);

pub const UNSUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "unsubscribe",
        summary: "Stop listening for messages posted to the given channels",
        since: "2.0.0",
        complexity: "O(N) where N is the number of clients already subscribed to a channel.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(1),
        flags: FLAGS,
        args: &[Arg::string("channel").optional().multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| end(cx, args, Medium::Channel),
);

pub const PSUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "psubscribe",
        summary: "Listen for messages published to channels matching the given patterns",
        since: "2.0.0",
        complexity: "O(N) where N is the number of patterns the client is already subscribed to.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: FLAGS,
        channels: Channels::Patterns,
        args: &[Arg::block("pattern", &[Arg::new("pattern", ArgKind::Pattern)]).multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| begin(cx, args, Medium::Pattern),
);

pub const PUNSUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "punsubscribe",
        summary: "Stop listening for messages posted to channels matching the given patterns",
        since: "2.0.0",
        complexity: "O(N+M) where N is the number of patterns the client is already subscribed \
            and M is the number of total patterns subscribed in the system (by any client).",
        group: Group::Pubsub,
        arity: Arity::AtLeast(1),
        flags: FLAGS,
        args: &[Arg::new("pattern", ArgKind::Pattern).optional().multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| end(cx, args, Medium::Pattern),
);

pub const SSUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "ssubscribe",
        summary: "Listen for messages published to the given shard channels",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels to subscribe to.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(2),
        flags: SHARD_FLAGS,
        keys: SHARD_CHANNELS,
        channels: Channels::All,
        args: &[Arg::string("shardchannel").multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| begin(cx, args, Medium::ShardChannel),
);

pub const SUNSUBSCRIBE: Command = Command::new(
    CommandSpec {
        name: "sunsubscribe",
        summary: "Stop listening for messages posted to the given shard channels",
        since: "7.0.0",
        complexity: "O(N) where N is the number of clients already subscribed to a shard channel.",
        group: Group::Pubsub,
        arity: Arity::AtLeast(1),
        flags: SHARD_FLAGS,
        keys: SHARD_CHANNELS,
        args: &[Arg::string("shardchannel").optional().multiple()],
        ..CommandSpec::BASE
    },
    |cx, args| end(cx, args, Medium::ShardChannel),
);

/// What the messages about a subscription begin with.
fn word(medium: Medium, begins: bool) -> &'static [u8] {
    match (medium, begins) {
        (Medium::Channel, true) => b"subscribe",
        (Medium::Channel, false) => b"unsubscribe",
        (Medium::Pattern, true) => b"psubscribe",
        (Medium::Pattern, false) => b"punsubscribe",
        (Medium::ShardChannel, true) => b"ssubscribe",
        (Medium::ShardChannel, false) => b"sunsubscribe",
    }
}

/// Writes that a subscription began or ended; `name` is `None` when there was nothing to end.
pub fn write_change(
    out: &mut Encoder,
    (medium, begins): (Medium, bool),
    name: Option<&[u8]>,
    own: &Subscriptions,
) {
    out.push(3);
    out.bulk(word(medium, begins));
    match name {
        Some(name) => out.bulk(name),
        None => out.null(),
    }
    out.int(own.count(medium) as i64);
}

fn begin(cx: &mut Ctx<'_>, args: &mut Args<'_>, medium: Medium) -> CmdResult<Reply> {
    if medium == Medium::ShardChannel && !cx.may_block {
        return Err(CmdError::text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    while args.left() > 0 {
        let name = Bytes::copy_from_slice(args.bytes()?);
        let client = &mut *cx.client;
        cx.server.pubsub.subscribe(medium, &name, &mut client.subscriptions, &client.shared);
        write_change(cx.out, (medium, true), Some(&name), &client.subscriptions);
    }
    cx.client.set(ClientFlags::SUBSCRIBED, true);
    cx.client.publish_subscriptions();
    Ok(Reply::Written)
}

fn end(cx: &mut Ctx<'_>, args: &mut Args<'_>, medium: Medium) -> CmdResult<Reply> {
    let client = &mut *cx.client;
    let names: Vec<Bytes> = if args.left() == 0 {
        client.subscriptions.of(medium).iter().cloned().collect()
    } else {
        let named = args.request().args().skip(1);
        named.map(Bytes::copy_from_slice).collect()
    };
    if names.is_empty() {
        write_change(cx.out, (medium, false), None, &client.subscriptions);
    }
    for name in names {
        let client = &mut *cx.client;
        cx.server.pubsub.unsubscribe(medium, &name, &mut client.subscriptions, &client.shared);
        if cx.may_block {
            cx.receive();
        }
        write_change(cx.out, (medium, false), Some(&name), &cx.client.subscriptions);
    }
    let client = &mut *cx.client;
    let listens = !client.subscriptions.is_empty();
    client.set(ClientFlags::SUBSCRIBED, listens);
    client.publish_subscriptions();
    Ok(Reply::Written)
}

impl Ctx<'_> {
    /// Writes the messages that have come so far: none may follow the end of its subscription.
    pub fn receive(&mut self) {
        for message in self.client.shared.take_pushes() {
            self.out.value(&message);
        }
    }
}
