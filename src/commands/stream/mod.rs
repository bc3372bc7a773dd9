//! Streams: entries under ids, and groups that read them.

mod add;
mod claim;
mod edit;
mod group;
mod ids;
mod info;
mod pending;
mod range;
mod read;
mod read_group;
mod reply;
mod trim;

use super::{Command, Ctx};
use crate::keyspace::Key;
use crate::spec::Event;

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

impl Ctx<'_> {
    /// Reports a change of what a stream keeps about its readers: nobody who watches the key or
    /// waits for it is concerned. `None`: nor is anybody who listens.
    fn noted(&mut self, _key: &Key<'_>, _event: Option<Event>) {
        self.effects.changes += 1;
    }
}

#[cfg(test)]
mod tests;
