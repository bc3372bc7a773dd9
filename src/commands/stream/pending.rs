//! XACK and XPENDING: what a group has been given and has not acknowledged.

use super::edit::read_ids;
use super::{group, ids};
use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::resp::Encoder;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::stream::Pending;
use crate::types::{Stream, StreamId, stream};

pub const XACK: Command = Command::new(
    CommandSpec {
        name: "xack",
        summary: "Marks a pending message as correctly processed, effectively removing it from \
            the pending entries list of the consumer group. Return value of the command \
            is the number of messages successfully acknowledged, that is, the IDs we \
            were actually able to resolve in the PEL.",
        since: "5.0.0",
        complexity: "O(1) for each message ID processed.",
        group: Group::Stream,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::string("group"), Arg::string("id").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xack,
);

fn xack(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name) = (args.key()?, args.bytes()?);
    let stream = cx.db.get::<Stream>(&key)?;
    if stream.and_then(|stream| stream.group(name)).is_none() {
        return Ok(Reply::Int(0));
    }
    let ids = read_ids(args)?;
    let mut stream = cx.db.get_mut::<Stream>(&key)?.expect("it is there");
    let group = stream.group_mut(name).expect("it is there");
    let acknowledged = ids.into_iter().filter(|&id| group.acknowledge(id)).count();
    drop(stream);
    if acknowledged > 0 {
        cx.noted_by(&key, None, acknowledged);
    }
    Ok(Reply::Int(acknowledged as i64))
}

pub const XPENDING: Command = Command::new(
    CommandSpec {
        name: "xpending",
        summary: "Return information and entries from a stream consumer group pending entries \
            list, that are messages fetched but never acknowledged.",
        since: "5.0.0",
        complexity: "O(N) with N being the number of elements returned, so asking for a small \
            fixed number of entries per call is O(1). O(M), where M is the total number \
            of entries scanned when used with the IDLE filter. When the command returns \
            just the summary and the list of consumers is small, it runs in O(1) time; \
            otherwise, an additional O(N) time for iterating every consumer.",
        group: Group::Stream,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::block(
                "filters",
                &[
                    Arg::int("min-idle-time").token("IDLE").since("6.2.0").optional(),
                    Arg::string("start"),
                    Arg::string("end"),
                    Arg::int("count"),
                    Arg::string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
        ..CommandSpec::BASE
    },
    xpending,
);

/// Which pending entries are asked for.
struct Filter<'a> {
    start: StreamId,
    end: StreamId,
    count: usize,
    /// In milliseconds.
    min_idle: u64,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// Reads all that follows the group; nothing at all asks for a summary.
    fn read(args: &mut Args<'a>) -> CmdResult<Option<Filter<'a>>> {
        match args.left() {
            0 => return Ok(None),
            3..=6 => {}
            _ => return Err(CmdError::Syntax),
        }
        let mut min_idle = 0;
        if args.take_word("IDLE") {
            min_idle = u64::try_from(args.int()?).unwrap_or(0);
            if args.left() < 3 {
                return Err(CmdError::Syntax);
            }
        }
        let (start, end, count) = (args.bytes()?, args.bytes()?, args.int()?);
        let (start, end) = (ids::read_start(start)?, ids::read_end(end)?);
        let consumer = if args.left() > 0 { Some(args.bytes()?) } else { None };
        let count = usize::try_from(count).unwrap_or(0);
        Ok(Some(Filter { start, end, count, min_idle, consumer }))
    }
}

fn xpending(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name) = (args.key()?, args.bytes()?);
    let filter = Filter::read(args)?;
    let stream = cx.db.get::<Stream>(&key)?;
    let group = stream.and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| group::missing(&key, name, ""))?;
    match filter {
        None => summarize(group, cx.out),
        Some(filter) => list(group, &filter, cx.now, cx.out),
    }
    Ok(Reply::Written)
}

fn summarize(group: &stream::Group, out: &mut Encoder) {
    out.array(4);
    out.int(group.pending_len() as i64);
    let mut all = group.pending_in(StreamId::MIN..=StreamId::MAX);
    let Some(first) = all.next() else {
        out.null();
        out.null();
        out.null_array();
        return;
    };
    out.bulk(&first.id.text());
    out.bulk(&all.next_back().unwrap_or(first).id.text());
    let owners = group.consumers().filter(|consumer| consumer.pending_len() > 0);
    let begun = out.begin_deferred();
    let mut count = 0;
    for consumer in owners {
        out.array(2);
        out.bulk(consumer.name());
        out.bulk_int(consumer.pending_len() as i64);
        count += 1;
    }
    out.end_array(begun, count);
}

fn list(group: &stream::Group, filter: &Filter<'_>, now: Millis, out: &mut Encoder) {
    let ids = filter.start..=filter.end;
    let idle = |pending: &Pending<'_>| now.0.saturating_sub(pending.delivery.at.0);
    let begun = out.begin_deferred();
    let mut count = 0;
    let mut write = |pending: Pending<'_>| {
        out.array(4);
        out.bulk(&pending.id.text());
        out.bulk(pending.consumer);
        out.int(idle(&pending) as i64);
        out.int(pending.delivery.count as i64);
        count += 1;
    };
    let long_enough = |pending: &Pending<'_>| idle(pending) >= filter.min_idle;
    match filter.consumer {
        None => {
            group.pending_in(ids).filter(long_enough).take(filter.count).for_each(&mut write);
        }
        Some(name) => {
            let consumer = group.consumer(name).into_iter();
            let all = consumer.flat_map(|consumer| consumer.pending_in(ids.clone()));
            let all = all.filter_map(|id| group.pending_entry(id));
            all.filter(long_enough).take(filter.count).for_each(&mut write);
        }
    }
    out.end_array(begun, count);
}
