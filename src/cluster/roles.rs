//! Primary or replica: what other nodes say they are, and what becoming one means for this node.

use tracing::{info, warn};

use super::failover::ManualFailover;
use super::flags::NodeFlags;
use super::frame::Header;
use super::machine::{Action, Machine};
use crate::base::NodeId;

impl Machine {
    /// Takes over the role that a sender says it has.
    pub(super) fn follow_role(&mut self, sender: NodeId, header: &Header) {
        let Some(node) = self.table.get(sender) else { return };
        let Some(primary) = header.primary else {
            if !node.is_primary() {
                self.becomes_primary(sender);
            }
            return;
        };
        if !node.is_replica() {
            info!(node = %sender, primary = %primary, "node is a replica now");
            self.table.unassign_all(sender);
            let node = self.table.get_mut(sender).expect("looked up above");
            node.flags -= NodeFlags::PRIMARY | NodeFlags::MIGRATE_TO;
            node.flags |= NodeFlags::REPLICA;
            self.save();
            self.pending.state = true;
        }
        let stored = self.table.get(sender).and_then(|node| node.primary);
        if stored != Some(primary) && primary != sender && self.table.get(primary).is_some() {
            self.attach(sender, Some(primary));
            self.save();
        }
        if self.table.me().primary == Some(sender) {
            self.skip_a_generation(sender);
        }
    }

    /// The primary that this node copies copies another one itself: that one is to be copied.
    fn skip_a_generation(&mut self, primary: NodeId) {
        let grand = self.table.get(primary).and_then(|node| node.primary);
        if let Some(grand) = grand.filter(|grand| *grand != self.my_id()) {
            self.become_replica_of(grand);
        }
    }

    /// Another node has become a primary.
    pub(super) fn becomes_primary(&mut self, id: NodeId) {
        let Some(node) = self.table.get_mut(id) else { return };
        info!(node = %id, "node is a primary now");
        node.flags -= NodeFlags::REPLICA;
        node.flags |= NodeFlags::PRIMARY;
        if node.primary.is_some() {
            node.flags |= NodeFlags::MIGRATE_TO; // it stands in for one that had replicas
        }
        self.attach(id, None);
        self.save();
        self.pending.state = true;
    }

    /// Makes `id` a replica of `primary`, or of none, and keeps MIGRATE_TO in step on both sides.
    pub(super) fn attach(&mut self, id: NodeId, primary: Option<NodeId>) {
        let shard = primary.and_then(|primary| self.table.get(primary)).and_then(|p| p.shard);
        let Some(node) = self.table.get_mut(id) else { return };
        let before = std::mem::replace(&mut node.primary, primary);
        node.shard = shard.or(node.shard);
        if let Some(before) = before
            && self.table.replicas_of(before).next().is_none()
            && let Some(before) = self.table.get_mut(before)
        {
            before.flags -= NodeFlags::MIGRATE_TO;
        }
        if let Some(primary) = primary.and_then(|primary| self.table.get_mut(primary)) {
            primary.flags |= NodeFlags::MIGRATE_TO;
        }
    }

    /// This node becomes a replica of `primary`, whatever it was.
    pub(super) fn become_replica_of(&mut self, primary: NodeId) {
        let me = self.my_id();
        assert_ne!(primary, me, "a node does not replicate itself");
        warn!(primary = %primary, "this node is a replica now");
        self.table.unassign_all(me);
        self.table.migrating.clear();
        self.table.importing.clear();
        let node = self.table.me_mut();
        node.flags -= NodeFlags::PRIMARY | NodeFlags::MIGRATE_TO;
        node.flags |= NodeFlags::REPLICA;
        self.attach(me, Some(primary));
        self.end_manual_failover();
        self.manual = ManualFailover::default();
        self.settle_succession();
        self.save_durably();
        self.pending.state = true;
        self.follow(primary);
    }

    /// Points replication at where the primary is.
    pub(super) fn follow(&mut self, primary: NodeId) {
        let Some(node) = self.table.get(primary) else { return };
        let (ip, port) = (node.address.ip.clone(), node.address.client_port(self.settings.tls_bus));
        self.outbox.push(Action::FollowPrimary { node: primary, ip, port });
    }

    /// After a restart: a replica goes on following.
    pub(super) fn follow_saved_primary(&mut self) {
        if let Some(primary) = self.table.me().primary {
            self.follow(primary);
        }
    }

    /// This node becomes a primary with the slots of the one it replicated.
    pub(super) fn promote(&mut self) {
        let me = self.my_id();
        let Some(old) = self.table.me().primary else { return };
        warn!(primary = %old, epoch = self.table.me().config_epoch.0, "this node takes over");
        let slots = self.table.get(old).map(|node| node.slots.clone());
        self.stop_replicating();
        if let Some(slots) = slots {
            slots.iter().for_each(|slot| self.table.assign(slot, me));
        }
        self.save_durably();
        self.pending.state = true;
        self.end_manual_failover();
        self.send_pongs(|_| true);
    }

    /// This node becomes a primary without slots.
    pub(super) fn stop_replicating(&mut self) {
        let me = self.my_id();
        let node = self.table.me_mut();
        node.flags -= NodeFlags::REPLICA;
        node.flags |= NodeFlags::PRIMARY;
        if node.primary.is_some() {
            node.flags |= NodeFlags::MIGRATE_TO;
        }
        self.attach(me, None);
        self.outbox.push(Action::StopFollowing);
        self.save_durably();
        self.pending.state = true;
    }
}
