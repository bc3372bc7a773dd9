//! From one node's suspicion (PFAIL) to the cluster's verdict (FAIL), and back.
//!
//! A primary with slots says in its heartbeats whom it suspects. When a majority of those primaries
//! does, within the time a report lives, whoever notices marks the node as failed and tells
//! everybody.

use tracing::{debug, info, warn};

use super::flags::NodeFlags;
use super::frame::Body;
use super::machine::Machine;
use super::node::Node;
use crate::base::{Millis, NodeId};

impl Machine {
    /// After a time in which this node did not run, or its clock jumped: what peers have said
    /// meanwhile waits to be read, so nobody was silent. Otherwise a node that was starved or
    /// stopped for longer than the timeout would suspect whom it had just pinged, and count itself
    /// among a minority.
    pub(super) fn excuse(&mut self, now: Millis) {
        let missed = now.since(self.now);
        if missed <= self.settings.half_timeout() {
            return;
        }
        debug!(missed_ms = missed.0, "this node did not run for a while");
        for node in self.table.iter_mut() {
            for time in [Some(&mut node.data_received), node.ping_sent.as_mut()] {
                time.into_iter().for_each(|time| *time = (*time + missed).min(now));
            }
        }
    }

    pub(super) fn report_failure(&mut self, id: NodeId, reporter: NodeId) {
        let now = self.now;
        if let Some(node) = self.table.get_mut(id) {
            node.failure_reports.insert(reporter, now);
        }
    }

    pub(super) fn withdraw_failure(&mut self, id: NodeId, reporter: NodeId) {
        if let Some(node) = self.table.get_mut(id) {
            node.failure_reports.remove(&reporter);
        }
    }

    /// How many reports are not too old to be believed; the others are dropped.
    pub(super) fn live_reports(&mut self, id: NodeId) -> usize {
        let (now, life) = (self.now, self.settings.twice_timeout());
        let Some(node) = self.table.get_mut(id) else { return 0 };
        node.failure_reports.retain(|_, at| now.since(*at) <= life);
        node.failure_reports.len()
    }

    /// Marks a node that we suspect as failed if a majority suspects it too.
    pub(super) fn try_fail(&mut self, id: NodeId) {
        let Some(node) = self.table.get(id) else { return };
        if !node.has(NodeFlags::PFAIL) || node.has(NodeFlags::FAIL) {
            return;
        }
        let suspects = self.live_reports(id) + usize::from(self.table.me().is_voter());
        if suspects < self.table.size() / 2 + 1 {
            return;
        }
        warn!(node = %id, suspects, "node failed");
        self.mark_failed(id);
        self.broadcast(Body::Fail(id));
    }

    /// Somebody found that a node failed.
    pub(super) fn told_of_failure(&mut self, sender: NodeId, id: NodeId) {
        let now = self.now;
        let Some(node) = self.table.get_mut(id) else { return };
        if sender == id {
            node.confessed_at = Some(now);
        }
        if node.is_me() || node.has(NodeFlags::FAIL) || node.is_handshake() {
            return;
        }
        info!(node = %id, by = %sender, "node failed, as another node found");
        self.mark_failed(id);
    }

    fn mark_failed(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.table.get_mut(id) else { return };
        node.flags -= NodeFlags::PFAIL;
        node.flags |= NodeFlags::FAIL;
        node.failed_at = now;
        self.save();
        self.pending.state = true;
    }

    /// A failed node answers again. A primary with slots stays failed for a while, because its
    /// replicas may be about to replace it.
    pub(super) fn clear_failure(&mut self, id: NodeId) {
        let (now, patience) = (self.now, self.settings.twice_timeout());
        let Some(node) = self.table.get_mut(id) else { return };
        if node.is_voter() && now.since(node.failed_at) <= patience {
            return;
        }
        node.flags -= NodeFlags::FAIL;
        info!(node = %id, "node is back");
        self.save();
        self.pending.state = true;
    }

    /// CLUSTER COUNT-FAILURE-REPORTS.
    pub(super) fn count_reports(&mut self, id: NodeId) -> Option<usize> {
        self.table.get(id).map(Node::is_me)?;
        Some(self.live_reports(id))
    }
}
