//! Unions, intersections and differences that are replied.

use smallvec::SmallVec;

use super::inputs::{Aggregate, Elements, Inputs, Keys, count_keys, read_keys, read_weights};
use super::{begin, put};
use crate::commands::{Args, Command, Ctx, Reply};
use crate::keyspace::Held;
use crate::spec::{
    Arg, Arity, Begin, CmdError, CmdResult, CommandSpec, Find, Flags, Group, KeyFlags, KeySpec,
};
use crate::types::{Limits, ValueRef};

const NEGATIVE_LIMIT: CmdError = CmdError::text("ERR LIMIT can't be negative");

const READ_SEVERAL: &[KeySpec] = &[KeySpec {
    begin: Begin::Index(1),
    find: Find::Count { index: 0, first: 1, step: 1 },
    flags: KeyFlags::RO.union(KeyFlags::ACCESS),
    notes: "",
}];
pub const WEIGHTS: Arg = Arg::int("weight").token("WEIGHTS").optional().multiple();
pub const AGGREGATE: Arg = Arg::one_of(
    "aggregate",
    &[Arg::word("sum", "SUM"), Arg::word("min", "MIN"), Arg::word("max", "MAX")],
)
.token("AGGREGATE")
.optional();
const WITH_SCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Union,
    Intersection,
    Difference,
}

/// A request to combine: what to, and how.
pub struct Combination<'a> {
    operation: Operation,
    keys: Keys<'a>,
    weights: SmallVec<[f64; 8]>,
    aggregate: Aggregate,
    scores: bool,
}

impl<'a> Combination<'a> {
    /// Reads the keys, of which there are `count`, and the options; scores cannot be asked for
    /// where the result is stored.
    ///
    /// # Errors
    /// If a key holds neither a set nor a sorted set, or an option makes no sense.
    pub fn read(
        cx: &mut Ctx<'_>,
        args: &mut Args<'a>,
        count: usize,
        operation: Operation,
        stored: bool,
    ) -> CmdResult<Combination<'a>> {
        let keys = read_keys(cx, args, count)?;
        let mut weights = SmallVec::new();
        let (mut aggregate, mut scores) = (Aggregate::Sum, false);
        let weighed = operation != Operation::Difference;
        while let Some(token) = args.token() {
            match token.upper() {
                b"WEIGHTS" if weighed && args.left() >= count => {
                    weights = read_weights(args, count)?;
                }
                b"AGGREGATE" if weighed => {
                    aggregate = match args.token().ok_or(CmdError::Syntax)?.upper() {
                        b"SUM" => Aggregate::Sum,
                        b"MIN" => Aggregate::Min,
                        b"MAX" => Aggregate::Max,
                        _ => return Err(CmdError::Syntax),
                    };
                }
                b"WITHSCORES" if !stored => scores = true,
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(Combination { operation, keys, weights, aggregate, scores })
    }

    /// # Errors
    /// If a key holds neither a set nor a sorted set.
    pub fn compute(&self, db: &Held<'_>, limits: &Limits) -> CmdResult<Elements> {
        let inputs = Inputs::new(db, &self.keys, &self.weights)?;
        Ok(match self.operation {
            Operation::Union => inputs.union(self.aggregate, limits),
            Operation::Intersection => inputs.intersection(self.aggregate),
            Operation::Difference => inputs.difference(),
        })
    }
}

fn answer(cx: &mut Ctx<'_>, args: &mut Args<'_>, operation: Operation) -> CmdResult<Reply> {
    let count = count_keys(*args)?;
    let combination = Combination::read(cx, args, count, operation, false)?;
    let limits = cx.limits();
    let mut elements = combination.compute(&cx.db, &limits)?;
    begin(cx.out, elements.len(), combination.scores);
    for (member, score) in elements.in_order() {
        put(cx.out, (ValueRef::Bytes(member), score), combination.scores);
    }
    Ok(Reply::Written)
}

pub const ZUNION: Command = Command::new(
    CommandSpec {
        name: "zunion",
        summary: "Add multiple sorted sets",
        since: "6.2.0",
        complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, \
            and M being the number of elements in the resulting sorted set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: READ_SEVERAL,
        args: &[Arg::int("numkeys"), Arg::key("key").multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
        ..CommandSpec::BASE
    },
    zunion,
);

fn zunion(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Operation::Union)
}

pub const ZINTER: Command = Command::new(
    CommandSpec {
        name: "zinter",
        summary: "Intersect multiple sorted sets",
        since: "6.2.0",
        complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K \
            being the number of input sorted sets and M being the number of elements in \
            the resulting sorted set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: READ_SEVERAL,
        args: &[Arg::int("numkeys"), Arg::key("key").multiple(), WEIGHTS, AGGREGATE, WITH_SCORES],
        ..CommandSpec::BASE
    },
    zinter,
);

fn zinter(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Operation::Intersection)
}

pub const ZDIFF: Command = Command::new(
    CommandSpec {
        name: "zdiff",
        summary: "Subtract multiple sorted sets",
        since: "6.2.0",
        complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all \
            the sets, N is the size of the first set, and K is the size of the result \
            set.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: READ_SEVERAL,
        args: &[Arg::int("numkeys"), Arg::key("key").multiple(), WITH_SCORES],
        ..CommandSpec::BASE
    },
    zdiff,
);

fn zdiff(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    answer(cx, args, Operation::Difference)
}

pub const ZINTERCARD: Command = Command::new(
    CommandSpec {
        name: "zintercard",
        summary: "Intersect multiple sorted sets and return the cardinality of the result",
        since: "7.0.0",
        complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the \
            number of input sorted sets.",
        group: Group::SortedSet,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: READ_SEVERAL,
        args: &[
            Arg::int("numkeys"),
            Arg::key("key").multiple(),
            Arg::int("limit").token("LIMIT").optional(),
        ],
        ..CommandSpec::BASE
    },
    zintercard,
);

fn zintercard(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let count = count_keys(*args)?;
    let keys = read_keys(cx, args, count)?;
    let mut limit = 0;
    while let Some(token) = args.token() {
        match token.upper() {
            b"LIMIT" if args.left() > 0 => {
                let wanted = args.int().ok().and_then(|limit| usize::try_from(limit).ok());
                limit = wanted.ok_or(NEGATIVE_LIMIT)?;
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    let limit = if limit == 0 { usize::MAX } else { limit };
    let found = Inputs::new(&cx.db, &keys, &[])?.intersection_len(limit);
    Ok(Reply::Int(found as i64))
}
