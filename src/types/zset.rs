//! Sorted sets: unique members, each with a score, in order of score, then of bytes.
//!
//! A small sorted set is one listpack of members and scores in turn, in order. Past the limits it
//! is a [`Table`] from member to score beside a [`Tree`] of (score, member) that knows ranks. The
//! tree has the members' bytes once more: a byte string twice is still less than one string that
//! two indexes point at, and a range is read without a cache miss per member.

mod inner;
mod leaf;
mod lex;
mod packed;
mod range;
mod tree;
mod walk;

use std::collections::BTreeSet;
use std::ops::{Bound, Range};

use super::compact::{PackOr, Shape, ShapeMut};
use super::memory::allocated;
use super::packed::listpack::{self, Listpack};
use super::packed::{Form, Malformed, Pack, admission};
use super::sample::Selection;
use super::table::Table;
use super::{Collection, Kind, Limits, ValueRef};
use crate::base::Rng;
use crate::base::number::{DoubleText, format_double};
pub use lex::LexBound;
use packed::{SCORE_BYTES, find, insert_packed, pairs, parse_score};
use tree::Tree;
use walk::Source;
pub use walk::Walk;

/// A sorted set, one word wide.
///
/// # Invariants (asserted by [`Zset::check`])
/// - No member is there twice, no score is NaN, and the order is that of score, then bytes.
/// - A big set's table and tree hold the same members with the same scores.
#[derive(Clone)]
pub struct Zset(PackOr<Big>);

#[derive(Clone)]
struct Big {
    members: Table,
    tree: Tree,
}

impl Default for Zset {
    fn default() -> Zset {
        Zset(PackOr::pack(Pack::empty_listpack()))
    }
}

impl Collection for Zset {
    const KIND: Kind = Kind::Zset;

    #[inline]
    fn len(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => Listpack::of(pack).len() / 2,
            Shape::Big(big) => big.tree.len(),
        }
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => pack.heap_bytes(),
            Shape::Big(big) => {
                allocated(size_of::<Big>()) + big.members.heap_bytes() + big.tree.heap_bytes()
            }
        }
    }

    #[inline]
    fn prefetch(&self, step: usize, hashes: &[u64]) -> bool {
        let Some(step) = step.checked_sub(1) else { return self.0.prefetch() };
        match self.0.shape() {
            Shape::Big(big) => big.members.prefetch(step, hashes),
            Shape::Pack(_) => false,
        }
    }

    fn encoding(&self) -> &'static str {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => "listpack",
            Shape::Pack(_) | Shape::Big(_) => "skiplist",
        }
    }
}

