//! Whether the nodes agree and are well.

use std::collections::{BTreeMap, BTreeSet};

use redpoll::base::{NodeId, Slot};
use redpoll::cluster::flags::NodeFlags;

use super::World;

impl World {
    /// All running nodes have the same owner for every slot.
    pub fn agree(&self) -> bool {
        let owners = |node: usize| {
            let table = self.machine(node).table();
            table
                .iter()
                .filter(|node| node.slot_count > 0)
                .map(|node| (node.id, &node.slots))
                .collect()
        };
        let views: Vec<BTreeMap<NodeId, _>> = self.running().into_iter().map(owners).collect();
        views.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Everybody runs and agrees; every slot has a live owner that nobody suspects; no two
    /// primaries share an epoch; every node knows every other, and serves.
    pub fn has_converged(&self) -> bool {
        let everyone = self.running();
        everyone.len() == self.nodes.len()
            && everyone.iter().all(|node| self.is_content(*node))
            && self.agree()
    }

    fn is_content(&self, node: usize) -> bool {
        let machine = self.machine(node);
        let table = machine.table();
        let unwell = NodeFlags::FAILING | NodeFlags::NOADDR | NodeFlags::HANDSHAKE;
        let ids: BTreeSet<NodeId> = table.iter().map(|node| node.id).collect();
        let live: BTreeSet<NodeId> = self.running().into_iter().map(|node| self.id(node)).collect();
        let primaries: Vec<_> =
            table.iter().filter(|node| node.is_voter()).map(|node| node.config_epoch).collect();
        let epochs: BTreeSet<_> = primaries.iter().collect();
        let voters = table.iter().filter(|node| node.is_voter());
        let served: usize = voters.map(|node| node.slot_count).sum();
        machine.is_ok()
            && ids == live
            && table.iter().all(|node| !node.has(unwell))
            && served == Slot::COUNT
            && epochs.len() == primaries.len()
    }

    /// A digest of everything that happened.
    pub fn fingerprint(&self) -> String {
        let texts = self.running().into_iter().map(|node| self.machine(node).saved_text());
        format!("{} {} {:?}", self.steps, self.event_count, texts.collect::<Vec<_>>())
    }
}
