//! Going through a sorted set in order, whatever its form.

use super::packed::{next_pair, parse_score};
use super::range;
use crate::types::ValueRef;
use crate::types::packed::listpack;

/// Members with their scores, in order, from either end.
#[derive(Clone)]
pub struct Walk<'a>(pub(super) Source<'a>);

#[derive(Clone)]
pub(super) enum Source<'a> {
    Pack(listpack::Iter<'a>),
    Tree(Box<range::Walk<'a>>),
}

impl<'a> Iterator for Walk<'a> {
    type Item = (ValueRef<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Pack(entries) => next_pair(entries),
            Source::Tree(walk) => {
                walk.next().map(|(score, member)| (ValueRef::Bytes(member), score))
            }
        }
    }
}

impl DoubleEndedIterator for Walk<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Pack(entries) => {
                let score = entries.next_back()?;
                let member = entries.next_back().expect("a member precedes every score");
                Some((member, parse_score(score).expect("a listpack's scores are numbers")))
            }
            Source::Tree(walk) => {
                walk.next_back().map(|(score, member)| (ValueRef::Bytes(member), score))
            }
        }
    }
}
