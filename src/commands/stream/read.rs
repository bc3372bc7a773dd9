//! XREAD, and what XREADGROUP has in common with it.

use smallvec::SmallVec;

use super::ids;
use super::reply::{ByStream, write_entries};
use crate::base::Millis;
use crate::commands::{Args, Blocking, Command, Ctx, Reply, keys};
use crate::keyspace::Key;
use crate::resp::{OwnedRequest, RawRequest};
use crate::spec::{
    Arg, Arity, Begin, CmdError, CmdResult, CommandSpec, Find, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::{Kind, Stream, StreamId};

const UNBALANCED: CmdError = CmdError::text(
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
);
const NO_GROUP_OPTION: CmdError = CmdError::text("ERR Missing GROUP option for XREADGROUP");
const NOT_FOR_GROUP: CmdError = CmdError::text(
    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
);
const NOT_FOR_NO_ACK: CmdError = CmdError::text(
    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
);
const NOT_FOR_NEW: CmdError = CmdError::text(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
    <consumer> option.",
);
const NO_TIMEOUT: CmdError = CmdError::text("ERR timeout is not an integer or out of range");
const NEGATIVE_TIMEOUT: CmdError = CmdError::text("ERR timeout is negative");

const READ_KEY: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);

/// The keys of a reading command: the first half of what follows STREAMS.
pub const fn read_keys(from: i16) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword { word: "STREAMS", from },
        find: Find::Range { last_key: -1, step: 1, limit: 2 },
        flags: READ_KEY,
        notes: "",
    }
}

pub const STREAMS_ARG: Arg =
    Arg::block("streams", &[Arg::key("key").multiple(), Arg::string("id").multiple()])
        .token("STREAMS");

/// A request for entries, its ids not yet read.
pub struct Reading<'a> {
    /// Whose group, and who.
    pub reader: Option<(&'a [u8], &'a [u8])>,
    pub no_ack: bool,
    pub count: usize,
    /// BLOCK: until when to wait, `None` for ever.
    pub wait: Option<Option<Millis>>,
    pub streams: SmallVec<[(Key<'a>, &'a [u8]); 4]>,
}

