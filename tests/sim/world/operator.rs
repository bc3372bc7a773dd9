//! What an operator does: creates the cluster and moves slots, in the order of redis-cli.

use std::collections::BTreeSet;

use redpoll::base::{Millis, Slot};
use redpoll::cluster::Admin;
use redpoll::cluster::admin::SetSlot;

use super::{Event, World};

impl World {
    /// What redis-cli does to create a cluster, up to the point where it is ready.
    pub fn create_cluster(&mut self) {
        let primaries = self.shape.primaries;
        for primary in 0..primaries {
            let first = Slot::COUNT * primary / primaries;
            let last = Slot::COUNT * (primary + 1) / primaries;
            let slots = Slot::all().skip(first).take(last - first).collect();
            self.admin(primary, &Admin::AddSlots(slots)).expect("free slots");
        }
        for node in 0..self.nodes.len() {
            let epoch = node as u64 + 1;
            self.admin(node, &Admin::SetConfigEpoch(epoch)).expect("a fresh node");
        }
        for node in 1..self.nodes.len() {
            let ip = self.nodes[0].ip.clone();
            let meet = Admin::Meet { ip, port: 6379, bus_port: 16379 };
            self.admin(node, &meet).expect("a valid address");
        }
        let count = self.nodes.len();
        self.run_until("all nodes have met", Millis::from_secs(60), |world| {
            let knows_all = |node| world.machine(node).table().node_count() == count;
            world.running().into_iter().all(knows_all) && world.agree()
        });
        for replica in primaries..count {
            let primary = self.id((replica - primaries) % primaries).to_string();
            self.admin(replica, &Admin::Replicate(primary)).expect("an empty node");
        }
        self.run_until("the cluster is ready", Millis::from_secs(60), World::has_converged);
    }

    /// Moves a slot as redis-cli does, while all is well and every node has the latest epoch.
    ///
    /// The last condition is the bus protocol's, not ours: a finished move takes an epoch without
    /// asking anyone, so two moves in two halves of a cluster can take the same one.
    pub(super) fn operate(&mut self) {
        self.schedule(Millis(1000), Event::Operator);
        let everyone = self.running();
        let epochs: BTreeSet<_> =
            everyone.iter().map(|node| self.machine(*node).current_epoch()).collect();
        if !self.operator_moves_slots || epochs.len() != 1 || !self.has_converged() {
            return;
        }
        let slot = Slot::all().nth(self.rng.index(Slot::COUNT)).expect("in range");
        let table = self.machine(everyone[0]).table();
        let Some(owner) = table.owner_id(slot) else { return };
        let Some(source) = everyone.iter().copied().find(|node| self.id(*node) == owner) else {
            return;
        };
        let target = everyone[self.rng.index(everyone.len())];
        if target == source {
            return;
        }
        let (from, to) = (owner.to_string(), self.id(target).to_string());
        let mut order = vec![
            (target, SetSlot::Importing(from)),
            (source, SetSlot::Migrating(to.clone())),
            (target, SetSlot::Node(to.clone())),
            (source, SetSlot::Node(to.clone())),
        ];
        let others = everyone.into_iter().filter(|node| ![source, target].contains(node));
        order.extend(others.map(|node| (node, SetSlot::Node(to.clone()))));
        for (node, action) in order {
            // A node that ends before all of it is done does not answer.
            let told = self.nodes[node].machine.is_some()
                && self.admin(node, &Admin::SetSlot(slot, action)).is_ok()
                && self.nodes[node].machine.is_some();
            if !told {
                return; // redis-cli gives up here too; a later check finds the open slot
            }
        }
        self.tally.slots_moved += 1;
    }
}