impl Zset {
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.shape() {
            Shape::Pack(pack) => find(pack, member).map(|found| found.score),
            Shape::Big(big) => big.score(member),
        }
    }

    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        self.score(member).is_some()
    }

    /// Sets the member's score; returns the one it had, None if the member is new. An equal score
    /// is left as it is: a -0 stays one, as in Redis.
    ///
    /// # Panics
    /// If the score is NaN: callers refuse it first.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> Option<f64> {
        let mut old = None;
        self.update(member, limits, |was| {
            old = was;
            Some(score)
        });
        old
    }

    /// Sets the member's score to what `next` makes of the one it has (of `None`, if it is no
    /// member), in one search; `None` leaves everything as it is.
    ///
    /// # Panics
    /// If the score is NaN: callers refuse it first.
    #[inline]
    pub fn update(
        &mut self,
        member: &[u8],
        limits: &Limits,
        next: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let pack = match self.0.shape_mut() {
            ShapeMut::Big(big) => return big.update(member, next),
            ShapeMut::Pack(pack) => pack,
        };
        let found = find(pack, member);
        let old = found.as_ref().map(|found| found.score);
        let Some(score) = next(old).filter(|score| old != Some(*score)) else { return };
        assert!(!score.is_nan(), "a score is a number");
        let members = Listpack::of(pack).len() / 2 + usize::from(old.is_none());
        let added = member.len() + SCORE_BYTES;
        match admission::admit(pack, members, member.len(), added, limits.zset) {
            Some(form) => {
                if let Some(found) = found {
                    listpack::remove(pack, found.at, 2);
                }
                pack.set_form(form);
                insert_packed(pack, member, score);
            }
            None => self.spread(members, added, limits).update(member, |_| Some(score)),
        }
    }

    /// Removes the member; returns the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.0.shape_mut() {
            ShapeMut::Pack(pack) => {
                let found = find(pack, member)?;
                listpack::remove(pack, found.at, 2);
                Some(found.score)
            }
            ShapeMut::Big(big) => big.remove(member),
        }
    }

    /// How many members come before this one, and its score. From the other end the rank is
    /// `len - 1 - rank`.
    #[must_use]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.0.shape() {
            Shape::Pack(pack) => find(pack, member).map(|found| (found.rank, found.score)),
            Shape::Big(big) => {
                let score = big.score(member)?;
                Some((big.tree.rank((score, member)), score))
            }
        }
    }

    /// The ranks of the members with scores between two bounds; empty if there are none.
    #[must_use]
    pub fn ranks_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let start = match min {
            Bound::Unbounded => 0,
            Bound::Included(min) => self.partition_point(|score, _| score < min),
            Bound::Excluded(min) => self.partition_point(|score, _| score <= min),
        };
        let end = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(max) => self.partition_point(|score, _| score <= max),
            Bound::Excluded(max) => self.partition_point(|score, _| score < max),
        };
        start..end.max(start)
    }

    /// The ranks of the members between two bounds, looked for from one end. Means little unless
    /// all scores are equal: then a packed set still answers as Redis does, whose search stops at
    /// the first member that is out of bounds.
    #[must_use]
    pub fn ranks_by_lex(
        &self,
        min: LexBound<'_>,
        max: LexBound<'_>,
        backwards: bool,
    ) -> Range<usize> {
        if let Shape::Pack(pack) = self.0.shape() {
            return lex::ranks(pack, min, max, backwards);
        }
        let mut digits = itoa::Buffer::new();
        let mut holds =
            |element: Option<(ValueRef<'_>, f64)>, inside: fn(_, &[u8]) -> bool, bound| {
                element.is_some_and(|(member, _)| inside(bound, member.text(&mut digits)))
            };
        let first = self.iter().next();
        if !holds(self.iter().next_back(), LexBound::is_before, min)
            || !holds(first, LexBound::is_after, max)
        {
            return 0..0;
        }
        let start = if holds(first, LexBound::is_before, min) {
            0
        } else {
            self.partition_point(|_, member| !min.is_before(member))
        };
        let end = self.partition_point(|_, member| max.is_after(member));
        start..end.max(start)
    }

    /// How many members come before the first that `before` does not hold for.
    fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match self.0.shape() {
            Shape::Pack(pack) => {
                let mut buffer = itoa::Buffer::new();
                let holds = |(member, score): &(ValueRef<'_>, f64)| {
                    before(*score, member.text(&mut buffer))
                };
                pairs(pack).take_while(holds).count()
            }
            Shape::Big(big) => big.tree.partition_point(|(score, member)| before(score, member)),
        }
    }

    /// The members of these ranks with their scores, from either end; the range is cut to what
    /// there is.
    #[must_use]
    pub fn range(&self, ranks: Range<usize>) -> Walk<'_> {
        match self.0.shape() {
            Shape::Pack(pack) => {
                let end = ranks.end.min(self.len());
                let start = ranks.start.min(end);
                let list = Listpack::of(pack);
                let at = list.seek(start * 2).unwrap_or(list.end());
                let to = list.seek(end * 2).unwrap_or(list.end());
                Walk(Source::Pack(list.iter_between(at, to)))
            }
            Shape::Big(big) => Walk(Source::Tree(Box::new(big.tree.walk(ranks)))),
        }
    }

    #[must_use]
    pub fn iter(&self) -> Walk<'_> {
        self.range(0..usize::MAX)
    }

    /// Removes the members of these ranks, in order, telling `removed` of each.
    pub fn remove_range(&mut self, ranks: Range<usize>, mut removed: impl FnMut(&[u8], f64)) {
        let doomed: Vec<(Vec<u8>, f64)> =
            self.range(ranks).map(|(member, score)| (member.to_vec(), score)).collect();
        for (member, score) in doomed {
            self.remove(&member);
            removed(&member, score);
        }
    }

    /// Removes the member with the lowest score.
    pub fn pop_first(&mut self) -> Option<(Vec<u8>, f64)> {
        let (member, score) = self.iter().next().map(|(member, score)| (member.to_vec(), score))?;
        self.remove(&member);
        Some((member, score))
    }

    /// Removes the member with the highest score.
    pub fn pop_last(&mut self) -> Option<(Vec<u8>, f64)> {
        let last = self.iter().next_back();
        let (member, score) = last.map(|(member, score)| (member.to_vec(), score))?;
        self.remove(&member);
        Some((member, score))
    }

    /// Emits about `count` members from `cursor` on (a packed set: all) and returns the cursor to
    /// go on with, 0 at the end. Members that are there throughout a scan are emitted at least
    /// once.
    pub fn scan(&self, cursor: u64, count: usize, mut emit: impl FnMut(ValueRef<'_>, f64)) -> u64 {
        match self.0.shape() {
            Shape::Pack(pack) => {
                pairs(pack).for_each(|(member, score)| emit(member, score));
                0
            }
            Shape::Big(big) => big.members.scan(cursor, count, |member, score| {
                emit(ValueRef::Bytes(member), stored(score));
            }),
        }
    }

    /// A score as a scan shows it: in a listpack, large integers are written out.
    #[must_use]
    pub fn score_text(&self, score: f64) -> DoubleText {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => {
                packed::whole(score).map_or_else(|| format_double(score), DoubleText::of_int)
            }
            Shape::Pack(_) | Shape::Big(_) => format_double(score),
        }
    }

    /// Makes room for many members at once: an empty set does not begin as a listpack, in which a
    /// score of -0 would lose its sign.
    pub fn begin_big(&mut self, members: usize, limits: &Limits) {
        if self.is_empty() && matches!(self.0.shape(), Shape::Pack(_)) {
            self.spread(members, 0, limits);
        }
    }

    /// Reports the big encoding from now on, as Redis does after SORT.
    pub fn leave_listpack(&mut self) {
        if let ShapeMut::Pack(pack) = self.0.shape_mut() {
            pack.set_form(Form::Wide);
        }
    }

    /// A member by chance with its score; None if there is none.
    #[must_use]
    pub fn random(&self, rng: &mut Rng) -> Option<(ValueRef<'_>, f64)> {
        if self.is_empty() {
            return None;
        }
        let rank = rng.index(self.len());
        self.range(rank..rank + 1).next()
    }

    /// Emits `count` distinct members by chance, or all if there are no more.
    pub fn sample(&self, count: usize, rng: &mut Rng, mut emit: impl FnMut(ValueRef<'_>, f64)) {
        match self.0.shape() {
            Shape::Pack(pack) => {
                let mut selection = Selection::new(count, self.len());
                let chosen = pairs(pack).filter(|_| selection.take(rng));
                chosen.for_each(|(member, score)| emit(member, score));
            }
            Shape::Big(big) => big.members.sample(count, rng, |member, score| {
                emit(ValueRef::Bytes(member), stored(score));
            }),
        }
    }

    /// Turns the listpack into table and tree, with room for `members` members and `added` more
    /// bytes.
    fn spread(&mut self, members: usize, added: usize, limits: &Limits) -> &mut Big {
        if let Shape::Pack(pack) = self.0.shape() {
            let bytes = pack.total() + added;
            let members = Table::new(limits.hasher.clone(), members, bytes);
            let mut big = Big { members, tree: Tree::default() };
            let mut buffer = itoa::Buffer::new();
            for (member, score) in pairs(pack) {
                big.update(member.text(&mut buffer), |_| Some(score));
            }
            self.0 = PackOr::big(Box::new(big));
        }
        match self.0.shape_mut() {
            ShapeMut::Big(big) => big,
            ShapeMut::Pack(_) => unreachable!("just made big"),
        }
    }

    /// The bytes of a sorted set that is reported as a listpack.
    #[must_use]
    pub fn as_listpack(&self) -> Option<&[u8]> {
        match self.0.shape() {
            Shape::Pack(pack) if pack.form() == Form::Listpack => Some(pack.bytes()),
            Shape::Pack(_) | Shape::Big(_) => None,
        }
    }

    /// A sorted set of a dump's listpack.
    ///
    /// # Errors
    /// If the bytes are no listpack, or not one of unique members and their scores in order.
    pub fn from_listpack(bytes: &[u8], limits: &Limits) -> Result<Zset, Malformed> {
        let list = Listpack::parse(bytes)?;
        let (mut members, mut longest, mut last) = (BTreeSet::new(), 0, None);
        let mut entries = list.iter();
        while let Some(member) = entries.next() {
            let member = member.to_vec();
            let score = entries.next().and_then(parse_score).ok_or(Malformed)?;
            longest = longest.max(member.len());
            let here = (score, member.clone());
            if last.is_some_and(|last: (f64, Vec<u8>)| {
                leaf::order((last.0, &last.1), (here.0, &here.1)).is_ge()
            }) || !members.insert(member)
            {
                return Err(Malformed);
            }
            last = Some(here);
        }
        let pack = Pack::from_bytes(Form::Listpack, bytes);
        let form = admission::admit(&pack, members.len(), longest, 0, limits.zset);
        let mut zset = Zset(PackOr::pack(pack));
        match (form, zset.0.shape_mut()) {
            (Some(form), ShapeMut::Pack(pack)) => pack.set_form(form),
            _ => {
                zset.spread(members.len(), 0, limits);
            }
        }
        Ok(zset)
    }

    /// Asserts the invariants.
    pub fn check(&self) {
        match self.0.shape() {
            Shape::Pack(pack) => {
                Listpack::of(pack).check();
                let all: Vec<(f64, Vec<u8>)> =
                    pairs(pack).map(|(member, score)| (score, member.to_vec())).collect();
                let ascends =
                    |one: &_, next: &(f64, Vec<u8>)| order(one, next) == std::cmp::Ordering::Less;
                assert!(all.is_sorted_by(ascends), "{all:?}");
                let members: BTreeSet<_> = all.iter().map(|(_, member)| member).collect();
                assert_eq!((members.len(), all.len()), (self.len(), self.len()));
            }
            Shape::Big(big) => {
                big.members.check();
                big.tree.check();
                assert_eq!(big.members.len(), big.tree.len());
                for (score, member) in big.tree.walk(0..usize::MAX) {
                    assert_eq!(big.score(member).map(f64::to_bits), Some(score.to_bits()));
                }
            }
        }
    }
}

impl Big {
    #[inline]
    fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.get(member).map(stored)
    }

    #[inline]
    fn update(&mut self, member: &[u8], next: impl FnOnce(Option<f64>) -> Option<f64>) {
        let (mut old, mut new) = (None, None);
        self.members.update(member, |was| {
            old = was.map(stored);
            new = next(old).filter(|score| old != Some(*score));
            new.inspect(|score| assert!(!score.is_nan(), "a score is a number"))
                .map(f64::to_le_bytes)
        });
        let Some(score) = new else { return };
        if let Some(old) = old {
            self.tree.remove((old, member));
        }
        self.tree.insert((score, member));
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.score(member)?;
        self.members.remove(member);
        self.tree.remove((score, member));
        Some(score)
    }
}

fn order(one: &(f64, Vec<u8>), other: &(f64, Vec<u8>)) -> std::cmp::Ordering {
    leaf::order((one.0, &one.1), (other.0, &other.1))
}

/// A score as the table has it.
fn stored(score: &[u8]) -> f64 {
    f64::from_le_bytes(*score.first_chunk().expect("the table holds scores"))
}

#[cfg(test)]
mod tests;
