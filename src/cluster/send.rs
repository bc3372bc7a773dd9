//! Frames this node originates: headers, heartbeats and the gossip in them, broadcasts.

use super::failover::is_paused;
use super::flags::{MessageFlags, NodeFlags};
use super::frame::{
    Body, Extension, Frame, GossipEntry, Header, Heartbeat, HeartbeatKind, Kind, Message,
};
use super::link::{Direction, LinkId};
use super::machine::{Action, Machine};
use super::node::Node;
use crate::base::{Millis, NodeId};

/// A heartbeat gossips about a tenth of the nodes, and at least about this many.
const GOSSIP_MIN: usize = 3;
const GOSSIP_SHARE: usize = 10;
/// Draws per wanted entry before fewer have to do.
const GOSSIP_DRAWS: usize = 3;

impl Machine {
    /// What every frame says about this node now. A replica speaks for its primary.
    fn header(&self) -> Header {
        let me = self.table.me();
        let primary = self.table.primary_of(me);
        let (port, other_port) = me.address.wire_ports(self.settings.tls_bus);
        let mut message_flags = MessageFlags::empty();
        message_flags.set(MessageFlags::PAUSED, is_paused(self));
        Header {
            port,
            other_port,
            bus_port: me.address.bus_port,
            current_epoch: self.current_epoch,
            config_epoch: primary.config_epoch,
            offset: me.replication_offset,
            sender: me.id,
            slots: primary.slots.clone(),
            primary: me.primary,
            ip: self.settings.announce_ip.clone(),
            flags: me.flags,
            cluster_ok: self.health.is_ok(),
            message_flags,
        }
    }

    fn send_frame(&mut self, link: LinkId, frame: &Frame) {
        let wire_type = usize::from(frame.body.wire_type());
        self.stats.sent[wire_type] += 1;
        self.outbox.push(Action::Send { link, frame: frame.encode() });
    }

    pub(super) fn send(&mut self, link: LinkId, body: Body) {
        let frame = Frame { header: self.header(), body };
        self.send_frame(link, &frame);
    }

    /// Sends on the link this node opened to `id`; without one, nothing.
    pub(super) fn send_to(&mut self, id: NodeId, body: Body) {
        if let Some(link) = self.table.get(id).and_then(|node| node.outbound) {
            self.send(link, body);
        }
    }

    /// The links on which this node can reach the nodes that `wanted` picks; never a handshake.
    fn links_to(&self, wanted: impl Fn(&Node) -> bool) -> Vec<LinkId> {
        let nodes = self.table.iter().filter(|node| !node.is_me() && !node.is_handshake());
        nodes.filter(|node| wanted(node)).filter_map(|node| node.outbound).collect()
    }

    /// Sends one frame to every node with a link.
    pub(super) fn broadcast(&mut self, body: Body) {
        self.send_to_all(|_| true, body, MessageFlags::empty());
    }

    pub(super) fn send_to_all(
        &mut self,
        wanted: impl Fn(&Node) -> bool,
        body: Body,
        message_flags: MessageFlags,
    ) {
        let links = self.links_to(wanted);
        let mut frame = Frame { header: self.header(), body };
        frame.header.message_flags |= message_flags;
        let bytes = frame.encode();
        self.stats.sent[usize::from(frame.body.wire_type())] += links.len() as u64;
        let sends = links.into_iter().map(|link| Action::Send { link, frame: bytes.clone() });
        self.outbox.extend(sends);
    }

    /// Tells the nodes that `wanted` picks about a change of this node at once, instead of with the
    /// next ping.
    pub(super) fn send_pongs(&mut self, wanted: impl Fn(&Node) -> bool) {
        for link in self.links_to(wanted) {
            self.send_heartbeat(link, HeartbeatKind::Pong);
        }
    }

    pub(super) fn publish(&mut self, message: Message, shard: bool) {
        let none = MessageFlags::empty();
        if shard {
            let mine = self.table.primary_of(self.table.me()).id;
            let in_my_shard = |node: &Node| node.id == mine || node.primary == Some(mine);
            self.send_to_all(in_my_shard, Body::PublishShard(message), none);
        } else {
            self.send_to_all(|_| true, Body::Publish(message), none);
        }
    }

