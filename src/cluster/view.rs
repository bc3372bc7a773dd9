//! What the data plane decides by: an immutable picture of the slot map, published whenever it
//! changes.

use std::collections::BTreeMap;

use super::flags::NodeFlags;
use super::machine::Machine;
use super::node::Node;
use super::nodes_conf::ranges;
use super::settings::EndpointType;
use super::state::{State, Why};
use crate::base::{NodeId, Slot};

/// The place of a node in [`ClusterView::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIndex(u16);

impl NodeIndex {
    const NONE: NodeIndex = NodeIndex(u16::MAX);

    fn known(self) -> Option<NodeIndex> {
        (self != NodeIndex::NONE).then_some(self)
    }
}

/// A node as a client is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewNode {
    pub id: NodeId,
    pub ip: String,
    pub hostname: String,
    pub port: u16,
    pub tls_port: u16,
    pub failed: bool,
}

impl ViewNode {
    fn of(node: &Node) -> ViewNode {
        ViewNode {
            id: node.id,
            ip: node.address.ip.clone(),
            hostname: node.hostname.clone(),
            port: node.address.port,
            tls_port: node.address.tls_port,
            failed: node.has(NodeFlags::FAIL),
        }
    }

    /// The port for a client of that kind; the other one if there is no such port.
    #[must_use]
    pub fn client_port(&self, tls: bool) -> u16 {
        let (wanted, other) =
            if tls { (self.tls_port, self.port) } else { (self.port, self.tls_port) };
        if wanted == 0 { other } else { wanted }
    }
}

/// See the module's head. 40 KB and one entry per node.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// Counts the views of a process.
    pub version: u64,
    pub state: State,
    pub me: NodeIndex,
    /// The node whose slots a READONLY client may read here: this node's primary.
    pub my_primary: Option<NodeIndex>,
    pub nodes: Vec<ViewNode>,
    owners: Box<[NodeIndex]>,
    migrating: BTreeMap<Slot, NodeIndex>,
    importing: BTreeMap<Slot, NodeIndex>,
    pub preferred_endpoint_type: EndpointType,
    pub allow_reads_when_down: bool,
    pub allow_pubsubshard_when_down: bool,
    /// The port for those that have no connection, such as scripts: that of the bus' transport.
    pub tls_by_default: bool,
}

impl ClusterView {
    #[must_use]
    pub fn owner(&self, slot: Slot) -> Option<NodeIndex> {
        self.owners[slot.index()].known()
    }

    /// Whether this node owns the slot and has not opened it: the common case, whose cost is one
    /// load and a comparison while nothing is being moved.
    #[inline]
    #[must_use]
    pub fn is_simply_mine(&self, slot: Slot) -> bool {
        let open =
            |slots: &BTreeMap<Slot, NodeIndex>| !slots.is_empty() && slots.contains_key(&slot);
        self.is_mine(slot) && !open(&self.migrating) && !open(&self.importing)
    }

    #[must_use]
    pub fn is_mine(&self, slot: Slot) -> bool {
        self.owners[slot.index()] == self.me
    }

    /// Whether this node has lost its data and waits for a replica that has them to take over.
    #[must_use]
    pub fn awaits_successor(&self) -> bool {
        self.state == State::Down(Why::Succession)
    }

    /// Where an own slot is being moved to.
    #[must_use]
    pub fn migrating_to(&self, slot: Slot) -> Option<NodeIndex> {
        self.migrating.get(&slot).copied().filter(|_| self.is_mine(slot))
    }

    /// Where a slot is being moved here from.
    #[must_use]
    pub fn importing_from(&self, slot: Slot) -> Option<NodeIndex> {
        self.importing.get(&slot).copied()
    }

    /// The node at an index of this view.
    ///
    /// # Panics
    /// If the index is another view's.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> &ViewNode {
        &self.nodes[usize::from(index.0)]
    }

    #[must_use]
    pub fn my_id(&self) -> NodeId {
        self.node(self.me).id
    }

    /// What a client is told instead of the ip, by the configured preference. The empty string
    /// means "where you are connected to".
    #[must_use]
    pub fn endpoint(&self, node: NodeIndex) -> &str {
        let node = self.node(node);
        match self.preferred_endpoint_type {
            EndpointType::Ip => &node.ip,
            EndpointType::Hostname if node.hostname.is_empty() => "?",
            EndpointType::Hostname => &node.hostname,
            EndpointType::Unknown => "",
        }
    }
}

impl Machine {
    /// The picture as of now. O(slots + nodes).
    pub(super) fn view(&self) -> ClusterView {
        let nodes: Vec<&Node> = self.table.iter().filter(|node| !node.is_handshake()).collect();
        let index_of = |id: NodeId| {
            let at = nodes.binary_search_by_key(&id, |node| node.id).ok()?;
            u16::try_from(at).ok().map(NodeIndex)
        };
        let mut owners = vec![NodeIndex::NONE; Slot::COUNT].into_boxed_slice();
        for node in nodes.iter().filter(|node| node.slot_count > 0) {
            let index = index_of(node.id).expect("it is in the list");
            for (first, last) in ranges(&node.slots) {
                owners[first.index()..=last.index()].fill(index);
            }
        }
        let open = |slots: &BTreeMap<Slot, NodeId>| {
            slots.iter().filter_map(|(slot, id)| Some((*slot, index_of(*id)?))).collect()
        };
        let me = self.table.me();
        ClusterView {
            version: self.view_version,
            state: self.health.state,
            me: index_of(me.id).expect("this node is in the list"),
            my_primary: me.primary.and_then(index_of),
            owners,
            migrating: open(&self.table.migrating),
            importing: open(&self.table.importing),
            nodes: nodes.iter().map(|node| ViewNode::of(node)).collect(),
            preferred_endpoint_type: self.settings.preferred_endpoint_type,
            allow_reads_when_down: self.settings.allow_reads_when_down,
            allow_pubsubshard_when_down: self.settings.allow_pubsubshard_when_down,
            tls_by_default: self.settings.tls_bus,
        }
    }
}
