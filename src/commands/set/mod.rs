//! Sets: members, members by chance, and what several sets have in common or not.

mod combine;
mod random;
mod read;
mod scan;
mod write;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &write::SADD,
    &read::SCARD,
    &combine::SDIFF,
    &combine::SDIFFSTORE,
    &combine::SINTER,
    &combine::SINTERCARD,
    &combine::SINTERSTORE,
    &read::SISMEMBER,
    &read::SMEMBERS,
    &read::SMISMEMBER,
    &write::SMOVE,
    &random::SPOP,
    &random::SRANDMEMBER,
    &write::SREM,
    &scan::SSCAN,
    &combine::SUNION,
    &combine::SUNIONSTORE,
];

#[cfg(test)]
mod tests;
