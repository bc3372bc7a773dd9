//! Hashes: fields and values under one key.

mod expire;
mod fields;
mod increment;
mod lifetime;
mod random;
mod read;
mod scan;
mod ttl;
mod write;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &write::HDEL,
    &read::HEXISTS,
    &expire::HEXPIRE,
    &expire::HEXPIREAT,
    &ttl::HEXPIRETIME,
    &read::HGET,
    &read::HGETALL,
    &lifetime::HGETDEL,
    &lifetime::HGETEX,
    &increment::HINCRBY,
    &increment::HINCRBYFLOAT,
    &read::HKEYS,
    &read::HLEN,
    &read::HMGET,
    &write::HMSET,
    &expire::HPERSIST,
    &expire::HPEXPIRE,
    &expire::HPEXPIREAT,
    &ttl::HPEXPIRETIME,
    &ttl::HPTTL,
    &random::HRANDFIELD,
    &scan::HSCAN,
    &write::HSET,
    &lifetime::HSETEX,
    &write::HSETNX,
    &read::HSTRLEN,
    &ttl::HTTL,
    &read::HVALS,
];

#[cfg(test)]
mod tests;
