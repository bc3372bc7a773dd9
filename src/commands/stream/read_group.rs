//! XREADGROUP: new entries for a group, or what one of its consumers has yet to acknowledge.

use super::group::{self, CREATE_CONSUMER_EVENT};
use super::ids;
use super::propagate::{Reader, position};
use super::read::{Reading, STREAMS_ARG, find_keys, has_news, read_keys};
use super::reply::{ByStream, write_entry, write_id};
use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Followers, Reply};
use crate::keyspace::Key;
use crate::resp::Encoder;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::types::stream::Delivery;
use crate::types::{Stream, StreamId};

const NO_LAST_ID: CmdError = CmdError::text(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of \
    this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would \
    just return an empty result set.",
);

const NO_NEWEST: CmdError = CmdError::text(
    "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of \
    this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would \
    just return an empty result set.",
);

const STREAM_GONE: CmdError = CmdError::text("UNBLOCKED the stream key no longer exists");
const GROUP_GONE: CmdError =
    CmdError::text("NOGROUP the consumer group this client was blocked on no longer exists");

/// What to give the consumer of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// `>`: what the group has not had yet.
    New,
    /// What is pending for the consumer, after this id.
    History(StreamId),
}

pub const XREADGROUP: Command = Command::new(
    CommandSpec {
        name: "xreadgroup",
        summary: "Return new entries from a stream using a consumer group, or access the \
            history of the pending entries for a given consumer. Can block.",
        since: "5.0.0",
        complexity: "For each stream mentioned: O(M) with M being the number of elements \
            returned. If M is constant (e.g. always asking for the first 10 elements \
            with COUNT), you can consider it O(1). On the other side when XREADGROUP \
            blocks, XADD will pay the O(N) time in order to serve the N clients blocked \
            on the stream getting new data.",
        group: Group::Stream,
        arity: Arity::AtLeast(7),
        flags: Flags::WRITE.union(Flags::BLOCKING),
        keys: &[read_keys(4)],
        args: &[
            Arg::block("group_consumer", &[Arg::string("group"), Arg::string("consumer")])
                .token("GROUP"),
            Arg::int("count").token("COUNT").optional(),
            Arg::int("milliseconds").token("BLOCK").optional(),
            Arg::word("noack", "NOACK").optional(),
            STREAMS_ARG,
        ],
        ..CommandSpec::BASE
    },
    xreadgroup,
)
.with_keys(find_keys);

fn xreadgroup(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let reading = Reading::read(args, cx.now, true)?;
    let (name, _) = reading.reader.expect("reading by group names one");
    let mut wanted = Vec::with_capacity(reading.streams.len());
    cx.propagate_nothing();
    for (key, id) in &reading.streams {
        if cx.skips(key) {
            wanted.push(From::New);
            continue;
        }
        let stream = cx.db.get::<Stream>(key)?;
        if stream.and_then(|stream| stream.group(name)).is_none() {
            if cx.woken_by.is_some() {
                return Err(GROUP_GONE);
            }
            return Err(group::missing(key, name, " in XREADGROUP with GROUP option"));
        }
        wanted.push(match *id {
            b"$" => return Err(NO_LAST_ID),
            b"+" => return Err(NO_NEWEST),
            b">" => From::New,
            id => match ids::read(id)? {
                StreamId::MAX => From::New,
                id => From::History(id),
            },
        });
    }
    let mut reply = ByStream::begin(cx.out);
    for ((key, _), &from) in reading.streams.iter().zip(&wanted) {
        if cx.skips(key) {
            continue;
        }
        let has_waited = cx.woken_by.is_some();
        let stream = cx.db.get::<Stream>(key)?;
        let position = stream.and_then(|stream| stream.group(name));
        let position = position.map_or(StreamId::MAX, |group| group.last_delivered);
        let has_news = |stream| has_news(stream, position, has_waited);
        let news = from != From::New || stream.is_some_and(has_news);
        if news {
            reply.push(cx.out, key.bytes);
            serve(cx, &reading, key, from)?;
        }
    }
    if reply.count == 0 {
        return reading.wait(cx, None, Some(STREAM_GONE));
    }
    reply.end(cx.out);
    Ok(Reply::Written)
}

/// Gives the consumer entries of one stream.
fn serve(cx: &mut Ctx<'_>, reading: &Reading<'_>, key: &Key<'_>, from: From) -> CmdResult<()> {
    let (name, consumer) = reading.reader.expect("reading by group names one");
    let now = cx.now;
    let mut stream = cx.db.get_mut::<Stream>(key)?.expect("it was there a moment ago");
    let created = group::see(&mut stream, name, consumer, now);
    let (mut given, logged) = (Vec::new(), cx.followers.contains(Followers::LOGGED));
    let mut again = Vec::new();
    match from {
        From::New => {
            let position = stream.group(name).map_or(StreamId::MAX, |group| group.last_delivered);
            let owner = (!reading.no_ack).then_some(consumer);
            let out = &mut *cx.out;
            let begun = out.begin_deferred();
            let count = stream.deliver(name, owner, position, reading.count, now, |entry| {
                write_entry(out, entry);
                if logged {
                    given.push(entry.id);
                }
            });
            out.end_array(begun, count);
        }
        From::History(after) => {
            again = repeat(&mut stream, (name, consumer), after, reading.count, now, cx.out);
        }
    }
    let (last, read) = stream.group(name).map(position).expect("the group was looked up");
    drop(stream);
    let reader = Reader { key: key.bytes, group: name, consumer };
    if created {
        cx.noted(key, Some(CREATE_CONSUMER_EVENT));
        reader.created(cx);
    }
    cx.noted(key, None);
    if !given.is_empty() {
        if !reading.no_ack {
            let delivery = Delivery { at: now, count: 1 };
            given.iter().for_each(|&id| reader.was_given(cx, id, delivery, id));
        }
        reader.moved(cx, last, read);
    }
    if logged {
        again.iter().for_each(|&(id, delivery)| reader.was_given(cx, id, delivery, last));
    }
    Ok(())
}

/// Delivers once more what is pending for a consumer, and gives what that makes of it. Of an entry
/// that is gone only the id is left.
fn repeat(
    stream: &mut Stream,
    (name, consumer): (&[u8], &[u8]),
    after: StreamId,
    count: usize,
    now: Millis,
    out: &mut Encoder,
) -> Vec<(StreamId, Delivery)> {
    let start = after.next().unwrap_or(StreamId::MAX);
    let group = stream.group(name).expect("the group was looked up");
    let pending = group.consumer(consumer).expect("the consumer was just seen");
    let pending: Vec<StreamId> = pending.pending_in(start..=StreamId::MAX).take(count).collect();
    out.array(pending.len());
    let mut repeated = Vec::with_capacity(pending.len());
    for id in pending {
        let Some(entry) = stream.get(id) else {
            out.array(2);
            write_id(out, id);
            out.null_array();
            continue;
        };
        write_entry(out, &entry);
        let group = stream.group_mut(name).expect("the group was looked up");
        let count = group.pending_entry(id).map_or(0, |pending| pending.delivery.count);
        let delivery = Delivery { at: now, count: count.wrapping_add(1) };
        group.set_delivery(id, delivery);
        repeated.push((id, delivery));
    }
    repeated
}
