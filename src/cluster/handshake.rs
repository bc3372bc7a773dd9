//! Joining: MEET, learning a node's real id, and following nodes that change their address.
//!
//! A node that was only given an address stands in the table under a random id, in handshake, until
//! its first answer on the link we opened tells its real one.

use tracing::{debug, info};

use super::flags::NodeFlags;
use super::frame::{Header, HeartbeatKind};
use super::link::{Direction, LinkId};
use super::machine::Machine;
use super::node::{Address, Node};
use crate::base::{Millis, NodeId};

/// A handshake is given at least this long.
const TIMEOUT_MIN: Millis = Millis(1000);
/// How many nodes the table takes; gossip and MEET stop adding there.
pub const NODES_MAX: usize = 4096;

impl Machine {
    /// Starts a handshake with an address unless one is under way.
    pub(super) fn start_handshake(&mut self, address: Address, flags: NodeFlags) {
        let under_way = self.table.iter().any(|node| {
            node.is_handshake()
                && node.address.ip == address.ip
                && node.address.bus_port == address.bus_port
        });
        if under_way || self.table.node_count() >= NODES_MAX {
            return;
        }
        let id = NodeId::random(&mut self.rng);
        let mut node = Node::new(id, NodeFlags::HANDSHAKE | flags, self.now);
        node.address = address;
        debug!(ip = node.address.ip, bus_port = node.address.bus_port, "handshake started");
        self.table.insert(node);
        self.pending.view = true;
    }

    /// A MEET from a stranger: the cron will connect to it.
    pub(super) fn met(&mut self, link: LinkId, header: &Header) {
        if header.sender == self.my_id() {
            return;
        }
        if let Some(address) = self.address_of(link, header) {
            self.start_handshake(address, NodeFlags::empty());
        }
    }

    /// Greets a node again that has answered an operator's MEET but has opened no link since: its
    /// own handshake with this node may have timed out, and then it takes us for a stranger, whom
    /// it never tells the others of.
    pub(super) fn meet_again(&mut self, id: NodeId) {
        let (now, patience) = (self.now, self.handshake_patience());
        let Some(node) = self.table.get_mut(id) else { return };
        let Some((link, at)) = node.outbound.zip(node.met_at) else { return };
        if now.since(at) > patience {
            info!(node = %id, "not taken in yet: meeting again");
            node.met_at = Some(now);
            self.send_heartbeat(link, HeartbeatKind::Meet);
        }
    }

    /// How long a handshake may take.
    pub(super) fn handshake_patience(&self) -> Millis {
        self.settings.node_timeout.max(TIMEOUT_MIN)
    }

    /// Where a frame says, and shows, that its sender is.
    fn address_of(&self, link: LinkId, header: &Header) -> Option<Address> {
        let ip = match header.ip.as_str() {
            "" => self.links.get(&link)?.peer_ip.clone(),
            announced => announced.to_owned(),
        };
        let tls = self.settings.tls_bus;
        Some(Address::from_wire(ip, header.port, header.other_port, header.bus_port, tls))
    }

    /// Whoever meets us has reached us: by the ip of the socket's end here.
    pub(super) fn learn_own_ip(&mut self, link: LinkId, kind: HeartbeatKind) {
        let known = !self.table.me().address.ip.is_empty();
        if !self.settings.announce_ip.is_empty() || (known && kind != HeartbeatKind::Meet) {
            return;
        }
        let Some(ip) = self.links.get(&link).map(|link| link.local_ip.clone()) else { return };
        if !ip.is_empty() && self.table.me().address.ip != ip {
            info!(ip, "own address learnt");
            self.table.me_mut().address.ip = ip;
            self.save();
        }
    }

    /// On a link that we opened, finds out whether its node is who we took it for. True if the
    /// frame has served its purpose by that.
    pub(super) fn settle_handshake(
        &mut self,
        link_id: LinkId,
        sender: Option<NodeId>,
        header: &Header,
    ) -> bool {
        let Some(link) = self.links.get(&link_id) else { return true };
        if link.direction != Direction::Outbound {
            return false;
        }
        let Some(node) = link.node.and_then(|id| self.table.get(id)) else { return true };
        let node_id = node.id;
        if node.is_handshake() {
            return self.complete_handshake(link_id, node_id, sender, header);
        }
        if node_id == header.sender {
            return false;
        }
        info!(node = %node_id, found = %header.sender, "another node lives at this address now");
        self.close_link(link_id);
        if let Some(node) = self.table.get_mut(node_id) {
            node.flags |= NodeFlags::NOADDR;
            node.address = Address::default();
        }
        self.save();
        true
    }

    fn complete_handshake(
        &mut self,
        link_id: LinkId,
        temporary: NodeId,
        sender: Option<NodeId>,
        header: &Header,
    ) -> bool {
        if header.sender == self.my_id() {
            self.remove_node(temporary); // a MEET with ourselves
            return true;
        }
        if let Some(known) = sender {
            if let Some(address) = self.address_of(link_id, header) {
                self.move_node(known, address);
            }
            self.remove_node(temporary);
            return true;
        }
        info!(node = %header.sender, "handshake completed");
        self.table.rename(temporary, header.sender);
        if let Some(link) = self.links.get_mut(&link_id) {
            link.node = Some(header.sender);
        }
        let Some(node) = self.table.get_mut(header.sender) else { return true };
        node.data_received = self.now;
        node.met_at = node.has(NodeFlags::MEET).then_some(self.now);
        node.flags -= NodeFlags::HANDSHAKE | NodeFlags::MEET;
        let role = header.flags & (NodeFlags::PRIMARY | NodeFlags::REPLICA);
        // Whoever names a primary is a replica; follow_role fills that in.
        node.flags |=
            if role.contains(NodeFlags::REPLICA) { NodeFlags::REPLICA } else { NodeFlags::PRIMARY };
        self.save();
        self.pending.state = true;
        self.hear(header.sender, header);
        false
    }

    /// A PING from elsewhere than where we think its sender is.
    pub(super) fn follow_address(&mut self, link: LinkId, sender: NodeId, header: &Header) {
        let Some(node) = self.table.get(sender) else { return };
        if node.is_handshake() || node.outbound == Some(link) {
            return;
        }
        if let Some(address) = self.address_of(link, header)
            && address != node.address
        {
            self.move_node(sender, address);
        }
    }

    /// Stores a node's new address and lets the cron connect there.
    pub(super) fn move_node(&mut self, id: NodeId, address: Address) {
        let Some(node) = self.table.get_mut(id) else { return };
        if node.address == address {
            return;
        }
        info!(node = %id, ip = address.ip, bus_port = address.bus_port, "node moved");
        node.address = address;
        node.flags -= NodeFlags::NOADDR;
        self.close_outbound(id);
        if self.table.me().primary == Some(id) {
            self.follow(id);
        }
        // Whoever has moved and forgets where the others have moved to is found by nobody again.
        self.save_durably();
    }
}
