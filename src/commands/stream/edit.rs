//! Deleting entries, and setting what a stream remembers of its ids.

use smallvec::SmallVec;

use super::ids;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{
    Arg, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec, Plan,
};
use crate::types::{Collection, Stream, StreamId};

const NEGATIVE_ADDED: CmdError = CmdError::text("ERR entries_added must be positive");
const BELOW_DELETED: CmdError = CmdError::text(
    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
);
const BELOW_TOP: CmdError =
    CmdError::text("ERR The ID specified in XSETID is smaller than the target stream top item");
const BELOW_LENGTH: CmdError = CmdError::text(
    "ERR The entries_added specified in XSETID is smaller than the target stream length",
);

pub const XDEL: Command = Command::new(
    CommandSpec {
        name: "xdel",
        summary: "Removes the specified entries from the stream. Returns the number of items \
            actually deleted, that may be different from the number of IDs passed in \
            case certain IDs do not exist.",
        since: "5.0.0",
        complexity: "O(1) for each single item to delete in the stream, regardless of the stream \
            size.",
        group: Group::Stream,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::DELETE))],
        args: &[Arg::key("key"), Arg::string("id").multiple()],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xdel,
);

fn xdel(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let Some(mut stream) = cx.db.get_mut::<Stream>(&key)? else {
        return Ok(Reply::Int(0));
    };
    let ids = read_ids(args)?;
    let removed = ids.into_iter().filter(|&id| stream.remove(id)).count();
    drop(stream);
    if removed > 0 {
        cx.changed_by(&key, Event::stream("xdel"), removed);
    }
    Ok(Reply::Int(removed as i64))
}

/// Reads all arguments that are left as ids.
pub fn read_ids(args: &mut Args<'_>) -> CmdResult<SmallVec<[StreamId; 8]>> {
    let mut found = SmallVec::new();
    while args.left() > 0 {
        found.push(ids::read(args.bytes()?)?);
    }
    Ok(found)
}

pub const XSETID: Command = Command::new(
    CommandSpec {
        name: "xsetid",
        summary: "An internal command for replicating stream values",
        since: "5.0.0",
        complexity: "O(1)",
        group: Group::Stream,
        arity: Arity::AtLeast(3),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::string("last-id"),
            Arg::int("entries_added").token("ENTRIESADDED").since("7.0.0").optional(),
            Arg::string("max_deleted_entry_id").token("MAXDELETEDID").since("7.0.0").optional(),
        ],
        history: &[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    xsetid,
);

fn xsetid(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let last = ids::read(args.bytes()?)?;
    let (mut added, mut max_deleted) = (None, None);
    while args.left() > 0 {
        if args.left() >= 2 && args.take_word("ENTRIESADDED") {
            added = Some(u64::try_from(args.int()?).map_err(|_| NEGATIVE_ADDED)?);
        } else if args.left() >= 2 && args.take_word("MAXDELETEDID") {
            let id = ids::read(args.bytes()?)?;
            if last < id {
                return Err(BELOW_DELETED);
            }
            max_deleted = Some(id);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let mut stream = cx.db.get_mut::<Stream>(&key)?.ok_or(CmdError::NoSuchKey)?;
    if stream.last().is_some_and(|entry| last < entry.id) {
        return Err(BELOW_TOP);
    }
    if added.is_some_and(|added| added < stream.len() as u64) {
        return Err(BELOW_LENGTH);
    }
    stream.set_ids(last, added, max_deleted.filter(|&id| id != StreamId::MIN));
    drop(stream);
    cx.noted(&key, Some(Event::stream("xsetid")));
    Ok(Reply::Ok)
}
