//! The cluster bus codec: frames as Redis 7.0, 7.2 and Valkey 8 send them.
//!
//! A frame is a 2256-byte header and a body by type; every integer is big-endian. The layout of the
//! header:
//!
//! | offset | size | field | | offset | size | field |
//! |---|---|---|---|---|---|---|
//! | 0 | 4 | `RCmb` | | 2128 | 40 | primary's id, zero for a primary |
//! | 4 | 4 | length of the frame | | 2168 | 46 | announced ip, NUL-terminated, or zero |
//! | 8 | 2 | version, 1 | | 2214 | 2 | number of extensions |
//! | 10 | 2 | client port | | 2216 | 30 | zero |
//! | 12 | 2 | type | | 2246 | 2 | the other client port (TLS or plain) |
//! | 14 | 2 | number of gossip entries | | 2248 | 2 | bus port |
//! | 16 | 8 | current epoch | | 2250 | 2 | node flags |
//! | 24 | 8 | config epoch | | 2252 | 1 | cluster state, 0 ok, 1 fail |
//! | 32 | 8 | replication offset | | 2253 | 3 | message flags |
//! | 40 | 40 | sender's id | | 2256 | | body |
//! | 80 | 2048 | slot bitmap | | | | |
//!
//! Owns bytes ⇄ [`Frame`] and where one frame ends in a stream. Knows nothing of links or of what a
//! frame means. Peers are not trusted: every length is checked against what is there, and nothing
//! panics. Light headers (16 bytes, Valkey 8) are refused, because this node never announces that
//! it reads them.

mod decode;
mod encode;
mod extension;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::flags::{MessageFlags, NodeFlags};
use crate::base::{ConfigEpoch, Epoch, NodeId, SlotSet};

pub(crate) use decode::is_ip_text;
pub use decode::{FrameError, SplitError, frame_len, kind_of};
pub use extension::Extension;

/// Bytes of a header; the shortest frame.
pub const HEADER_LEN: usize = 2256;
/// Bytes of a gossip entry.
pub const GOSSIP_LEN: usize = 104;
/// Bytes of an ip field, in which the text ends with a NUL.
pub const IP_LEN: usize = 46;
/// What the extensions of one frame may add up to: 64 Ki forgotten nodes, the longest list a peer
/// can have.
pub const EXTENSIONS_LEN_MAX: usize = 4 * 1024 * 1024;
/// What a frame of a type we do not know may weigh before it is skipped.
pub const UNKNOWN_LEN_MAX: usize = 1024 * 1024;

/// The highest epoch there is. Nobody gets there: see [`EPOCH_PLAUSIBLE`].
pub const EPOCH_MAX: u64 = 1 << 62;
/// Epochs count failovers, so a higher one is damage or a lie...
pub const EPOCH_PLAUSIBLE: u64 = 1 << 48;
/// ...unless it is at most so far ahead of what is known: a cluster that was made to believe the
/// highest plausible one goes on from there, and always has a next epoch.
pub const EPOCH_STEP_MAX: u64 = 1 << 20;

/// The number of frame types that have a name.
pub const KINDS: usize = 11;

/// Frame types. The discriminant is the wire value, and the order is that of the message counters
/// in CLUSTER INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ping = 0,
    Pong = 1,
    Meet = 2,
    Fail = 3,
    Publish = 4,
    AuthRequest = 5,
    AuthAck = 6,
    Update = 7,
    MfStart = 8,
    Module = 9,
    PublishShard = 10,
}

impl Kind {
    pub const ALL: [Kind; KINDS] = [
        Kind::Ping,
        Kind::Pong,
        Kind::Meet,
        Kind::Fail,
        Kind::Publish,
        Kind::AuthRequest,
        Kind::AuthAck,
        Kind::Update,
        Kind::MfStart,
        Kind::Module,
        Kind::PublishShard,
    ];

    /// `None` for a type we do not know.
    #[must_use]
    pub fn from_wire(number: u16) -> Option<Kind> {
        Kind::ALL.get(usize::from(number)).copied()
    }

    /// The name in the counters of CLUSTER INFO.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ping => "ping",
            Kind::Pong => "pong",
            Kind::Meet => "meet",
            Kind::Fail => "fail",
            Kind::Publish => "publish",
            Kind::AuthRequest => "auth-req",
            Kind::AuthAck => "auth-ack",
            Kind::Update => "update",
            Kind::MfStart => "mfstart",
            Kind::Module => "module",
            Kind::PublishShard => "publishshard",
        }
    }
}

/// One message of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub header: Header,
    pub body: Body,
}

impl Frame {
    /// The highest of the epochs it names.
    pub(super) fn highest_epoch(&self) -> u64 {
        let Header { current_epoch, config_epoch, .. } = self.header;
        let told = match self.body {
            Body::Update { config_epoch, .. } => config_epoch.0,
            _ => 0,
        };
        current_epoch.0.max(config_epoch.0).max(told)
    }
}

/// What every frame says about its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client port of the transport the bus uses: TLS if the bus is over TLS, else plain.
    pub port: u16,
    /// The other client port, or 0.
    pub other_port: u16,
    pub bus_port: u16,
    pub current_epoch: Epoch,
    /// A replica sends its primary's.
    pub config_epoch: ConfigEpoch,
    pub offset: u64,
    pub sender: NodeId,
    /// A replica sends its primary's.
    pub slots: SlotSet,
    pub primary: Option<NodeId>,
    /// Announced ip; empty when the receiver is to use the address it sees.
    pub ip: String,
    pub flags: NodeFlags,
    /// Whether the sender sees the cluster as ok.
    pub cluster_ok: bool,
    pub message_flags: MessageFlags,
}

/// What a frame says besides its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Heartbeat(Heartbeat),
    Fail(NodeId),
    Publish(Message),
    PublishShard(Message),
    AuthRequest,
    AuthAck,
    Update {
        config_epoch: ConfigEpoch,
        node: NodeId,
        slots: SlotSet,
    },
    MfStart,
    /// A module's message, not looked into.
    Module,
    /// A type we do not know: counted and ignored.
    Unknown(u16),
}

/// PING, PONG and MEET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub kind: HeartbeatKind,
    pub gossip: Vec<GossipEntry>,
    pub extensions: Vec<Extension>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatKind {
    Ping,
    Pong,
    Meet,
}

/// What the sender thinks of one other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipEntry {
    pub node: NodeId,
    /// Unix seconds; 0 when no ping is pending.
    pub ping_sent_s: u32,
    /// Unix seconds.
    pub pong_received_s: u32,
    pub ip: String,
    pub port: u16,
    pub bus_port: u16,
    pub flags: NodeFlags,
    pub other_port: u16,
}

/// A published message on its way to other nodes' subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub channel: Bytes,
    pub payload: Bytes,
}

impl Body {
    /// The wire value of the type.
    #[must_use]
    pub fn wire_type(&self) -> u16 {
        let kind = match self {
            Body::Heartbeat(heartbeat) => match heartbeat.kind {
                HeartbeatKind::Ping => Kind::Ping,
                HeartbeatKind::Pong => Kind::Pong,
                HeartbeatKind::Meet => Kind::Meet,
            },
            Body::Fail(_) => Kind::Fail,
            Body::Publish(_) => Kind::Publish,
            Body::PublishShard(_) => Kind::PublishShard,
            Body::AuthRequest => Kind::AuthRequest,
            Body::AuthAck => Kind::AuthAck,
            Body::Update { .. } => Kind::Update,
            Body::MfStart => Kind::MfStart,
            Body::Module => Kind::Module,
            Body::Unknown(number) => return *number,
        };
        kind as u16
    }
}
