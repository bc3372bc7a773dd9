//! XCLAIM and XAUTOCLAIM: taking over what others have not acknowledged.

use super::group::{self, CREATE_CONSUMER_EVENT};
use super::ids;
use super::propagate::{Position, Reader, is_logged, position};
use super::reply::{write_entry, write_id};
use crate::base::Millis;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::resp::Encoder;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::stream::Delivery;
use crate::types::{Stream, StreamId};

const BAD_COUNT: CmdError = CmdError::text("ERR COUNT must be > 0");
/// Entries that XAUTOCLAIM claims at most unless COUNT says otherwise, …
const COUNT: usize = 100;
/// … with room for so many ids in what memory can address.
const COUNT_MAX: i64 = i64::MAX / 16;
/// XAUTOCLAIM looks at so many times more entries than it may claim.
const LOOKED_AT_PER_CLAIM: usize = 10;

pub const XCLAIM: Command = Command::new(
    CommandSpec {
        name: "xclaim",
        summary: "Changes (or acquires) ownership of a message in a consumer group, as if the \
            message was delivered to the specified consumer.",
        since: "5.0.0",
        complexity: "O(log N) with N being the number of messages in the PEL of the consumer \
            group.",
        group: Group::Stream,
        arity: Arity::AtLeast(6),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("id").multiple(),
            Arg::int("ms").token("IDLE").optional(),
            Arg::new("unix-time-milliseconds", ArgKind::UnixTime).token("TIME").optional(),
            Arg::int("count").token("RETRYCOUNT").optional(),
            Arg::word("force", "FORCE").optional(),
            Arg::word("justid", "JUSTID").optional(),
            Arg::string("id").token("LASTID").optional(),
        ],
        tips: &["nondeterministic_output"],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xclaim,
);

/// How entries are claimed, and for whom.
struct Claim<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    /// In milliseconds.
    min_idle: u64,
    now: Millis,
    /// When the entry counts as delivered.
    delivered: Millis,
    /// How often it counts as delivered; otherwise once more, unless only ids are asked for.
    retries: Option<u64>,
    /// Also what is pending for nobody.
    force: bool,
    just_id: bool,
    last_id: Option<StreamId>,
    /// Whether the consumer was made.
    created: bool,
    /// What was claimed, and what turned out to be gone.
    claimed: Vec<(StreamId, Delivery)>,
    gone: Vec<StreamId>,
}

impl<'a> Claim<'a> {
    fn new(group: &'a [u8], consumer: &'a [u8], min_idle: u64, now: Millis) -> Claim<'a> {
        Claim {
            group,
            consumer,
            min_idle,
            now,
            delivered: now,
            retries: None,
            force: false,
            just_id: false,
            last_id: None,
            created: false,
            claimed: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Reads the options that follow XCLAIM's ids.
    fn read_options(&mut self, args: &mut Args<'_>) -> CmdResult<()> {
        let invalid = |option: &str| {
            CmdError::owned(format!("ERR Invalid {option} option argument for XCLAIM"))
        };
        let mut delivered = None;
        while let Some(token) = args.token() {
            match token.upper() {
                b"FORCE" => self.force = true,
                b"JUSTID" => self.just_id = true,
                b"IDLE" if args.left() > 0 => {
                    let idle = args.int().map_err(|_| invalid("IDLE"))?;
                    delivered = Some(i128::from(self.now.0) - i128::from(idle));
                }
                b"TIME" if args.left() > 0 => {
                    delivered = Some(i128::from(args.int().map_err(|_| invalid("TIME"))?));
                }
                b"RETRYCOUNT" if args.left() > 0 => {
                    let retries = args.int().map_err(|_| invalid("RETRYCOUNT"))?;
                    self.retries = u64::try_from(retries).ok();
                }
                b"LASTID" if args.left() > 0 => self.last_id = Some(ids::read(args.bytes()?)?),
                _ => {
                    let text = b"ERR Unrecognized XCLAIM option '";
                    return Err(CmdError::echoing(&[text, token.raw(), b"'"]));
                }
            }
        }
        // A time before all time or in the future means now.
        let delivered = delivered.and_then(|at| u64::try_from(at).ok()).map(Millis);
        self.delivered = delivered.filter(|&at| at <= self.now).unwrap_or(self.now);
        Ok(())
    }

    /// Claims one entry, if it may be claimed, and writes it.
    fn take(&mut self, stream: &mut Stream, id: StreamId, out: &mut Encoder) {
        let group = stream.group(self.group).expect("the group was looked up");
        let pending = group.pending_entry(id).map(|pending| pending.delivery);
        if stream.get(id).is_none() {
            let group = stream.group_mut(self.group).expect("the group was looked up");
            if group.acknowledge(id) {
                self.gone.push(id);
            }
            return;
        }
        let old = match pending {
            Some(old) if self.now.0.saturating_sub(old.at.0) < self.min_idle => return,
            Some(old) => old.count,
            None if self.force => 1,
            None => return,
        };
        let once_more = old.wrapping_add(u64::from(!self.just_id));
        let count = self.retries.unwrap_or(once_more);
        self.created |= group::see(stream, self.group, self.consumer, self.now);
        let group = stream.group_mut(self.group).expect("the group was looked up");
        let delivery = Delivery { at: self.delivered, count };
        group.assign(id, self.consumer, delivery);
        match stream.get(id) {
            Some(entry) if !self.just_id => write_entry(out, &entry),
            _ => write_id(out, id),
        }
        self.claimed.push((id, delivery));
    }

    /// Reports what was done; `moved`: the group was set forward.
    fn report(&self, cx: &mut Ctx<'_>, key: &Key<'_>, group: Position, moved: bool) {
        let reader = Reader { key: key.bytes, group: self.group, consumer: self.consumer };
        cx.propagate_nothing();
        if self.created {
            cx.noted(key, Some(CREATE_CONSUMER_EVENT));
            reader.created(cx);
        }
        if moved || !self.claimed.is_empty() || !self.gone.is_empty() {
            let touched = self.claimed.len() + self.gone.len();
            cx.noted_by(key, None, touched.max(1));
        }
        if !is_logged(cx) {
            return;
        }
        let (last, entries_read) = group;
        self.gone.iter().for_each(|&id| reader.lost(cx, id));
        for &(id, delivery) in &self.claimed {
            reader.was_given(cx, id, delivery, last);
        }
        if moved && self.claimed.is_empty() {
            reader.moved(cx, last, entries_read);
        }
    }
}

/// Reads how long an entry must have been idle, in milliseconds.
fn read_min_idle(args: &mut Args<'_>) -> CmdResult<u64> {
    let command = args.command().spec.name.to_ascii_uppercase();
    let text = || CmdError::owned(format!("ERR Invalid min-idle-time argument for {command}"));
    Ok(u64::try_from(args.int().map_err(|_| text())?).unwrap_or(0))
}

fn xclaim(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, consumer) = (args.key()?, args.bytes()?, args.bytes()?);
    let stream = cx.db.get::<Stream>(&key)?;
    if stream.and_then(|stream| stream.group(name)).is_none() {
        return Err(group::missing(&key, name, ""));
    }
    let min_idle = read_min_idle(args)?;
    let mut wanted = Vec::new();
    while let Some(token) = args.peek()
        && let Ok(id) = ids::read(token.raw())
    {
        args.token();
        wanted.push(id);
    }
    let mut claim = Claim::new(name, consumer, min_idle, cx.now);
    claim.read_options(args)?;
    let mut stream = cx.db.get_mut::<Stream>(&key)?.expect("it is there");
    let group = stream.group_mut(name).expect("it is there");
    let moved = claim.last_id.is_some_and(|id| id > group.last_delivered);
    if moved {
        group.last_delivered = claim.last_id.unwrap_or_default();
    }
    let begun = cx.out.begin_deferred();
    for id in wanted {
        claim.take(&mut stream, id, cx.out);
    }
    cx.out.end_array(begun, claim.claimed.len());
    let group = stream.group(name).map(position).expect("it is there");
    drop(stream);
    claim.report(cx, &key, group, moved);
    Ok(Reply::Written)
}

