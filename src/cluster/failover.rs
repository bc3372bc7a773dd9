//! Manual failover: an operator has a replica take over from a primary that is well.
//!
//! The replica says MFSTART; the primary stops writes and says in every header that it has, and at
//! which offset; the replica catches up with that offset and is then elected by votes that do not
//! ask for a failed primary.

use tracing::{info, warn};

use super::frame::{Body, HeartbeatKind};
use super::link::LinkId;
use super::machine::{Action, Machine};
use crate::base::{Millis, NodeId};

/// A manual failover under way, on either side.
#[derive(Clone, Debug, Default)]
pub(super) struct ManualFailover {
    /// When it is given up.
    pub end: Option<Millis>,
    /// On the primary: who asked.
    pub replica: Option<NodeId>,
    /// On the primary: where it asked, until writes have stopped.
    pub asked_on: Option<LinkId>,
    /// On the primary: nothing is written any more.
    pub is_quiet: bool,
    /// On the replica: where the primary has stopped writing.
    pub target_offset: Option<u64>,
    /// On the replica: nothing is missing any more.
    pub can_start: bool,
}

impl ManualFailover {
    pub fn rewind(&mut self, latest: Millis) {
        if let Some(end) = &mut self.end {
            *end = (*end).min(latest);
        }
    }
}

/// Whether this node is a primary that has stopped writes for a manual failover.
pub(super) fn is_paused(machine: &Machine) -> bool {
    machine.table.me().is_primary() && machine.manual.is_quiet
}

/// Whether this node, a replica, may be elected although its primary is well.
pub(super) fn is_manual(machine: &Machine) -> bool {
    machine.manual.can_start
}

impl Machine {
    /// CLUSTER FAILOVER on a replica; `force` does without the primary.
    pub(super) fn start_manual_failover(&mut self, primary: NodeId, force: bool) {
        let end = self.now + self.settings.manual_failover_timeout;
        self.manual =
            ManualFailover { end: Some(end), can_start: force, ..ManualFailover::default() };
        self.election = super::election::Election::new();
        if force {
            warn!(primary = %primary, "manual failover without the primary's consent");
        } else {
            info!(primary = %primary, "manual failover requested");
            self.send_to(primary, Body::MfStart);
        }
    }

    /// On the primary: one of its replicas wants to take over.
    pub(super) fn manual_failover_requested(&mut self, sender: NodeId, link: LinkId) {
        let me = self.my_id();
        let is_my_replica = self.table.get(sender).is_some_and(|node| node.primary == Some(me));
        if !self.table.me().is_primary() || !is_my_replica {
            return;
        }
        let timeout = self.settings.manual_failover_timeout;
        self.manual = ManualFailover {
            end: Some(self.now + timeout),
            replica: Some(sender),
            asked_on: Some(link),
            ..ManualFailover::default()
        };
        warn!(replica = %sender, "manual failover: writes are to pause");
        let until = self.now + timeout + timeout;
        self.outbox.push(Action::PauseWrites { until });
    }

    /// On the primary: nothing is written any more. Only now the replica may be told an offset: it
    /// is the last one.
    pub(super) fn writes_paused(&mut self, offset: u64) {
        self.table.me_mut().replication_offset = offset;
        if self.manual.replica.is_none() {
            return;
        }
        self.manual.is_quiet = true;
        info!(offset, "manual failover: writes paused");
        if let Some(link) = self.manual.asked_on.take() {
            self.send_heartbeat(link, HeartbeatKind::Ping);
        }
    }

    /// On the replica: its primary has stopped writing, at `offset`.
    pub(super) fn primary_paused(&mut self, sender: NodeId, offset: u64) {
        let me = self.table.me();
        let mine = me.primary == Some(sender) && self.manual.end.is_some();
        if mine && self.manual.target_offset.is_none() {
            info!(offset, "manual failover: the primary has paused");
            self.manual.target_offset = Some(offset);
        }
    }

    /// Ends a manual failover that took too long; starts the election when nothing is missing.
    pub(super) fn expire_manual_failover(&mut self) {
        let Some(end) = self.manual.end else { return };
        if self.now >= end {
            warn!("manual failover timed out");
            self.end_manual_failover();
            return;
        }
        let mine = self.table.me().replication_offset;
        if self.manual.target_offset.is_some_and(|target| mine >= target) {
            self.manual.can_start = true;
        }
    }

    pub(super) fn end_manual_failover(&mut self) {
        if self.manual.replica.is_some() {
            self.outbox.push(Action::ResumeWrites);
        }
        self.manual = ManualFailover::default();
    }
}
