//! What a search finds.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::types::geo::{Point, Shape};
use crate::types::{ValueRef, Zset};

/// A member within the shape.
pub struct Found<'a> {
    pub member: ValueRef<'a>,
    pub score: f64,
    /// In metres, from the centre.
    pub distance: f64,
}

/// The members within a shape around a centre, in the order of the squares that cover it; `limit`
/// at most.
pub fn find(zset: &Zset, centre: Point, shape: Shape, limit: usize) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    for scores in shape.cover(centre) {
        // 52 bits are exact in a double.
        let (min, max) = (scores.start as f64, scores.end as f64);
        let ranks = zset.ranks_by_score(Bound::Included(min), Bound::Excluded(max));
        for (member, score) in zset.range(ranks) {
            let inside = shape.distance_inside(centre, Point::of_member(score));
            if let Some(distance) = inside {
                found.push(Found { member, score, distance });
                if found.len() == limit {
                    return found;
                }
            }
        }
    }
    found
}

/// Nearest first, or last.
pub fn sort(found: &mut [Found<'_>], descending: bool) {
    found.sort_by(|one, other| {
        let order = one.distance.partial_cmp(&other.distance).unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
}
