//! Hashes: fields and values under one key.

mod increment;
mod random;
mod read;
mod scan;
mod write;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &write::HDEL,
    &read::HEXISTS,
    &read::HGET,
    &read::HGETALL,
    &increment::HINCRBY,
    &increment::HINCRBYFLOAT,
    &read::HKEYS,
    &read::HLEN,
    &read::HMGET,
    &write::HMSET,
    &random::HRANDFIELD,
    &scan::HSCAN,
    &write::HSET,
    &write::HSETNX,
    &read::HSTRLEN,
    &read::HVALS,
];
