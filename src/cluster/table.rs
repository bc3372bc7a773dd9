//! The node table and the slot map: who is known and who owns what.
//!
//! # Invariants (asserted by [`Table::check`])
//! - I1: there is exactly one node with MYSELF, and it is [`Table::me`].
//! - I2: `owner[slot] == Some(id)` if and only if `id` is known and its slot set contains `slot`.
//! - I3: `slot_count` is the size of the slot set.
//! - I4: a replica is not a primary.
//!
//! Pure bookkeeping: it decides nothing and has no clock.

use std::collections::BTreeMap;

use super::flags::NodeFlags;
use super::node::Node;
use crate::base::{ConfigEpoch, Epoch, Millis, NodeId, Rng, Slot, SlotSet};

/// See the module's head.
#[derive(Clone, Debug)]
pub struct Table {
    me: NodeId,
    nodes: BTreeMap<NodeId, Node>,
    owner: Box<[Option<NodeId>]>,
    /// Slots whose owner has stopped claiming them: free for anyone who claims them.
    pub not_claimed: SlotSet,
    pub migrating: BTreeMap<Slot, NodeId>,
    pub importing: BTreeMap<Slot, NodeId>,
}

impl Table {
    /// A table that knows `me` alone, a primary without slots.
    #[must_use]
    pub fn new(me: NodeId, now: Millis) -> Table {
        let node = Node::new(me, NodeFlags::MYSELF | NodeFlags::PRIMARY, now);
        Table {
            me,
            nodes: BTreeMap::from([(me, node)]),
            owner: vec![None; Slot::COUNT].into_boxed_slice(),
            not_claimed: SlotSet::empty(),
            migrating: BTreeMap::new(),
            importing: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn me(&self) -> &Node {
        &self.nodes[&self.me]
    }

    pub fn me_mut(&mut self) -> &mut Node {
        self.nodes.get_mut(&self.me).expect("I1: this node is in its table")
    }

    #[must_use]
    pub fn my_id(&self) -> NodeId {
        self.me
    }

    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    /// All nodes in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    /// The ids, for loops that change nodes.
    #[must_use]
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a node that owns nothing.
    pub fn insert(&mut self, node: Node) {
        assert!(node.slots.is_empty() && !node.is_me(), "I1, I2");
        let before = self.nodes.insert(node.id, node);
        assert!(before.is_none(), "a node is added once");
    }

    /// Removes a node other than me; its slots become unowned, its replicas lose their primary, its
    /// failure reports and the open slots that name it go.
    pub fn remove(&mut self, id: NodeId) -> Option<Node> {
        assert_ne!(id, self.me, "I1");
        let slots: Vec<Slot> = self.nodes.get(&id)?.slots.iter().collect();
        slots.into_iter().for_each(|slot| self.unassign(slot));
        let removed = self.nodes.remove(&id);
        for node in self.nodes.values_mut() {
            node.failure_reports.remove(&id);
            if node.primary == Some(id) {
                node.primary = None;
            }
        }
        self.migrating.retain(|_, target| *target != id);
        self.importing.retain(|_, source| *source != id);
        removed
    }

    /// Gives a node that owns nothing another id.
    ///
    /// # Panics
    /// If the new id is taken.
    pub fn rename(&mut self, from: NodeId, to: NodeId) {
        let Some(mut node) = self.nodes.remove(&from) else { return };
        assert!(node.slots.is_empty(), "I2");
        node.id = to;
        if self.me == from {
            self.me = to;
        }
        let before = self.nodes.insert(to, node);
        assert!(before.is_none(), "an id is taken once");
        for node in self.nodes.values_mut().filter(|node| node.primary == Some(from)) {
            node.primary = Some(to);
        }
    }

    #[must_use]
    pub fn owner_id(&self, slot: Slot) -> Option<NodeId> {
        self.owner[slot.index()]
    }

    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<&Node> {
        self.owner_id(slot).map(|id| &self.nodes[&id])
    }

    /// Makes `id`, a known node, the slot's owner, and the claim a fresh one.
    pub fn assign(&mut self, slot: Slot, id: NodeId) {
        self.unassign(slot);
        let node = self.nodes.get_mut(&id).expect("only known nodes own slots");
        node.slots.insert(slot);
        node.slot_count += 1;
        self.owner[slot.index()] = Some(id);
    }

    /// Leaves the slot without an owner. What is migrating can only be migrated by its owner: that
    /// ends.
    pub fn unassign(&mut self, slot: Slot) {
        if let Some(id) = self.owner[slot.index()].take() {
            let node = self.nodes.get_mut(&id).expect("I2: owners are known");
            node.slots.remove(slot);
            node.slot_count -= 1;
            if id == self.me {
                self.migrating.remove(&slot);
            }
        }
        self.not_claimed.remove(slot);
    }

    /// Leaves everything that `id` owns without an owner.
    pub fn unassign_all(&mut self, id: NodeId) {
        let slots: Vec<Slot> =
            self.nodes.get(&id).map(|node| node.slots.iter().collect()).unwrap_or_default();
        slots.into_iter().for_each(|slot| self.unassign(slot));
    }

    pub fn replicas_of(&self, primary: NodeId) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(move |node| node.primary == Some(primary))
    }

    /// The node whose slots and epoch `node` stands for: its primary if it is a replica of a known
    /// one.
    #[must_use]
    pub fn primary_of<'a>(&'a self, node: &'a Node) -> &'a Node {
        node.primary.and_then(|id| self.nodes.get(&id)).unwrap_or(node)
    }

    /// Primaries that serve slots: those that vote.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.values().filter(|node| node.is_voter()).count()
    }

    /// The highest version of any claim, and the cluster's clock.
    #[must_use]
    pub fn max_epoch(&self, current: Epoch) -> u64 {
        let claims = self.nodes.values().map(|node| node.config_epoch);
        claims.max().unwrap_or(ConfigEpoch(0)).0.max(current.0)
    }

    /// A new id for me, which has to own nothing.
    pub fn rename_me(&mut self, rng: &mut Rng) {
        self.rename(self.me, NodeId::random(rng));
    }

    /// Asserts the invariants. O(nodes + slots).
    pub fn check(&self) {
        let myselves: Vec<NodeId> =
            self.nodes.values().filter(|node| node.is_me()).map(|node| node.id).collect();
        assert_eq!(myselves, [self.me], "I1");
        for node in self.nodes.values() {
            assert_eq!(node.slots.len(), node.slot_count, "I3: {}", node.id);
            assert!(!(node.is_primary() && node.is_replica()), "I4: {}", node.id);
        }
        let owned: usize = self.nodes.values().map(|node| node.slot_count).sum();
        assert_eq!(owned, self.owner.iter().flatten().count(), "I2: counts");
        for slot in Slot::all() {
            let Some(id) = self.owner_id(slot) else { continue };
            assert!(self.nodes[&id].slots.contains(slot), "I2: slot {slot}");
        }
    }
}
