//! Taking elements from a list's ends.

use smallvec::SmallVec;

use super::{ENDS, pop_name, popped, read_end, removed};
use crate::commands::{Args, Command, Ctx, Reply, bulk_value};
use crate::keyspace::{CollectionMut, Key};
use crate::resp::Encoder;
use crate::spec::{
    Arg, Arity, Begin, CmdError, CmdResult, CommandSpec, Find, Flags, Group, KeyFlags, KeySpec,
    Plan,
};
use crate::types::{Collection, End, Limits, List};

const KEY_COUNT: CmdError = CmdError::text("ERR numkeys should be greater than 0");
const ELEMENT_COUNT: CmdError = CmdError::text("ERR count should be greater than 0");

/// What LPOP and RPOP have in common.
const POP: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(N) where N is the number of elements returned",
    group: Group::List,
    arity: Arity::AtLeast(2),
    flags: Flags::WRITE.union(Flags::FAST),
    keys: &[KeySpec::one(1, TAKEN)],
    args: &[Arg::key("key"), Arg::int("count").since("6.2.0").optional()],
    history: &[("6.2.0", "Added the `count` argument.")],
    plan: Plan::Batch,
    ..CommandSpec::BASE
};

/// A key whose list gives elements away.
pub(super) const TAKEN: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);

pub const LPOP: Command = Command::new(
    CommandSpec { name: "lpop", summary: "Remove and get the first elements in a list", ..POP },
    lpop,
);

fn lpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, End::Front)
}

pub const RPOP: Command = Command::new(
    CommandSpec { name: "rpop", summary: "Remove and get the last elements in a list", ..POP },
    rpop,
);

fn rpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    pop(cx, args, End::Back)
}

#[inline]
fn pop(cx: &mut Ctx<'_>, args: &mut Args<'_>, end: End) -> CmdResult<Reply> {
    let key = args.key()?;
    match args.left() {
        0 => {}
        1 => return pop_several(cx, &key, args, end),
        _ => return Err(args.wrong_arity()),
    }
    Ok(if pop_one(cx, &key, end)? { Reply::Written } else { Reply::Nil })
}

/// Writes the element at that end and removes it; false if there is no such key.
#[inline]
pub(super) fn pop_one(cx: &mut Ctx<'_>, key: &Key<'_>, end: End) -> CmdResult<bool> {
    let limits = cx.limits();
    let Some(mut list) = cx.db.get_mut::<List>(key)? else {
        return Ok(false);
    };
    list.pop(end, &limits, |element| bulk_value(cx.out, element));
    let is_empty = list.is_empty();
    drop(list);
    removed(cx, key, popped(end), (1, is_empty));
    Ok(true)
}

fn pop_several(cx: &mut Ctx<'_>, key: &Key<'_>, args: &mut Args<'_>, end: End) -> CmdResult<Reply> {
    let count = args.int().ok().and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CmdError::NotPositive)?;
    let limits = cx.limits();
    let Some(list) = cx.db.get_mut::<List>(key)? else {
        return Ok(Reply::NilArray);
    };
    if count == 0 {
        return Ok(Reply::EmptyArray);
    }
    let count = count.min(list.len());
    let is_empty = take(list, end, count, &limits, cx.out);
    removed(cx, key, popped(end), (count, is_empty));
    Ok(Reply::Written)
}

/// Writes `count` elements, which there are, as an array and removes them; whether none is left.
fn take(
    mut list: CollectionMut<'_, List>,
    end: End,
    count: usize,
    limits: &Limits,
    out: &mut Encoder,
) -> bool {
    out.array(count);
    list.take(end, count, limits, |element| bulk_value(out, element));
    list.is_empty()
}

pub const LMPOP: Command = Command::new(
    CommandSpec {
        name: "lmpop",
        summary: "Pop elements from a list",
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of provided keys and M is the number of \
            elements returned.",
        group: Group::List,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE,
        keys: &[counted_keys(1)],
        args: &[
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::one_of("where", ENDS),
            Arg::int("count").token("COUNT").optional(),
        ],
        ..CommandSpec::BASE
    },
    lmpop,
);

fn lmpop(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let wanted = Wanted::read(args)?;
    Ok(if wanted.pop(cx)? { Reply::Written } else { Reply::NilArray })
}

/// Keys whose number stands in argument `index`.
pub(super) const fn counted_keys(index: u16) -> KeySpec {
    KeySpec {
        begin: Begin::Index(index),
        find: Find::Count { index: 0, first: 1, step: 1 },
        flags: TAKEN,
        notes: "",
    }
}

/// What LMPOP is asked for.
pub(super) struct Wanted<'a> {
    pub keys: SmallVec<[Key<'a>; 4]>,
    end: End,
    count: usize,
}

impl<'a> Wanted<'a> {
    /// Reads all arguments from the number of keys on.
    pub fn read(args: &mut Args<'a>) -> CmdResult<Wanted<'a>> {
        let keys = positive(args).ok_or(KEY_COUNT)?;
        if args.left() <= keys {
            return Err(CmdError::Syntax);
        }
        let keys = (0..keys).map(|_| args.key()).collect::<CmdResult<_>>()?;
        let end = read_end(args)?;
        let mut count = None;
        while let Some(token) = args.token() {
            if token.upper() != b"COUNT" || count.is_some() || args.left() == 0 {
                return Err(CmdError::Syntax);
            }
            count = Some(positive(args).ok_or(ELEMENT_COUNT)?);
        }
        Ok(Wanted { keys, end, count: count.unwrap_or(1) })
    }

    /// Pops from the first key that holds a list, or from the one that is ready, and writes both;
    /// false if there is none.
    pub fn pop(&self, cx: &mut Ctx<'_>) -> CmdResult<bool> {
        let limits = cx.limits();
        for key in &self.keys {
            if cx.skips(key) {
                continue;
            }
            let Some(list) = cx.db.get_mut::<List>(key)? else { continue };
            cx.out.array(2);
            cx.out.bulk(key.bytes);
            let count = self.count.min(list.len());
            let is_empty = take(list, self.end, count, &limits, cx.out);
            removed(cx, key, popped(self.end), (count, is_empty));
            let mut digits = itoa::Buffer::new();
            cx.propagate(&[pop_name(self.end), key.bytes, digits.format(count).as_bytes()]);
            return Ok(true);
        }
        Ok(false)
    }
}

fn positive(args: &mut Args<'_>) -> Option<usize> {
    usize::try_from(args.int().ok()?).ok().filter(|&number| number > 0)
}
