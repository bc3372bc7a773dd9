//! What ZRANGE and its kin ask for, and the ranks that answer it.

use std::ops::{Bound, Range};

use super::bounds;
use super::{begin, put};
use crate::commands::{Args, Ctx, Reply};
use crate::keyspace::Key;
use crate::spec::{CmdError, CmdResult};
use crate::types::zset::LexBound;
use crate::types::{Collection, ValueRef, Zset};

const LIMIT_BY_RANK: CmdError = CmdError::text(
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
);
const SCORES_BY_LEX: CmdError =
    CmdError::text("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

/// What the ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name says already; the rest are options.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub by: Option<By>,
    pub reverse: Option<bool>,
    /// Whether scores can be asked for: not where the result is stored.
    pub scores: bool,
}

impl Form {
    /// ZRANGE: everything is an option.
    pub const ANY: Form = Form { by: None, reverse: None, scores: true };

    pub const fn of(by: By, reverse: bool) -> Form {
        Form { by: Some(by), reverse: Some(reverse), scores: true }
    }
}

/// Which members are wanted, in which order.
pub struct Query<'a> {
    wanted: Wanted<'a>,
    reverse: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
    scores: bool,
}

enum Wanted<'a> {
    Ranks(i64, i64),
    Scores(Bound<f64>, Bound<f64>),
    Lex(LexBound<'a>, LexBound<'a>),
}

impl<'a> Query<'a> {
    /// Reads both ends of the range and the options.
    pub fn read(args: &mut Args<'a>, form: Form) -> CmdResult<Query<'a>> {
        let (first, last) = (args.bytes()?, args.bytes()?);
        let (mut by, mut reverse) = (form.by, form.reverse);
        let (mut offset, mut count, mut scores) = (0, -1, false);
        while let Some(token) = args.token() {
            match token.upper() {
                b"WITHSCORES" if form.scores => scores = true,
                b"LIMIT" if args.left() >= 2 => (offset, count) = (args.int()?, args.int()?),
                b"REV" if reverse.is_none() => reverse = Some(true),
                b"BYSCORE" if by.is_none() => by = Some(By::Score),
                b"BYLEX" if by.is_none() => by = Some(By::Lex),
                _ => return Err(CmdError::Syntax),
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if by == By::Rank && count != -1 {
            return Err(LIMIT_BY_RANK);
        }
        if by == By::Lex && scores {
            return Err(SCORES_BY_LEX);
        }
        let (min, max) = if reverse { (last, first) } else { (first, last) };
        let wanted = match by {
            By::Rank => {
                let rank =
                    |text: &[u8]| crate::base::number::parse_i64(text).ok_or(CmdError::NotInteger);
                Wanted::Ranks(rank(first)?, rank(last)?)
            }
            By::Score => {
                let (min, max) = bounds::score_bounds(min, max)?;
                Wanted::Scores(min, max)
            }
            By::Lex => {
                let (min, max) = bounds::lex_bounds(min, max)?;
                Wanted::Lex(min, max)
            }
        };
        Ok(Query { wanted, reverse, offset, count, scores })
    }

    /// The ranks of the wanted members.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let len = zset.len();
        let all = match self.wanted {
            Wanted::Ranks(start, stop) => {
                let Range { start, end } = bounds::ranks(start, stop, len);
                return if self.reverse { len - end..len - start } else { start..end };
            }
            Wanted::Scores(min, max) => zset.ranks_by_score(min, max),
            Wanted::Lex(min, max) => zset.ranks_by_lex(min, max, self.reverse),
        };
        let Ok(skipped) = usize::try_from(self.offset) else { return 0..0 };
        let left = all.len().saturating_sub(skipped);
        let taken = usize::try_from(self.count).map_or(left, |count| count.min(left));
        if self.reverse {
            let end = all.start + left;
            end - taken..end
        } else {
            let start = all.end - left;
            start..start + taken
        }
    }

    /// Replies the wanted members.
    pub fn answer(&self, cx: &mut Ctx<'_>, key: &Key<'_>) -> CmdResult<Reply> {
        let Some(zset) = cx.db.get::<Zset>(key)? else {
            return Ok(Reply::EmptyArray);
        };
        let ranks = self.ranks(zset);
        begin(cx.out, ranks.len(), self.scores);
        let walk = zset.range(ranks);
        if self.reverse {
            walk.rev().for_each(|element| put(cx.out, element, self.scores));
        } else {
            walk.for_each(|element| put(cx.out, element, self.scores));
        }
        Ok(Reply::Written)
    }

    /// The wanted members as a sorted set of their own.
    pub fn copy(&self, cx: &mut Ctx<'_>, key: &Key<'_>) -> CmdResult<Zset> {
        let limits = cx.limits();
        let mut copy = Zset::default();
        if let Some(zset) = cx.db.get::<Zset>(key)? {
            let ranks = self.ranks(zset);
            // Where the scores of -0 that a listpack has no room for are lost is as in Redis, which
            // knows in advance only of ranks how many they are.
            if matches!(self.wanted, Wanted::Ranks(..)) && ranks.len() > limits.zset.entries {
                copy.begin_big(ranks.len(), &limits);
            }
            let mut digits = itoa::Buffer::new();
            let mut add = |(member, score): (ValueRef<'_>, f64)| {
                copy.insert(member.text(&mut digits), score, &limits);
            };
            let walk = zset.range(ranks);
            if self.reverse { walk.rev().for_each(&mut add) } else { walk.for_each(&mut add) }
        }
        Ok(copy)
    }
}
