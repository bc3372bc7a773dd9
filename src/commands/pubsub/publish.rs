//! PUBLISH and SPUBLISH.

use std::sync::Arc;

use bytes::Bytes;

use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Value;
use crate::spec::{
    Arg, Arity, Channels, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::state::{Ask, ClientShared, Request, pubsub};

const FLAGS: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST);

pub const PUBLISH: Command = Command::new(
    CommandSpec {
        name: "publish",
        summary: "Post a message to a channel",
        since: "2.0.0",
        complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel \
            and M is the total number of subscribed patterns (by any client).",
        group: Group::Pubsub,
        arity: Arity::Exact(3),
        flags: FLAGS,
        channels: Channels::First,
        args: &[Arg::string("channel"), Arg::string("message")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    |cx, args| publish(cx, args, false),
);

pub const SPUBLISH: Command = Command::new(
    CommandSpec {
        name: "spublish",
        summary: "Post a message to a shard channel",
        since: "7.0.0",
        complexity: "O(N) where N is the number of clients subscribed to the receiving shard \
            channel.",
        group: Group::Pubsub,
        arity: Arity::Exact(3),
        flags: FLAGS.union(Flags::SHARD_CHANNELS),
        keys: &[KeySpec::one(1, KeyFlags::NOT_KEY)],
        channels: Channels::First,
        args: &[Arg::string("shardchannel"), Arg::string("message")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    |cx, args| publish(cx, args, true),
);

fn publish(cx: &mut Ctx<'_>, args: &mut Args<'_>, shard: bool) -> CmdResult<Reply> {
    let channel = Bytes::copy_from_slice(args.bytes()?);
    let message = Bytes::copy_from_slice(args.bytes()?);
    // Its own copy comes before the reply, which is where a client that publishes to itself looks;
    // not in the middle of a transaction's, and not where no reply is wanted.
    let before_reply = cx.may_block && !cx.client.is_muted();
    let (me, out) = (cx.client.shared.id, &mut *cx.out);
    let deliver = |client: &Arc<ClientShared>, message: Arc<Value>| {
        let is_own = before_reply && client.id == me;
        if is_own { out.value(&message) } else { pubsub::post(client, message) }
    };
    let count = if shard {
        cx.server.pubsub.publish_to_shard(&channel, &message, deliver)
    } else {
        cx.server.pubsub.publish(&channel, &message, deliver)
    };
    if cx.view.is_none() {
        // What is done on a replica only its file hears of, which has no use for messages.
        if !cx.server.log.is_aside() {
            cx.propagate_always();
        }
    } else {
        let (channel, message) = (channel.to_vec(), message.to_vec());
        let request = Request::Publish { channel, message, shard };
        cx.server.control.post(Ask { request, from: None });
    }
    Ok(Reply::Int(count as i64))
}
