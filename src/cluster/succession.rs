//! A primary that came back without its data lets a replica that still has it take over.
//!
//! Served at once, its empty dataset would become that of its replicas, and what they hold would be
//! gone. So it serves no keys and no replicas for a while, and tells everybody that it has failed:
//! by a verdict about itself, which every node of Redis Cluster believes, too. Its replicas then
//! stand for election as after any failure; it votes itself, so that a majority is there even if it
//! is the only primary. When nobody has taken over in time, it serves what it has: nothing.

use tracing::{info, warn};

use super::flags::NodeFlags;
use super::frame::Body;
use super::machine::Machine;
use super::node::Node;
use super::table::Table;
use crate::base::{Millis, SlotSet};

/// The verdict is repeated: nodes that reach this one again believe it to be well after a while.
const ANNOUNCE_EVERY: Millis = Millis(1000);
/// The shortest wait that follows the node timeout: time for an election among several replicas.
const WAIT_MIN: Millis = Millis(5000);

/// Whether this node looks for a successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Succession {
    /// It does not, for good.
    #[default]
    Settled,
    /// It would if it turned out to have no data; it is loading.
    Loading,
    Sought {
        since: Millis,
        announced: Option<Millis>,
    },
}

impl Succession {
    /// A node that starts with what `nodes.conf` said.
    pub fn at_start(table: &Table) -> Succession {
        if may_be_succeeded(table) { Succession::Loading } else { Succession::Settled }
    }

    pub fn rewind(&mut self, now: Millis) {
        if let Succession::Sought { since, announced } = self {
            *since = (*since).min(now);
            *announced = announced.map(|at| at.min(now));
        }
    }
}

/// Whether this is a primary with slots, and a replica of it is there that may take over by itself.
fn may_be_succeeded(table: &Table) -> bool {
    let is_out = |node: &Node| node.has(NodeFlags::FAIL | NodeFlags::NOFAILOVER);
    table.me().is_voter() && table.replicas_of(table.my_id()).any(|node| !is_out(node))
}

impl Machine {
    /// Whether this node keeps quiet about its dataset because a replica may have a better one.
    pub(super) fn awaits_successor(&self) -> bool {
        self.succession != Succession::Settled && self.succession_wait() > Millis::ZERO
    }

    fn succession_wait(&self) -> Millis {
        let followed = self.settings.node_timeout.max(WAIT_MIN);
        self.settings.empty_primary_wait.unwrap_or(followed)
    }

    /// The dataset is loaded: these slots hold keys.
    pub(super) fn loaded(&mut self, slots: &SlotSet) {
        self.has_loaded = !slots.is_empty();
        if self.succession == Succession::Loading && slots.is_empty() && self.awaits_successor() {
            let wait_ms = self.succession_wait().0;
            warn!(wait_ms, "this primary came back without data: a replica is to take over");
            self.succession = Succession::Sought { since: self.now, announced: None };
            self.seek_successor();
        } else {
            self.settle_succession();
        }
        self.adopt_loaded(slots);
    }

    /// Says that this node has failed, now and then, until it is time to give up.
    pub(super) fn seek_successor(&mut self) {
        let Succession::Sought { since, announced } = self.succession else { return };
        if !may_be_succeeded(&self.table) {
            info!("no replica is there to take over");
            self.settle_succession();
        } else if self.now.since(since) >= self.succession_wait() {
            warn!("no replica has taken over: serving without data");
            self.settle_succession();
        } else if announced.is_none_or(|at| self.now.since(at) >= ANNOUNCE_EVERY) {
            self.succession = Succession::Sought { since, announced: Some(self.now) };
            self.broadcast(Body::Fail(self.my_id()));
        }
    }

    /// Whether a node that has just been connected to has to hear of it.
    pub(super) fn is_seeking_successor(&self) -> bool {
        matches!(self.succession, Succession::Sought { .. })
    }

    pub(super) fn settle_succession(&mut self) {
        if self.succession != Succession::Settled {
            self.succession = Succession::Settled;
            self.pending.state = true;
        }
    }
}
