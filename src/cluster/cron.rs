//! What a node does every 100 ms: connect, ping, suspect, give up.

use tracing::{debug, info, warn};

use super::flags::NodeFlags;
use super::frame::HeartbeatKind;
use super::machine::{Action, Machine};
use crate::base::{Millis, NodeId};

/// Every this many crons the node that answered longest ago, of a few drawn at random, is pinged.
const RANDOM_PING_EVERY: u64 = 10;
const RANDOM_PING_DRAWS: usize = 5;

impl Machine {
    pub(super) fn cron(&mut self) {
        self.cron_count += 1;
        self.blacklist.retain(|_, until| *until > self.now);
        for id in self.table.ids() {
            if id != self.my_id() {
                self.tend_link(id);
                self.meet_again(id);
            }
        }
        if self.cron_count.is_multiple_of(RANDOM_PING_EVERY) {
            self.ping_at_random();
        }
        for id in self.table.ids() {
            if id != self.my_id() {
                self.scan(id);
            }
        }
        self.seek_successor();
        self.expire_manual_failover();
        self.run_candidate();
        self.migrate_replica();
        if !self.health.is_ok() {
            self.pending.state = true;
        }
    }

    /// Expires handshakes, enforces the send buffer limit, connects.
    fn tend_link(&mut self, id: NodeId) {
        let Some(node) = self.table.get(id) else { return };
        if node.has(NodeFlags::NOADDR) {
            return;
        }
        let patience = self.handshake_patience();
        if node.is_handshake() && self.now.since(node.created) > patience {
            debug!(node = %id, "handshake timed out");
            self.remove_node(id);
            return;
        }
        let limit = self.settings.link_sendbuf_limit;
        for link in [node.outbound, node.inbound].into_iter().flatten() {
            let queued = self.links.get(&link).map_or(0, |link| link.buffers.send_allocated);
            if limit != 0 && queued > limit {
                warn!(node = %id, queued, limit, "link closed for its full send buffer");
                self.stats.links_over_limit += 1;
                self.close_link(link);
            }
        }
        self.connect(id);
    }

    fn connect(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.table.get_mut(id) else { return };
        if node.outbound.is_some() || node.connecting || node.address.ip.is_empty() {
            return;
        }
        node.connecting = true;
        // From the first attempt on: a peer that never lets us in has to be suspected too.
        if !node.is_handshake() {
            node.ping_sent.get_or_insert(now);
        }
        let (ip, bus_port) = (node.address.ip.clone(), node.address.bus_port);
        self.outbox.push(Action::Connect { node: id, ip, bus_port });
    }

    /// Of a few nodes drawn at random, pings the one whose last answer is the oldest.
    fn ping_at_random(&mut self) {
        let ids = self.table.ids();
        let mut oldest: Option<(Millis, NodeId)> = None;
        for _ in 0..RANDOM_PING_DRAWS {
            let id = ids[self.rng.index(ids.len())];
            let Some(node) = self.table.get(id) else { continue };
            let busy = node.outbound.is_none() || node.ping_sent.is_some();
            if node.is_me() || node.is_handshake() || busy {
                continue;
            }
            let drawn = (node.pong_received, id);
            oldest = Some(oldest.map_or(drawn, |oldest| oldest.min(drawn)));
        }
        if let Some((_, id)) = oldest {
            self.ping(id);
        }
    }

    /// Pings a node on the link that this node opened, if there is one.
    pub(super) fn ping(&mut self, id: NodeId) {
        if let Some(link) = self.table.get(id).and_then(|node| node.outbound) {
            self.send_heartbeat(link, HeartbeatKind::Ping);
        }
    }

    /// Renews a silent link, pings in time, suspects.
    fn scan(&mut self, id: NodeId) {
        let (now, half) = (self.now, self.settings.half_timeout());
        let timeout = self.settings.node_timeout;
        let Some(node) = self.table.get(id) else { return };
        if node.has(NodeFlags::NOADDR | NodeFlags::HANDSHAKE) {
            return;
        }
        let silent_for = now.since(node.data_received);
        let waiting_for = node.ping_sent.map(|sent| now.since(sent));
        let link = node.outbound.and_then(|link| Some((link, self.links.get(&link)?.created)));
        if let Some((link, created)) = link
            && now.since(created) > timeout
            && waiting_for.is_some_and(|waiting| waiting > half)
            && silent_for > half
        {
            self.close_link(link); // perhaps it is the connection that is dead, not the node
        }
        let Some(node) = self.table.get(id) else { return };
        let interval = match self.settings.ping_interval {
            Millis::ZERO => half,
            interval => interval,
        };
        if node.outbound.is_some()
            && waiting_for.is_none()
            && now.since(node.pong_received) > interval
        {
            self.ping(id);
            return;
        }
        if self.manual.replica == Some(id) && self.table.me().is_primary() {
            self.ping(id); // the replica waits to hear the offset at which writes stopped
            return;
        }
        let node = self.table.get_mut(id).expect("looked up above");
        let overdue = waiting_for.is_some_and(|waiting| waiting.min(silent_for) > timeout);
        if overdue && !node.has(NodeFlags::FAILING) {
            node.flags |= NodeFlags::PFAIL;
            info!(node = %id, "node suspected");
            self.pending.state = true;
            self.try_fail(id);
        }
    }
}