pub const XAUTOCLAIM: Command = Command::new(
    CommandSpec {
        name: "xautoclaim",
        summary: "Changes (or acquires) ownership of messages in a consumer group, as if the \
            messages were delivered to the specified consumer.",
        since: "6.2.0",
        complexity: "O(1) if COUNT is small.",
        group: Group::Stream,
        arity: Arity::AtLeast(6),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[
            Arg::key("key"),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("start"),
            Arg::int("count").token("COUNT").optional(),
            Arg::word("justid", "JUSTID").optional(),
        ],
        tips: &["nondeterministic_output"],
        history: &[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command \
            cleared from the PEL",
        )],
        ..CommandSpec::BASE
    },
    xautoclaim,
);

fn xautoclaim(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let (key, name, consumer) = (args.key()?, args.bytes()?, args.bytes()?);
    cx.db.read(&key); // counts as a read, whatever follows
    let min_idle = read_min_idle(args)?;
    let mut next = Some(ids::read_start(args.bytes()?)?);
    let mut claim = Claim::new(name, consumer, min_idle, cx.now);
    let mut count = COUNT;
    while let Some(token) = args.token() {
        match token.upper() {
            b"COUNT" if args.left() > 0 => {
                let wanted = args.int().ok().filter(|count| (1..=COUNT_MAX).contains(count));
                count = wanted.ok_or(BAD_COUNT)? as usize;
            }
            b"JUSTID" => claim.just_id = true,
            _ => return Err(CmdError::Syntax),
        }
    }
    let Some(mut stream) = cx.db.get_mut::<Stream>(&key)? else {
        return Err(group::missing(&key, name, ""));
    };
    if stream.group(name).is_none() {
        return Err(group::missing(&key, name, ""));
    }
    cx.out.array(3);
    let mut claimed = Encoder::new(cx.out.proto());
    let mut looked_at = 0;
    let after = loop {
        let group = stream.group(name).expect("it is there");
        let upcoming = next.and_then(|next| group.pending_in(next..=StreamId::MAX).next());
        let Some(id) = upcoming.map(|pending| pending.id) else { break StreamId::MIN };
        let enough = claim.claimed.len() + claim.gone.len() == count;
        if enough || looked_at == count.saturating_mul(LOOKED_AT_PER_CLAIM) {
            break id;
        }
        looked_at += 1;
        next = id.next();
        claim.take(&mut stream, id, &mut claimed);
    };
    let group = stream.group(name).map(position).expect("it is there");
    drop(stream);
    write_id(cx.out, after);
    cx.out.array(claim.claimed.len());
    cx.out.raw(&claimed.into_bytes());
    cx.out.array(claim.gone.len());
    claim.gone.iter().for_each(|&id| write_id(cx.out, id));
    claim.report(cx, &key, group, false);
    Ok(Reply::Written)
}
