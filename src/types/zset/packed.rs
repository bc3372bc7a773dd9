//! A small sorted set: one listpack of members and scores in turn, in order.

use super::leaf;
use crate::base::number::format_double;
use crate::types::packed::listpack::{self, Listpack};
use crate::types::packed::{Form, Pack};
use crate::types::{Needle, ValueRef};

/// Longest text of a score in a listpack.
pub(super) const SCORE_BYTES: usize = 24;

/// A score as a listpack has it.
pub(super) fn parse_score(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Int(score) => Some(score as f64),
        ValueRef::Bytes(text) => {
            let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            Some(score).filter(|score| !score.is_nan())
        }
    }
}

/// The integer that Redis packs a score as, if it can: -0 is 0 then.
pub(super) fn whole(score: f64) -> Option<i64> {
    const LARGEST: f64 = (1_u64 << 62) as f64;
    (score.abs() <= LARGEST && score.fract() == 0.0).then_some(score as i64)
}

/// Where a member is in a listpack.
pub(super) struct Found {
    pub at: usize,
    pub rank: usize,
    pub score: f64,
}

pub(super) fn find(pack: &Pack, member: &[u8]) -> Option<Found> {
    let (list, needle) = (Listpack::of(pack), Needle::new(member));
    let (mut at, mut rank) = (list.start(), 0);
    while let Some((here, score)) = list.entry(at) {
        let (value, next) = list.entry(score).expect("a score follows every member");
        if needle.is(here) {
            let score = parse_score(value).expect("a listpack's scores are numbers");
            return Some(Found { at, rank, score });
        }
        (at, rank) = (next, rank + 1);
    }
    None
}

pub(super) fn insert_packed(pack: &mut Pack, member: &[u8], score: f64) {
    let mut buffer = itoa::Buffer::new();
    let mut entries = Listpack::of(pack).iter();
    let mut at = entries.at();
    while let Some((other, other_score)) = next_pair(&mut entries) {
        if leaf::order((other_score, other.text(&mut buffer)), (score, member)).is_gt() {
            break;
        }
        at = entries.at();
    }
    let text = format_double(score);
    let stored = match whole(score) {
        Some(whole) if pack.form() == Form::Listpack => ValueRef::Int(whole),
        _ => ValueRef::of(&text),
    };
    listpack::insert(pack, at, &[ValueRef::of(member), stored]);
}

pub(super) fn pairs(pack: &Pack) -> impl Iterator<Item = (ValueRef<'_>, f64)> {
    let mut entries = Listpack::of(pack).iter();
    std::iter::from_fn(move || next_pair(&mut entries))
}

pub(super) fn next_pair<'a>(entries: &mut listpack::Iter<'a>) -> Option<(ValueRef<'a>, f64)> {
    let member = entries.next()?;
    let score = entries.next().and_then(parse_score);
    Some((member, score.expect("a listpack's scores are numbers")))
}
