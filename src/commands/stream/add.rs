//! XADD.

use smallvec::SmallVec;

use super::ids::{self, Wanted};
use super::propagate::{self, ExactTrim};
use super::reply::write_id;
use super::trim::{TRIM_ARGS, Trim, TrimOptions, XTRIM_EVENT};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::config::Settings;
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::packed::listpack;
use crate::types::{Stream, StreamId};

const ZERO_ID: CmdError = CmdError::text("ERR The ID specified in XADD must be greater than 0-0");
const NOT_GREATER: CmdError = CmdError::text(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
);
const EXHAUSTED: CmdError =
    CmdError::text("ERR The stream has exhausted the last possible ID, unable to add more items");
const TOO_LARGE: CmdError = CmdError::text("ERR Elements are too large to be stored");

/// Entries with more fields keep them on the heap while they are added.
const INLINE_FIELDS: usize = 8;

pub const XADD: Command = Command::new(
    CommandSpec {
        name: "xadd",
        summary: "Appends a new entry to a stream",
        since: "5.0.0",
        complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of \
            entries evicted.",
        group: Group::Stream,
        arity: Arity::AtLeast(5),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))
            .notes("UPDATE instead of INSERT because of the optional trimming feature")],
        args: &[
            Arg::key("key"),
            Arg::word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            Arg::block("trim", TRIM_ARGS).optional(),
            Arg::one_of("id_or_auto", &[Arg::word("auto_id", "*"), Arg::string("id")]),
            Arg::block("field_value", &[Arg::string("field"), Arg::string("value")]).multiple(),
        ],
        tips: &["nondeterministic_output"],
        history: &[
            (
                "6.2.0",
                "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` \
            option.",
            ),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xadd,
);

/// What stands before an entry's fields.
struct Options {
    may_create: bool,
    trim: Option<Trim>,
    id: Wanted,
}

impl Options {
    #[inline]
    fn read(args: &mut Args<'_>, settings: &Settings) -> CmdResult<Options> {
        let (mut trim, mut may_create) = (TrimOptions::default(), true);
        let id = loop {
            if args.take_word("NOMKSTREAM") {
                may_create = false;
            } else if !trim.take(args)? {
                break ids::read_wanted(args.bytes()?)?;
            }
        };
        let trim = trim.finish(settings)?;
        if args.left() == 0 || !args.left().is_multiple_of(2) {
            return Err(args.wrong_arity());
        }
        if id == Wanted::Exactly(StreamId::MIN) {
            return Err(ZERO_ID);
        }
        Ok(Options { may_create, trim, id })
    }
}

fn xadd(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Options { may_create, trim, id } = Options::read(args, cx.settings)?;
    let mut fields: SmallVec<[(&[u8], &[u8]); INLINE_FIELDS]> = SmallVec::new();
    let mut bytes = 0;
    while args.left() > 0 {
        let (name, value) = (args.bytes()?, args.bytes()?);
        bytes += name.len() + value.len();
        fields.push((name, value));
    }
    if bytes >= listpack::MAX_BYTES {
        return Err(TOO_LARGE);
    }
    let (limits, now) = (cx.limits(), cx.now.0);
    let mut stream = if may_create {
        cx.db.get_or_create::<Stream>(&key)?
    } else {
        match cx.db.get_mut::<Stream>(&key)? {
            Some(stream) => stream,
            None => return Ok(Reply::Nil),
        }
    };
    let wanted = id;
    let id = choose_id(&stream, wanted, now)?;
    if !stream.append(id, &fields, &limits) {
        return Err(NOT_GREATER);
    }
    let trimmed = trim.map_or(0, |trim| trim.apply(&mut stream));
    let trim = trim.map(|trim| (trim, ExactTrim::of(trim, &stream)));
    drop(stream);
    cx.changed(&key, Event::stream("xadd"));
    if trimmed > 0 {
        cx.changed_by(&key, XTRIM_EVENT, 0);
    }
    propagate::add(cx, &key, (wanted, id), trim, &fields);
    write_id(cx.out, id);
    Ok(Reply::Written)
}

/// The entry's id. Whether it is past all others is left to the stream.
#[inline]
fn choose_id(stream: &Stream, wanted: Wanted, now: u64) -> CmdResult<StreamId> {
    let last = stream.ids().last;
    if last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    match wanted {
        Wanted::Exactly(id) => Ok(id),
        Wanted::Next => stream.next_id(now).ok_or(EXHAUSTED),
        // Redis' own words for a millisecond without further numbers.
        Wanted::At(ms) if ms == last.ms => {
            Ok(StreamId::new(ms, last.seq.checked_add(1).ok_or(TOO_LARGE)?))
        }
        Wanted::At(ms) => Ok(StreamId::new(ms, 0)),
    }
}
