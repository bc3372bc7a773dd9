//! A leaf of a sorted set's tree: some members with their scores, in order, in one pack.
//!
//! ```text
//! 4 bytes LE total | 4 bytes LE number of entries | entries
//! entry = score (8 bytes, IEEE 754 LE) | length (1 byte; 255: 4 more bytes LE) | member
//! ```

use std::cmp::Ordering;

use crate::types::packed::{Form, Pack};

/// Where the first entry is.
pub(super) const HEADER: usize = 8;
const LONG: u8 = 0xff;
/// A leaf splits past so many entries: bounds what a search walks …
const COUNT_MAX: usize = 32;
/// … or so many bytes (if there are entries enough to split): bounds what an insertion moves.
const BYTES_MAX: usize = 4096;

/// A member with its score.
pub(super) type Entry<'a> = (f64, &'a [u8]);

/// By score, then by bytes. Scores are never NaN.
#[inline]
pub(super) fn order(one: Entry<'_>, other: Entry<'_>) -> Ordering {
    let scores = one.0.partial_cmp(&other.0).expect("a score is a number");
    scores.then_with(|| one.1.cmp(other.1))
}

pub(super) fn new() -> Pack {
    Pack::from_bytes(Form::Leaf, &[0; HEADER])
}

pub(super) fn len(leaf: &Pack) -> usize {
    let count = leaf.bytes()[4..].first_chunk().expect("a leaf has a header");
    u32::from_le_bytes(*count) as usize
}

fn set_len(leaf: &mut Pack, len: usize) {
    let count = u32::try_from(len).expect("a leaf splits long before");
    leaf.body_mut()[..4].copy_from_slice(&count.to_le_bytes());
}

/// How long a leaf of `count` entries like this one is.
#[inline]
pub(super) fn usual_bytes(count: usize, like: Entry<'_>) -> usize {
    HEADER + count * (size_of::<f64>() + 1 + like.1.len())
}

/// The entry at `at`, and where the next one is.
#[inline]
pub(super) fn entry(leaf: &Pack, at: usize) -> Option<(Entry<'_>, usize)> {
    let bytes = leaf.bytes();
    let (score, rest) = bytes.get(at..)?.split_first_chunk()?;
    let score = f64::from_le_bytes(*score);
    let (&short, rest) = rest.split_first()?;
    let (len, rest) = match short {
        LONG => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        short => (usize::from(short), rest),
    };
    Some(((score, rest.get(..len)?), bytes.len() - rest.len() + len))
}

/// Where every entry is.
pub(super) fn offsets(leaf: &Pack) -> impl Iterator<Item = usize> + '_ {
    let start = Some(HEADER).filter(|&at| at < leaf.total());
    std::iter::successors(start, |&at| {
        let (_, next) = entry(leaf, at).expect("a leaf's entries are whole");
        Some(next).filter(|&next| next < leaf.total())
    })
}

pub(super) fn first(leaf: &Pack) -> Option<Entry<'_>> {
    Some(entry(leaf, HEADER)?.0)
}

/// How many entries come before the first that `before` does not hold for, and where that one is.
#[inline]
pub(super) fn partition_point(
    leaf: &Pack,
    mut before: impl FnMut(Entry<'_>) -> bool,
) -> (usize, usize) {
    let (mut index, mut at) = (0, HEADER);
    while let Some((here, next)) = entry(leaf, at) {
        if !before(here) {
            break;
        }
        (index, at) = (index + 1, next);
    }
    (index, at)
}

pub(super) fn insert(leaf: &mut Pack, new: Entry<'_>) {
    let (_, at) = partition_point(leaf, |here| order(here, new).is_lt());
    let mut length = [LONG; 5];
    let length = match new.1.len() {
        short @ 0..0xff => {
            length[0] = short as u8;
            &length[..1]
        }
        long => {
            let long = u32::try_from(long).expect("a member is at most 512 MB long");
            length[1..].copy_from_slice(&long.to_le_bytes());
            &length[..]
        }
    };
    leaf.splice(at, 0, &[&new.0.to_le_bytes(), length, new.1]);
    set_len(leaf, len(leaf) + 1);
}

/// Removes that very entry; false if it is not there.
pub(super) fn remove(leaf: &mut Pack, old: Entry<'_>) -> bool {
    let (_, at) = partition_point(leaf, |here| order(here, old).is_lt());
    match entry(leaf, at) {
        Some((here, next)) if order(here, old).is_eq() => {
            leaf.splice(at, next - at, &[]);
            set_len(leaf, len(leaf) - 1);
            true
        }
        _ => false,
    }
}

/// Cuts off and returns the second half of an overfull leaf.
pub(super) fn split(leaf: &mut Pack) -> Option<Pack> {
    let entries = len(leaf);
    if entries <= COUNT_MAX && (leaf.total() <= BYTES_MAX || entries < 4) {
        return None;
    }
    let at = offsets(leaf).nth(entries / 2).expect("a middle entry");
    let mut right = new();
    right.splice(HEADER, 0, &[&leaf.bytes()[at..]]);
    set_len(&mut right, entries - entries / 2);
    leaf.splice(at, leaf.total() - at, &[]);
    set_len(leaf, entries / 2);
    Some(right)
}

/// Whether two neighbours could be one leaf that is not soon overfull again.
pub(super) fn fits_with(left: &Pack, right: &Pack) -> bool {
    may_fit(len(left) + len(right)) && left.total() + right.total() <= BYTES_MAX / 2
}

/// Whether two neighbours with so many entries together could be one, if they are short enough.
pub(super) fn may_fit(entries: usize) -> bool {
    entries <= COUNT_MAX / 2
}

pub(super) fn merge(left: &mut Pack, right: &Pack) {
    left.splice(left.total(), 0, &[&right.bytes()[HEADER..]]);
    set_len(left, len(left) + len(right));
}
