//! Moving an element from one list to another, or from one end to the other.

use smallvec::SmallVec;

use super::pop::TAKEN;
use super::{ENDS, popped, pushed, read_end, removed};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Deprecated, Flags, Group, KeyFlags,
    KeySpec, Plan,
};
use crate::types::{Collection, End, Kind, List};

/// What all that move an element have in common.
pub(super) const MOVE: CommandSpec = CommandSpec {
    complexity: "O(1)",
    group: Group::List,
    flags: Flags::WRITE.union(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, TAKEN), KeySpec::one(2, KeyFlags::RW.union(KeyFlags::INSERT))],
    plan: Plan::Batch,
    ..CommandSpec::BASE
};

pub(super) const SOURCE: Arg = Arg::key("source");
pub(super) const DESTINATION: Arg = Arg::new("destination", ArgKind::Key(1));
pub(super) const FROM: Arg = Arg::one_of("wherefrom", ENDS);
pub(super) const TO: Arg = Arg::one_of("whereto", ENDS);

pub const LMOVE: Command = Command::new(
    CommandSpec {
        name: "lmove",
        summary: "Pop an element from a list, push it to another list and return it",
        since: "6.2.0",
        arity: Arity::Exact(5),
        args: &[SOURCE, DESTINATION, FROM, TO],
        ..MOVE
    },
    lmove,
);

fn lmove(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let shift = Shift::between_ends(args)?;
    Ok(if shift.run(cx)? { Reply::Written } else { Reply::Nil })
}

pub const RPOPLPUSH: Command = Command::new(
    CommandSpec {
        name: "rpoplpush",
        summary: "Remove the last element in a list, prepend it to another list and return it",
        since: "1.2.0",
        arity: Arity::Exact(3),
        args: &[SOURCE, DESTINATION],
        deprecated: Some(Deprecated {
            since: "6.2.0",
            replaced_by: "`LMOVE` with the `RIGHT` and `LEFT` arguments",
        }),
        ..MOVE
    },
    rpoplpush,
);

fn rpoplpush(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let shift = Shift::from_back_to_front(args)?;
    Ok(if shift.run(cx)? { Reply::Written } else { Reply::Nil })
}

/// From where an element goes to where.
pub(super) struct Shift<'a> {
    pub source: Key<'a>,
    pub destination: Key<'a>,
    pub from: End,
    pub to: End,
}

impl<'a> Shift<'a> {
    /// Reads LMOVE's arguments.
    pub fn between_ends(args: &mut Args<'a>) -> CmdResult<Shift<'a>> {
        let (source, destination) = (args.key()?, args.key()?);
        Ok(Shift { source, destination, from: read_end(args)?, to: read_end(args)? })
    }

    /// Reads RPOPLPUSH's arguments.
    pub fn from_back_to_front(args: &mut Args<'a>) -> CmdResult<Shift<'a>> {
        let (source, destination) = (args.key()?, args.key()?);
        Ok(Shift { source, destination, from: End::Back, to: End::Front })
    }

    /// Moves an element and writes it; false if there is no source.
    pub fn run(&self, cx: &mut Ctx<'_>) -> CmdResult<bool> {
        let Shift { source, destination, from, to } = self;
        let limits = cx.limits();
        let same = source.bytes == destination.bytes;
        let there = if same { None } else { cx.db.kind(destination) };
        let Some(mut list) = cx.db.get_mut::<List>(source)? else {
            return Ok(false);
        };
        if there.is_some_and(|kind| kind != Kind::List) {
            return Err(CmdError::WrongType);
        }
        let element = list.pop(*from, &limits, |element| {
            SmallVec::<[u8; 128]>::from_slice(element.text(&mut itoa::Buffer::new()))
        });
        let element = element.expect("a stored list is not empty");
        if same {
            list.push(*to, &element, &limits);
        }
        let is_empty = list.is_empty();
        drop(list);
        if !same {
            cx.db.get_or_create::<List>(destination)?.push(*to, &element, &limits);
        }
        cx.out.bulk(&element);
        cx.changed(destination, pushed(*to));
        removed(cx, source, popped(*from), (0, is_empty));
        Ok(true)
    }
}
