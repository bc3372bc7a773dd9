//! Bus connections as the machine sees them.
//!
//! Two per pair of nodes: each side opens one, sends its own frames on it and gets the answers to
//! its PINGs on it.

use std::collections::BTreeMap;

use crate::base::{Millis, NodeId};

/// A connection's name, chosen by the shell and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Opened by this node.
    Outbound,
    /// Opened by the peer.
    Inbound,
}

/// What the shell knows about a link's buffers; CLUSTER LINKS shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkBuffers {
    pub send_allocated: u64,
    pub send_used: u64,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub direction: Direction,
    /// An inbound link has no node until a frame names a known sender.
    pub node: Option<NodeId>,
    pub created: Millis,
    pub peer_ip: String,
    /// The local end's ip: how the peer reaches this node.
    pub local_ip: String,
    pub buffers: LinkBuffers,
}

pub type Links = BTreeMap<LinkId, Link>;
