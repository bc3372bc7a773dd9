//! What nodes say about third nodes: who exists, who is suspected, who answers, who moved.

use tracing::{debug, info};

use super::flags::NodeFlags;
use super::frame::GossipEntry;
use super::handshake::NODES_MAX;
use super::machine::Machine;
use super::node::{Address, Node};
use crate::base::{Millis, NodeId};

/// How far in the future a gossiped time may lie: it comes in whole seconds, from another clock.
const CLOCK_TOLERANCE: Millis = Millis(500);

impl Machine {
    pub(super) fn hear_gossip(&mut self, sender: NodeId, gossip: &[GossipEntry]) {
        for entry in gossip {
            if entry.node == self.my_id() {
                continue;
            }
            if self.table.get(entry.node).is_some() {
                self.compare(sender, entry);
            } else {
                self.learn_of(entry);
            }
        }
    }

    /// About a node we know.
    fn compare(&mut self, sender: NodeId, entry: &GossipEntry) {
        let failing = entry.flags.intersects(NodeFlags::FAILING);
        if self.table.get(sender).is_some_and(Node::is_voter) && sender != entry.node {
            if failing {
                self.report_failure(entry.node, sender);
                self.try_fail(entry.node);
            } else {
                self.withdraw_failure(entry.node, sender);
            }
        }
        if !failing {
            self.believe_pong(entry);
            self.believe_address(entry);
        }
    }

    /// Somebody has heard from a node more recently than we have: that saves a ping.
    fn believe_pong(&mut self, entry: &GossipEntry) {
        if self.live_reports(entry.node) > 0 {
            return;
        }
        let pong = Millis::from_secs(u64::from(entry.pong_received_s));
        let believable = pong <= self.now + CLOCK_TOLERANCE;
        let Some(node) = self.table.get_mut(entry.node) else { return };
        if believable && node.ping_sent.is_none() && pong > node.pong_received {
            node.pong_received = pong;
        }
    }

    /// A node that fails us is fine for others, elsewhere: it has moved.
    fn believe_address(&mut self, entry: &GossipEntry) {
        let Some(node) = self.table.get(entry.node) else { return };
        let lost = node.has(NodeFlags::FAILING | NodeFlags::NOADDR);
        if !lost || node.is_handshake() || !has_address(entry) {
            return;
        }
        let address = self.address_in(entry);
        if (&node.address.ip, node.address.bus_port) != (&address.ip, address.bus_port)
            || node.address.wire_ports(self.settings.tls_bus).0 != entry.port
        {
            self.move_node(entry.node, address);
        }
    }

    /// About a node we do not know: it is one of us, since one of us says so.
    fn learn_of(&mut self, entry: &GossipEntry) {
        if !has_address(entry) || self.blacklist.contains_key(&entry.node) {
            debug!(node = %entry.node, "gossiped node not added");
            return;
        }
        if self.table.node_count() >= NODES_MAX {
            return;
        }
        // Whether it fails is for our own pings to find out, and its primary for its own frames to
        // say.
        let mut flags = entry.flags & (NodeFlags::NOFAILOVER | NodeFlags::MIGRATE_TO);
        flags |= if entry.flags.contains(NodeFlags::REPLICA) {
            NodeFlags::REPLICA
        } else {
            NodeFlags::PRIMARY
        };
        let mut node = Node::new(entry.node, flags, self.now);
        node.address = self.address_in(entry);
        info!(node = %node.id, ip = node.address.ip, "node learnt from gossip");
        self.table.insert(node);
        self.save();
        self.pending.state = true;
    }

    fn address_in(&self, entry: &GossipEntry) -> Address {
        let tls = self.settings.tls_bus;
        Address::from_wire(entry.ip.clone(), entry.port, entry.other_port, entry.bus_port, tls)
    }
}

fn has_address(entry: &GossipEntry) -> bool {
    !entry.flags.contains(NodeFlags::NOADDR) && !entry.ip.is_empty() && entry.bus_port != 0
}
