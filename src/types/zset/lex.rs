//! Ranges by member, for sorted sets whose scores are all equal.

use std::ops::Range;

use super::packed::pairs;
use crate::types::packed::Pack;

/// One end of a range by member, for sorted sets whose scores are all equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Min,
    /// `+`: after every member.
    Max,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

impl LexBound<'_> {
    /// Whether the member is in bounds, if this is the lower one.
    pub(super) fn is_before(self, member: &[u8]) -> bool {
        match self {
            LexBound::Min => true,
            LexBound::Max => false,
            LexBound::Included(bound) => member >= bound,
            LexBound::Excluded(bound) => member > bound,
        }
    }

    /// Whether the member is in bounds, if this is the upper one.
    pub(super) fn is_after(self, member: &[u8]) -> bool {
        match self {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Included(bound) => member <= bound,
            LexBound::Excluded(bound) => member < bound,
        }
    }
}

/// The ranks between two bounds in a packed sorted set: from the first member past the nearer
/// bound on, up to the first that is past the other.
pub(super) fn ranks(
    pack: &Pack,
    min: LexBound<'_>,
    max: LexBound<'_>,
    backwards: bool,
) -> Range<usize> {
    // For each member, whether it is past the lower bound and short of the upper one.
    let mut digits = itoa::Buffer::new();
    let mut sides = Vec::new();
    for (member, _) in pairs(pack) {
        let text = member.text(&mut digits);
        sides.push((min.is_before(text), max.is_after(text)));
    }
    let (Some((_, true)), Some((true, _))) = (sides.first(), sides.last()) else {
        return 0..0;
    };
    if backwards {
        let end = sides.iter().rposition(|(_, below)| *below).map_or(0, |last| last + 1);
        let run = sides[..end].iter().rev().take_while(|(above, _)| *above).count();
        end - run..end
    } else {
        let start = sides.iter().position(|(above, _)| *above).unwrap_or(0);
        let run = sides[start..].iter().take_while(|(_, below)| *below).count();
        start..start + run
    }
}
