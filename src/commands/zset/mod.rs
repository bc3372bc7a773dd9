//! Sorted sets: members in order of their scores under one key.

pub mod add;
mod block;
mod bounds;
mod combine;
mod inputs;
mod pop;
mod query;
mod random;
mod range;
mod rank;
mod read;
mod remove;
mod scan;
pub mod store;

use super::{Command, bulk_value};
use crate::resp::{Encoder, Proto};
use crate::spec::{KeyFlags, KeySpec};
use crate::types::ValueRef;

pub const COMMANDS: &[&Command] = &[
    &block::BZMPOP,
    &block::BZPOPMAX,
    &block::BZPOPMIN,
    &add::ZADD,
    &read::ZCARD,
    &rank::ZCOUNT,
    &combine::ZDIFF,
    &store::ZDIFFSTORE,
    &add::ZINCRBY,
    &combine::ZINTER,
    &combine::ZINTERCARD,
    &store::ZINTERSTORE,
    &rank::ZLEXCOUNT,
    &pop::ZMPOP,
    &read::ZMSCORE,
    &pop::ZPOPMAX,
    &pop::ZPOPMIN,
    &random::ZRANDMEMBER,
    &range::ZRANGE,
    &range::ZRANGEBYLEX,
    &range::ZRANGEBYSCORE,
    &range::ZRANGESTORE,
    &rank::ZRANK,
    &remove::ZREM,
    &remove::ZREMRANGEBYLEX,
    &remove::ZREMRANGEBYRANK,
    &remove::ZREMRANGEBYSCORE,
    &range::ZREVRANGE,
    &range::ZREVRANGEBYLEX,
    &range::ZREVRANGEBYSCORE,
    &rank::ZREVRANK,
    &scan::ZSCAN,
    &read::ZSCORE,
    &combine::ZUNION,
    &store::ZUNIONSTORE,
];

/// One key that is read, and what is in it with it.
const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// Begins a list of `count` members. With their scores it is flat in RESP2 and of pairs in RESP3.
fn begin(out: &mut Encoder, count: usize, scores: bool) {
    let flat = scores && out.proto() == Proto::Resp2;
    out.array(if flat { count.saturating_mul(2) } else { count });
}

/// Writes an element of a list that [`begin`] began.
#[inline]
fn put(out: &mut Encoder, (member, score): (ValueRef<'_>, f64), scores: bool) {
    if scores && out.proto() == Proto::Resp3 {
        out.array(2);
    }
    bulk_value(out, member);
    if scores {
        out.double(score);
    }
}

#[cfg(test)]
mod tests;
