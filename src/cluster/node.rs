//! One entry of the node table: what this node knows about a node, itself included.

use std::collections::BTreeMap;

use super::flags::NodeFlags;
use super::link::LinkId;
use crate::base::{ConfigEpoch, Millis, NodeId, ReplId, SlotSet};

/// Where a node is reached. Ports are 0 when unknown; the ip is empty when unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub ip: String,
    /// Client port without TLS.
    pub port: u16,
    /// Client port with TLS.
    pub tls_port: u16,
    pub bus_port: u16,
}

impl Address {
    /// From the two client ports as the bus and `nodes.conf` order them: first the one of the
    /// transport that the bus uses.
    #[must_use]
    pub fn from_wire(ip: String, first: u16, second: u16, bus_port: u16, tls: bool) -> Address {
        let (port, tls_port) = if tls { (second, first) } else { (first, second) };
        Address { ip, port, tls_port, bus_port }
    }

    /// The two client ports in the order of [`Address::from_wire`].
    #[must_use]
    pub fn wire_ports(&self, tls: bool) -> (u16, u16) {
        if tls { (self.tls_port, self.port) } else { (self.port, self.tls_port) }
    }

    /// The port for a client that does or does not speak TLS; the other one if that is unknown.
    #[must_use]
    pub fn client_port(&self, tls: bool) -> u16 {
        match self.wire_ports(tls) {
            (0, other) => other,
            (wanted, _) => wanted,
        }
    }
}

/// What is known about a node.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub flags: NodeFlags,
    /// Set on a replica whose primary is known.
    pub primary: Option<NodeId>,
    pub address: Address,
    /// Empty when not announced.
    pub hostname: String,
    /// Empty when not announced; for people.
    pub nodename: String,
    /// Unknown for nodes older than 7.2.
    pub shard: Option<ReplId>,
    /// Version of its slot claims. 0 for a replica.
    pub config_epoch: ConfigEpoch,
    /// The slots it owns; kept by [`super::table::Table`] in step with the owners.
    pub slots: SlotSet,
    pub slot_count: usize,
    /// When the entry was made; a handshake is given up some time after.
    pub created: Millis,
    /// The oldest PING that was not answered yet.
    pub ping_sent: Option<Millis>,
    pub pong_received: Millis,
    /// When the last valid frame came, of whatever type.
    pub data_received: Millis,
    /// When [`NodeFlags::FAIL`] was set.
    pub failed_at: Millis,
    /// When it last said itself that it had failed: it came back without its data.
    pub confessed_at: Option<Millis>,
    /// When this node last voted for a replica of it.
    pub voted_at: Option<Millis>,
    pub replication_offset: u64,
    /// Since when it serves slots without a working replica.
    pub orphaned_since: Option<Millis>,
    /// Primaries that hold it for failing, and when they last said so.
    pub failure_reports: BTreeMap<NodeId, Millis>,
    /// The link opened by this node.
    pub outbound: Option<LinkId>,
    /// The link opened by the peer.
    pub inbound: Option<LinkId>,
    /// When this node, told by an operator, greeted it last, as long as it has not opened a link of
    /// its own: it may not have taken us in.
    pub met_at: Option<Millis>,
    /// A connection attempt of ours is under way.
    pub connecting: bool,
}

impl Node {
    #[must_use]
    pub fn new(id: NodeId, flags: NodeFlags, now: Millis) -> Node {
        Node {
            id,
            flags,
            primary: None,
            address: Address::default(),
            hostname: String::new(),
            nodename: String::new(),
            shard: None,
            config_epoch: ConfigEpoch(0),
            slots: SlotSet::empty(),
            slot_count: 0,
            created: now,
            ping_sent: None,
            pong_received: Millis::ZERO,
            data_received: Millis::ZERO,
            failed_at: Millis::ZERO,
            confessed_at: None,
            voted_at: None,
            replication_offset: 0,
            orphaned_since: None,
            failure_reports: BTreeMap::new(),
            outbound: None,
            inbound: None,
            met_at: None,
            connecting: false,
        }
    }

    #[must_use]
    pub fn has(&self, flag: NodeFlags) -> bool {
        self.flags.intersects(flag)
    }

    #[must_use]
    pub fn is_me(&self) -> bool {
        self.has(NodeFlags::MYSELF)
    }

    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.has(NodeFlags::PRIMARY)
    }

    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.has(NodeFlags::REPLICA)
    }

    #[must_use]
    pub fn is_handshake(&self) -> bool {
        self.has(NodeFlags::HANDSHAKE)
    }

    /// Whether its vote and its suspicions count: a primary that serves slots.
    #[must_use]
    pub fn is_voter(&self) -> bool {
        self.is_primary() && self.slot_count > 0
    }
}