impl<'a> Reading<'a> {
    /// # Errors
    /// If an option makes no sense, or a stream has no id.
    pub fn read(args: &mut Args<'a>, now: Millis, by_group: bool) -> CmdResult<Reading<'a>> {
        let (mut count, mut wait, mut reader, mut no_ack) = (usize::MAX, None, None, false);
        loop {
            let token = args.token().ok_or(CmdError::Syntax)?;
            match token.upper() {
                b"BLOCK" if args.left() > 0 => wait = Some(read_timeout(args, now)?),
                b"COUNT" if args.left() > 0 => {
                    let wanted = usize::try_from(args.int()?).unwrap_or(0);
                    count = if wanted == 0 { usize::MAX } else { wanted };
                }
                b"STREAMS" if args.left() > 0 => break,
                b"GROUP" if args.left() > 1 && by_group => {
                    reader = Some((args.bytes()?, args.bytes()?));
                }
                b"GROUP" if args.left() > 1 => return Err(NOT_FOR_GROUP),
                b"NOACK" if by_group => no_ack = true,
                b"NOACK" => return Err(NOT_FOR_NO_ACK),
                _ => return Err(CmdError::Syntax),
            }
        }
        if !args.left().is_multiple_of(2) {
            return Err(UNBALANCED);
        }
        if by_group && reader.is_none() {
            return Err(NO_GROUP_OPTION);
        }
        let streams = args.left() / 2;
        let keys: CmdResult<SmallVec<[Key<'a>; 4]>> = (0..streams).map(|_| args.key()).collect();
        let streams = keys?.into_iter().map(|key| Ok((key, args.bytes()?)));
        Ok(Reading { reader, no_ack, count, wait, streams: streams.collect::<CmdResult<_>>()? })
    }
}

impl Reading<'_> {
    /// Waits for new entries if BLOCK says so.
    pub fn wait(
        &self,
        cx: &mut Ctx<'_>,
        request: Option<OwnedRequest>,
        if_gone: Option<CmdError>,
    ) -> CmdResult<Reply> {
        let Some(deadline) = self.wait else { return Ok(Reply::NilArray) };
        let keys: SmallVec<[Key<'_>; 4]> = self.streams.iter().map(|(key, _)| *key).collect();
        let otherwise = Reply::NilArray;
        cx.block(Blocking {
            kind: Kind::Stream,
            keys: &keys,
            deadline,
            otherwise,
            request,
            group: self.reader.map(|(group, _)| group),
            if_gone,
        })
    }
}

/// When to give up waiting; `None`: never.
fn read_timeout(args: &mut Args<'_>, now: Millis) -> CmdResult<Option<Millis>> {
    let millis = args.int().map_err(|_| NO_TIMEOUT)?;
    let millis = u64::try_from(millis).map_err(|_| NEGATIVE_TIMEOUT)?;
    Ok((millis > 0).then(|| Millis(now.0.saturating_add(millis))))
}

/// Finds the keys as the options are read: a group, say, may be called STREAMS. What makes no sense
/// has none.
///
/// # Errors
/// If a stream has no id: that is said before anybody asks where the streams are.
pub fn find_keys(request: RawRequest<'_>, found: &mut keys::Found) -> CmdResult<()> {
    let mut at = 1;
    while let Some(word) = request.get(at) {
        at += match word.to_ascii_uppercase().as_slice() {
            b"COUNT" | b"BLOCK" => 2,
            b"GROUP" => 3,
            b"NOACK" => 1,
            b"STREAMS" if at + 1 < request.len() => {
                let words = request.len() - at - 1;
                if !words.is_multiple_of(2) {
                    return Err(keys::INVALID);
                }
                let keys = at + 1..at + 1 + words / 2;
                found.extend(keys.map(|index| (index as u32, READ_KEY)));
                return Ok(());
            }
            _ => break,
        };
    }
    Ok(())
}

pub const XREAD: Command = Command::new(
    CommandSpec {
        name: "xread",
        summary: "Return never seen elements in multiple streams, with IDs greater than the \
            ones reported by the caller for each stream. Can block.",
        since: "5.0.0",
        complexity: "For each stream mentioned: O(N) with N being the number of elements being \
            returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when \
            the BLOCK option is used, XADD will pay O(M) time in order to serve the M \
            clients blocked on the stream getting new data.",
        group: Group::Stream,
        arity: Arity::AtLeast(4),
        flags: Flags::READONLY.union(Flags::BLOCKING),
        keys: &[read_keys(1)],
        args: &[
            Arg::int("count").token("COUNT").optional(),
            Arg::int("milliseconds").token("BLOCK").optional(),
            STREAMS_ARG,
        ],
        ..CommandSpec::BASE
    },
    xread,
)
.with_keys(find_keys);

fn xread(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let reading = Reading::read(args, cx.now, false)?;
    let mut positions: SmallVec<[StreamId; 4]> = SmallVec::new();
    for (key, id) in &reading.streams {
        if cx.skips(key) {
            positions.push(StreamId::MAX);
            continue;
        }
        let stream = cx.db.get::<Stream>(key)?;
        positions.push(match *id {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.ids().last),
            b">" => return Err(NOT_FOR_NEW),
            b"+" => stream.map_or(StreamId::MIN, before_last),
            id => ids::read(id)?,
        });
    }
    let mut reply = ByStream::begin(cx.out);
    for ((key, _), &position) in reading.streams.iter().zip(&positions) {
        if cx.skips(key) {
            continue;
        }
        // Counted a second time, as Redis counts.
        let Some(stream) = cx.db.get::<Stream>(key)? else { continue };
        let news = has_news(stream, position, cx.woken_by.is_some());
        let Some(start) = position.next().filter(|_| news) else { continue };
        reply.push(cx.out, key.bytes);
        write_entries(cx.out, stream.range(start, StreamId::MAX).take(reading.count));
    }
    if reply.count == 0 {
        let request = reading.streams.iter().any(|(_, id)| *id == b"$");
        let request = request.then(|| resolve(args.request(), &positions));
        return reading.wait(cx, request, None);
    }
    reply.end(cx.out);
    Ok(Reply::Written)
}

/// Where to read from so that the last entry comes, or the next one if there is none.
fn before_last(stream: &Stream) -> StreamId {
    stream.last().and_then(|entry| entry.id.previous()).unwrap_or(stream.ids().last)
}

/// The request with ids in place of what stood for them; `+` is the last entry of a stream whenever
/// it is read.
fn resolve(request: RawRequest<'_>, positions: &[StreamId]) -> OwnedRequest {
    let others = request.len() - positions.len();
    let mut resolved = OwnedRequest::from_args(request.args().take(others));
    for (id, position) in request.args().skip(others).zip(positions) {
        match id {
            b"+" => resolved.push(id),
            _ => resolved.push(&position.text()),
        }
    }
    resolved
}

/// Whether a stream has entries after `position`. One who has waited is told of entries that were
/// added even if they are gone again.
pub fn has_news(stream: &Stream, position: StreamId, has_waited: bool) -> bool {
    match has_waited {
        true => stream.ids().last > position,
        false => stream.last().is_some_and(|entry| entry.id > position),
    }
}
