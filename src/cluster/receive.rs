//! What comes in on a link: who sent it, and in which order its parts are believed.

use bytes::Bytes;
use tracing::{debug, info, warn};

use super::flags::{MessageFlags, NodeFlags};
use super::frame::{
    Body, EPOCH_PLAUSIBLE, EPOCH_STEP_MAX, Extension, Frame, Header, Heartbeat, HeartbeatKind,
    kind_of,
};
use super::link::{Direction, LinkId};
use super::machine::{Action, Machine};
use crate::base::{Epoch, Millis, NodeId};

impl Machine {
    pub(super) fn receive(&mut self, link: LinkId, bytes: &Bytes) {
        if !self.links.contains_key(&link) {
            return; // was on its way when the link was closed
        }
        if let Some(kind) = kind_of(bytes) {
            self.count_received(kind);
        }
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                debug!(link = link.0, %error, "frame dropped");
                return;
            }
        };
        let epoch = frame.highest_epoch();
        if epoch > self.current_epoch.0.max(EPOCH_PLAUSIBLE) + EPOCH_STEP_MAX {
            warn!(node = %frame.header.sender, epoch, "an epoch out of reach is not believed");
            return;
        }
        let sender = self.sender_of(link, &frame.header);
        if let Some(sender) = sender {
            self.hear(sender, &frame.header);
        }
        match (sender, frame.body) {
            (_, Body::Heartbeat(heartbeat)) => {
                self.heartbeat(link, sender, &frame.header, &heartbeat);
            }
            (None, _) => {} // strangers are only talked to about joining
            (Some(sender), Body::Fail(node)) => self.told_of_failure(sender, node),
            (Some(_), Body::Publish(message)) => {
                self.outbox.push(Action::Deliver { message, shard: false });
            }
            (Some(_), Body::PublishShard(message)) => {
                self.outbox.push(Action::Deliver { message, shard: true });
            }
            (Some(sender), Body::AuthRequest) => self.vote_requested(sender, &frame.header),
            (Some(sender), Body::AuthAck) => self.vote_granted(sender, &frame.header),
            (Some(_), Body::Update { config_epoch, node, slots }) => {
                self.told_of_claims(node, config_epoch, &slots);
            }
            (Some(sender), Body::MfStart) => self.manual_failover_requested(sender, link),
            (Some(_), Body::Module | Body::Unknown(_)) => {}
        }
    }

    /// The known node that sent a frame; an inbound link is bound to the first one that shows up on
    /// it.
    ///
    /// Never this node itself, which a link back to our own bus port would name.
    fn sender_of(&mut self, link_id: LinkId, header: &Header) -> Option<NodeId> {
        let link = self.links.get(&link_id)?;
        let bound = link.node.and_then(|id| self.table.get(id)).filter(|node| !node.is_handshake());
        match bound {
            Some(node) if node.id == header.sender => return Some(node.id),
            // Somebody else answers at that node's address: nothing it says is that node's word.
            Some(_) if link.direction == Direction::Outbound => return None,
            _ => {}
        }
        let sender = self.table.get(header.sender).filter(|node| !node.is_me())?;
        let (sender, before) = (sender.id, sender.inbound);
        if link.direction == Direction::Inbound {
            if let Some(before) = before.filter(|before| *before != link_id) {
                self.close_link(before); // the peer has given it up for this one
            }
            self.links.get_mut(&link_id)?.node = Some(sender);
            let node = self.table.get_mut(sender)?;
            (node.inbound, node.met_at) = (Some(link_id), None);
        }
        Some(sender)
    }

    /// What every frame of a known node tells, before its type is looked at.
    pub(super) fn hear(&mut self, sender: NodeId, header: &Header) {
        let now = self.now;
        let Some(node) = self.table.get_mut(sender) else { return };
        node.data_received = now;
        if node.is_handshake() {
            return;
        }
        node.replication_offset = header.offset;
        if header.config_epoch > node.config_epoch && header.primary.is_none() {
            node.config_epoch = header.config_epoch;
            self.save_durably();
        }
        if header.current_epoch > self.current_epoch {
            self.raise_epoch(header.current_epoch);
        }
        if header.message_flags.contains(MessageFlags::PAUSED) {
            self.primary_paused(sender, header.offset);
        }
    }

    fn heartbeat(
        &mut self,
        link: LinkId,
        sender: Option<NodeId>,
        header: &Header,
        heartbeat: &Heartbeat,
    ) {
        let is_pong = heartbeat.kind == HeartbeatKind::Pong;
        if !is_pong {
            self.learn_own_ip(link, heartbeat.kind);
            if heartbeat.kind == HeartbeatKind::Meet && sender.is_none() {
                self.met(link, header);
            }
            self.send_heartbeat(link, HeartbeatKind::Pong);
        }
        if self.settle_handshake(link, sender, header) {
            return;
        }
        // A handshake that was just completed has given its node the real id.
        let sender = sender.or_else(|| self.sender_of(link, header));
        let Some(sender) = sender else { return };
        self.copy_flags(sender, header, heartbeat);
        if heartbeat.kind == HeartbeatKind::Ping {
            self.follow_address(link, sender, header);
        }
        if is_pong && self.table.get(sender).is_some_and(|node| node.outbound == Some(link)) {
            self.answered(sender);
        }
        self.follow_role(sender, header);
        self.follow_claims(sender, header);
        self.resolve_collision(sender, header);
        self.hear_gossip(sender, &heartbeat.gossip);
        if self.table.get(sender).is_some() {
            self.read_extensions(sender, header, &heartbeat.extensions);
        }
    }

    fn copy_flags(&mut self, sender: NodeId, header: &Header, heartbeat: &Heartbeat) {
        let Some(node) = self.table.get_mut(sender) else { return };
        let before = node.flags;
        node.flags.set(NodeFlags::NOFAILOVER, header.flags.contains(NodeFlags::NOFAILOVER));
        // Redis 7.0 sets the flag too, but only along with its hostname.
        let only_hostname = matches!(heartbeat.extensions[..], [Extension::Hostname(_)]);
        if header.message_flags.contains(MessageFlags::EXT_DATA) && !only_hostname {
            node.flags |= NodeFlags::EXTENSIONS;
        }
        if node.flags.symmetric_difference(before).contains(NodeFlags::NOFAILOVER) {
            self.save();
        }
    }

    /// A PONG came back on the link that the PING left on.
    fn answered(&mut self, sender: NodeId) {
        let now = self.now;
        let Some(node) = self.table.get_mut(sender) else { return };
        node.pong_received = now;
        node.ping_sent = None;
        if node.has(NodeFlags::PFAIL) {
            node.flags -= NodeFlags::PFAIL;
            info!(node = %sender, "node no longer suspected");
            self.pending.state = true;
        } else if node.has(NodeFlags::FAIL) {
            self.clear_failure(sender);
        }
    }

    /// Names and shard of the sender. What it does not say any more is not so any more.
    fn read_extensions(&mut self, sender: NodeId, header: &Header, extensions: &[Extension]) {
        let (mut hostname, mut nodename, mut shard) = (String::new(), String::new(), None);
        for extension in extensions {
            match extension {
                Extension::Hostname(name) => hostname.clone_from(name),
                Extension::Nodename(name) => nodename.clone_from(name),
                Extension::ShardId(id) => shard = Some(*id),
                Extension::Forgotten { node, ttl_s } => self.told_to_forget(*node, *ttl_s),
            }
        }
        let primary = header.primary.and_then(|id| self.table.get(id));
        let shard = shard.or_else(|| primary.and_then(|primary| primary.shard));
        let Some(node) = self.table.get_mut(sender) else { return };
        let shard = shard.or(node.shard);
        if (&node.hostname, &node.nodename, node.shard) != (&hostname, &nodename, shard) {
            (node.hostname, node.nodename, node.shard) = (hostname, nodename, shard);
            self.save();
        }
    }

    /// A peer was told to forget a node.
    fn told_to_forget(&mut self, id: NodeId, ttl_s: u64) {
        let needed = id == self.my_id() || self.table.me().primary == Some(id);
        if needed || self.table.get(id).is_none() || ttl_s == 0 {
            return;
        }
        let ttl = Millis(ttl_s.saturating_mul(1000)).min(FORGOTTEN_TTL_MAX);
        debug!(node = %id, "told to forget a node");
        self.blacklist.insert(id, self.now + ttl);
        self.remove_node(id);
    }

    /// An update: a third node's claims, by one that noticed that we do not know them.
    fn told_of_claims(
        &mut self,
        subject: NodeId,
        config_epoch: crate::base::ConfigEpoch,
        slots: &crate::base::SlotSet,
    ) {
        let Some(node) = self.table.get(subject) else { return };
        if node.is_me() || config_epoch <= node.config_epoch {
            return;
        }
        if node.is_replica() {
            self.becomes_primary(subject);
        }
        if let Some(node) = self.table.get_mut(subject) {
            node.config_epoch = config_epoch;
        }
        let epoch = Epoch(config_epoch.0).max(self.current_epoch);
        self.raise_epoch(epoch);
        self.apply_claims(subject, config_epoch, slots);
    }
}

/// How long a peer can make us keep a node out.
const FORGOTTEN_TTL_MAX: Millis = Millis::from_secs(3600);