    /// The first frame on a link of ours: a MEET if the node does not know us, else a PING.
    ///
    /// The time of a ping that is still pending stays: a new connection proves nothing yet.
    pub(super) fn greet(&mut self, id: NodeId, link: LinkId) {
        let Some(node) = self.table.get(id) else { return };
        let (pending, meet) = (node.ping_sent, node.has(NodeFlags::MEET));
        let kind = if meet { HeartbeatKind::Meet } else { HeartbeatKind::Ping };
        self.send_heartbeat(link, kind);
        if let (Some(pending), Some(node)) = (pending, self.table.get_mut(id)) {
            node.ping_sent = Some(pending);
        }
    }

    pub(super) fn send_heartbeat(&mut self, link: LinkId, kind: HeartbeatKind) {
        let Some((direction, peer)) = self.links.get(&link).map(|link| (link.direction, link.node))
        else {
            return;
        };
        if kind == HeartbeatKind::Ping
            && direction == Direction::Outbound
            && let Some(node) = peer.and_then(|peer| self.table.get_mut(peer))
        {
            node.ping_sent = Some(self.now);
        }
        let gossip = self.gossip_for(peer);
        let extensions = self.extensions_for(peer);
        let mut header = self.header();
        header.message_flags |= MessageFlags::EXT_DATA; // also says that we read extensions
        let body = Body::Heartbeat(Heartbeat { kind, gossip, extensions });
        self.send_frame(link, &Frame { header, body });
    }

    /// A few nodes drawn at random and all that this node suspects.
    fn gossip_for(&mut self, peer: Option<NodeId>) -> Vec<GossipEntry> {
        let nodes: Vec<&Node> = self.table.iter().collect();
        let others = nodes.len().saturating_sub(2); // without me and the receiver
        let wanted = GOSSIP_MIN.max(nodes.len() / GOSSIP_SHARE).min(others);
        let mut left = wanted;
        let mut chosen: Vec<&Node> = Vec::with_capacity(wanted);
        for _ in 0..wanted * GOSSIP_DRAWS {
            if left == 0 {
                break;
            }
            let node = nodes[self.rng.index(nodes.len())];
            let drawn = chosen.iter().any(|other| other.id == node.id);
            if node.is_me() || Some(node.id) == peer || node.has(NodeFlags::PFAIL) || drawn {
                continue;
            }
            left -= 1;
            let useless = node.outbound.is_none() && node.slot_count == 0;
            if !node.has(NodeFlags::HANDSHAKE | NodeFlags::NOADDR) && !useless {
                chosen.push(node);
            }
        }
        let nameless = NodeFlags::HANDSHAKE | NodeFlags::NOADDR;
        chosen
            .extend(nodes.iter().filter(|node| node.has(NodeFlags::PFAIL) && !node.has(nameless)));
        chosen.into_iter().map(|node| gossip_entry(node, self.settings.tls_bus)).collect()
    }

    /// The hostname for everyone; the rest for those that have shown to read more than that,
    /// because Redis 7.0 logs a warning for each record it does not know.
    fn extensions_for(&self, peer: Option<NodeId>) -> Vec<Extension> {
        let me = self.table.me();
        let mut extensions = Vec::new();
        if !me.hostname.is_empty() {
            extensions.push(Extension::Hostname(me.hostname.clone()));
        }
        let reads_all = peer
            .and_then(|peer| self.table.get(peer))
            .is_some_and(|node| node.has(NodeFlags::EXTENSIONS));
        if reads_all {
            if !me.nodename.is_empty() {
                extensions.push(Extension::Nodename(me.nodename.clone()));
            }
            for (node, until) in &self.blacklist {
                let ttl_s = until.since(self.now).as_secs();
                if ttl_s > 0 {
                    extensions.push(Extension::Forgotten { node: *node, ttl_s });
                }
            }
            extensions.extend(me.shard.map(Extension::ShardId));
        }
        extensions
    }

    /// The counters of CLUSTER INFO: frames by type, sent and received.
    pub(super) fn count_received(&mut self, kind: Kind) {
        self.stats.received[kind as usize] += 1;
    }
}

fn gossip_entry(node: &Node, tls_bus: bool) -> GossipEntry {
    let seconds = |time: Millis| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let (port, other_port) = node.address.wire_ports(tls_bus);
    GossipEntry {
        node: node.id,
        ping_sent_s: node.ping_sent.map_or(0, seconds),
        pong_received_s: seconds(node.pong_received),
        ip: node.address.ip.clone(),
        port,
        bus_port: node.address.bus_port,
        flags: node.flags - NodeFlags::LOCAL,
        other_port,
    }
}
