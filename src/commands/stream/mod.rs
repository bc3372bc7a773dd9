//! Streams: entries under ids, and groups that read them.

mod add;
mod claim;
mod edit;
mod group;
mod ids;
mod info;
mod pending;
mod propagate;
mod range;
mod read;
mod read_group;
mod reply;
mod trim;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &pending::XACK,
    &add::XADD,
    &claim::XAUTOCLAIM,
    &claim::XCLAIM,
    &edit::XDEL,
    &group::XGROUP,
    &group::XGROUP_CREATE,
    &group::XGROUP_CREATECONSUMER,
    &group::XGROUP_DELCONSUMER,
    &group::XGROUP_DESTROY,
    &group::XGROUP_HELP,
    &group::XGROUP_SETID,
    &info::XINFO,
    &info::XINFO_CONSUMERS,
    &info::XINFO_GROUPS,
    &info::XINFO_HELP,
    &info::XINFO_STREAM,
    &range::XLEN,
    &pending::XPENDING,
    &range::XRANGE,
    &read::XREAD,
    &read_group::XREADGROUP,
    &range::XREVRANGE,
    &edit::XSETID,
    &trim::XTRIM,
];

#[cfg(test)]
mod tests;
