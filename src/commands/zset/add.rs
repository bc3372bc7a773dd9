//! Adding members and changing their scores.

use smallvec::SmallVec;

use crate::base::float::parse_double;
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::{CollectionMut, Key};
use crate::spec::{
    Arg, ArgKind, Arity, CmdError, CmdResult, CommandSpec, Event, Flags, Group, KeyFlags, KeySpec,
    Plan,
};
use crate::types::Zset;

const RIVALS: CmdError =
    CmdError::text("ERR XX and NX options at the same time are not compatible");
const RIVAL_COMPARISONS: CmdError =
    CmdError::text("ERR GT, LT, and/or NX options at the same time are not compatible");
const ONE_INCREMENT: CmdError =
    CmdError::text("ERR INCR option supports a single increment-element pair");
const NOT_A_NUMBER: CmdError = CmdError::text("ERR resulting score is not a number (NaN)");

pub const ZADD: Command = Command::new(
    CommandSpec {
        name: "zadd",
        summary: "Add one or more members to a sorted set, or update its score if it already \
            exists",
        since: "1.2.0",
        complexity: "O(log(N)) for each item added, where N is the number of elements in the \
            sorted set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))],
        args: &[
            Arg::key("key"),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("3.0.2")
                .optional(),
            Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("3.0.2").optional(),
            Arg::word("increment", "INCR").since("3.0.2").optional(),
            Arg::block(
                "score_member",
                &[Arg::new("score", ArgKind::Double), Arg::string("member")],
            )
            .multiple(),
        ],
        history: &[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zadd,
);

fn zadd(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    let options = Options::read(args)?;
    if options.increment {
        let (increment, member) = (score(args)?, args.bytes()?);
        return add_to(cx, &key, member, increment, options.condition);
    }
    // All scores are read before anything is changed.
    let (mut scores, mut ahead) = (SmallVec::<[f64; 8]>::new(), *args);
    while ahead.left() > 0 {
        scores.push(score(&mut ahead)?);
        ahead.bytes()?;
    }
    let elements = scores.into_iter().map(|score| {
        args.bytes()?;
        Ok((score, args.bytes()?))
    });
    let Changes { added, changed } = add(cx, &key, options.condition, elements)?;
    Ok(Reply::Int(if options.count_changes { changed as i64 } else { added }))
}

/// How many members an addition has added, and how many it has added or changed.
pub struct Changes {
    pub added: i64,
    pub changed: usize,
}

/// Sets the scores of members where the condition allows it.
///
/// # Errors
/// If the key holds another kind, or the next element cannot be read.
#[inline]
pub fn add<'m>(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    condition: Condition,
    elements: impl Iterator<Item = CmdResult<(f64, &'m [u8])>>,
) -> CmdResult<Changes> {
    let limits = cx.limits();
    let (mut added, mut changed) = (0, 0);
    if let Some(mut zset) = open(cx, key, condition)? {
        for element in elements {
            let (score, member) = element?;
            zset.update(member, &limits, |old| {
                if !condition.allows(old, score) || old == Some(score) {
                    return None;
                }
                added += i64::from(old.is_none());
                changed += 1;
                Some(score)
            });
        }
    }
    if changed > 0 {
        cx.changed_by(key, Event::zset("zadd"), changed);
    }
    Ok(Changes { added, changed })
}

/// When a member's score is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition {
    /// NX: only if it is no member yet.
    pub absent: bool,
    /// XX: only if it is one.
    pub present: bool,
    /// GT: a member's only to a greater one.
    pub greater: bool,
    /// LT: a member's only to a lesser one.
    pub less: bool,
}

impl Condition {
    #[inline]
    fn allows(self, old: Option<f64>, new: f64) -> bool {
        match old {
            None => !self.present,
            Some(old) => !(self.absent || self.greater && new <= old || self.less && new >= old),
        }
    }
}

/// What precedes the scores and members.
struct Options {
    condition: Condition,
    count_changes: bool,
    increment: bool,
}

impl Options {
    fn read(args: &mut Args<'_>) -> CmdResult<Options> {
        let mut condition = Condition::default();
        let (mut count_changes, mut increment) = (false, false);
        while let Some(token) = args.token() {
            match token.upper() {
                b"NX" => condition.absent = true,
                b"XX" => condition.present = true,
                b"GT" => condition.greater = true,
                b"LT" => condition.less = true,
                b"CH" => count_changes = true,
                b"INCR" => increment = true,
                _ => {
                    args.step_back();
                    break;
                }
            }
        }
        let Condition { absent, present, greater, less } = condition;
        if args.left() == 0 || !args.left().is_multiple_of(2) {
            return Err(CmdError::Syntax);
        }
        if absent && present {
            return Err(RIVALS);
        }
        if greater && less || absent && (greater || less) {
            return Err(RIVAL_COMPARISONS);
        }
        if increment && args.left() > 2 {
            return Err(ONE_INCREMENT);
        }
        Ok(Options { condition, count_changes, increment })
    }
}

fn score(args: &mut Args<'_>) -> CmdResult<f64> {
    parse_double(args.bytes()?).ok_or(CmdError::NotFloat)
}

/// The sorted set to add to; a new one unless only members may be changed.
#[inline]
fn open<'c>(
    cx: &'c mut Ctx<'_>,
    key: &Key<'_>,
    condition: Condition,
) -> CmdResult<Option<CollectionMut<'c, Zset>>> {
    if condition.present {
        Ok(cx.db.get_mut::<Zset>(key)?)
    } else {
        Ok(Some(cx.db.get_or_create::<Zset>(key)?))
    }
}

pub const ZINCRBY: Command = Command::new(
    CommandSpec {
        name: "zincrby",
        summary: "Increment the score of a member in a sorted set",
        since: "1.2.0",
        complexity: "O(log(N)) where N is the number of elements in the sorted set.",
        group: Group::SortedSet,
        arity: Arity::Exact(4),
        flags: Flags::WRITE.union(Flags::DENY_OOM).union(Flags::FAST),
        keys: &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))],
        args: &[Arg::key("key"), Arg::int("increment"), Arg::string("member")],
        plan: Plan::Batch,
        ..CommandSpec::BASE
    },
    zincrby,
);

fn zincrby(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    // An increment that reads as an option of ZADD is one, and leaves too little.
    let Options { condition, .. } = Options::read(args)?;
    let (increment, member) = (score(args)?, args.bytes()?);
    add_to(cx, &key, member, increment, condition)
}

/// Adds to a member's score, that of a new one being 0; replies the sum, or nil if the condition
/// does not allow it.
fn add_to(
    cx: &mut Ctx<'_>,
    key: &Key<'_>,
    member: &[u8],
    increment: f64,
    condition: Condition,
) -> CmdResult<Reply> {
    let limits = cx.limits();
    let (mut outcome, mut changed) = (None, false);
    if let Some(mut zset) = open(cx, key, condition)? {
        zset.update(member, &limits, |old| {
            let sum = old.map_or(increment, |old| old + increment);
            if old.is_some() && condition.absent {
                return None;
            }
            if !sum.is_nan() && !condition.allows(old, sum) {
                return None;
            }
            outcome = Some(sum);
            changed = !sum.is_nan() && old != Some(sum);
            changed.then_some(sum)
        });
    }
    if changed {
        cx.changed(key, Event::zset("zincr"));
    }
    match outcome {
        None => return Ok(Reply::Nil),
        Some(sum) if sum.is_nan() => return Err(NOT_A_NUMBER),
        Some(sum) => cx.out.double(sum),
    }
    Ok(Reply::Written)
}
