//! Bytes → [`Frame`], and where a frame ends in a stream.

use bytes::Bytes;

use super::{
    Body, EPOCH_MAX, EXTENSIONS_LEN_MAX, Extension, Frame, GOSSIP_LEN, GossipEntry, HEADER_LEN,
    Header, Heartbeat, HeartbeatKind, IP_LEN, Kind, Message, UNKNOWN_LEN_MAX,
};
use crate::base::{ConfigEpoch, Epoch, NodeId, SlotSet};
use crate::cluster::flags::{MessageFlags, NodeFlags};

/// The stream cannot be split into frames any more: the link has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    #[error("not a cluster bus frame")]
    BadSignature,
    #[error("a frame of {len} bytes is shorter than its header")]
    TooShort { len: usize },
    #[error("a frame of type {wire_type} with {len} bytes, which may have {limit}")]
    TooLong { wire_type: u16, len: usize, limit: usize },
}

/// A frame that is not what it claims to be: dropped, the link stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("version {0} of the bus protocol")]
    Version(u16),
    #[error("the frame ends inside a field at byte {offset}")]
    Truncated { offset: usize },
    #[error("{declared} bytes declared, {found} found")]
    Length { declared: usize, found: usize },
    #[error("an epoch at byte {offset} that no cluster reaches")]
    AbsurdEpoch { offset: usize },
    #[error("no node id at byte {offset}")]
    BadId { offset: usize },
    #[error("no ip at byte {offset}")]
    BadIp { offset: usize },
    #[error("a malformed extension at byte {offset}")]
    BadExtension { offset: usize },
}

/// Bytes from the start that [`frame_len`] needs to judge a frame by its type.
const PROLOGUE_LEN: usize = 16;

/// How long the frame at the start of `buffer` is; `None` while too few bytes are there to tell.
///
/// `message_len_max` bounds what a published message may weigh. A length that the frame's type
/// cannot have is refused here, before a byte of the body is buffered.
///
/// # Errors
/// [`SplitError`]: nothing after this point can be trusted, the link has to be closed.
pub fn frame_len(buffer: &[u8], message_len_max: usize) -> Result<Option<usize>, SplitError> {
    let signature_len = buffer.len().min(4);
    if buffer[..signature_len] != b"RCmb"[..signature_len] {
        return Err(SplitError::BadSignature);
    }
    let Some(prologue) = buffer.get(..PROLOGUE_LEN) else { return Ok(None) };
    let mut fields = Reader::new(&prologue[4..]);
    let (Ok(len), Ok(_version), Ok(_port), Ok(wire_type), Ok(gossip)) =
        (fields.u32(), fields.u16(), fields.u16(), fields.u16(), fields.u16())
    else {
        return Ok(None);
    };
    let len = len as usize;
    if len < HEADER_LEN {
        return Err(SplitError::TooShort { len });
    }
    let body_max = match Kind::from_wire(wire_type) {
        Some(Kind::Ping | Kind::Pong | Kind::Meet) => {
            GOSSIP_LEN * usize::from(gossip) + EXTENSIONS_LEN_MAX
        }
        Some(Kind::Fail) => 40,
        Some(Kind::Publish | Kind::PublishShard | Kind::Module) => message_len_max,
        Some(Kind::AuthRequest | Kind::AuthAck | Kind::MfStart) => 0,
        Some(Kind::Update) => 8 + 40 + SlotSet::BYTES,
        None => UNKNOWN_LEN_MAX,
    };
    let limit = HEADER_LEN.saturating_add(body_max);
    if len > limit {
        return Err(SplitError::TooLong { wire_type, len, limit });
    }
    Ok(Some(len))
}

/// The type a frame claims, for counting it before it is checked. `None` if unknown or cut off.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let wire_type = bytes.get(12..14)?;
    Kind::from_wire(u16::from_be_bytes([wire_type[0], wire_type[1]]))
}

impl Frame {
    /// Reads one whole frame, as cut out by [`frame_len`]. Messages share `bytes`.
    ///
    /// # Errors
    /// [`FrameError`] names what is wrong and where.
    pub fn decode(bytes: &Bytes) -> Result<Frame, FrameError> {
        let mut reader = Reader::new(bytes);
        reader.skip(4)?; // the signature was checked when the stream was split
        let declared = reader.u32()? as usize;
        if declared != bytes.len() {
            return Err(FrameError::Length { declared, found: bytes.len() });
        }
        let version = reader.u16()?;
        if version != 1 {
            return Err(FrameError::Version(version));
        }
        let port = reader.u16()?;
        let wire_type = reader.u16()?;
        let gossip = reader.u16()?;
        let (header, extensions) = decode_header(&mut reader, port)?;
        let has_extensions = header.message_flags.contains(MessageFlags::EXT_DATA);
        let extensions = if has_extensions { extensions } else { 0 };
        let body = decode_body(&mut reader, bytes, wire_type, gossip, extensions)?;
        Ok(Frame { header, body })
    }
}

fn decode_header(reader: &mut Reader<'_>, port: u16) -> Result<(Header, u16), FrameError> {
    let current_epoch = Epoch(reader.epoch()?);
    let config_epoch = ConfigEpoch(reader.epoch()?);
    let offset = reader.u64()?;
    let sender = reader.node_id()?;
    let slots = reader.slots()?;
    let primary = reader.optional_node_id()?;
    let ip = reader.ip()?;
    let extensions = reader.u16()?;
    reader.skip(30)?;
    let other_port = reader.u16()?;
    let bus_port = reader.u16()?;
    let flags = NodeFlags::from_bits_truncate(reader.u16()?);
    let cluster_ok = reader.u8()? == 0;
    let message_flags = MessageFlags::from_bits_truncate(reader.u8()?);
    reader.skip(2)?;
    let header = Header {
        port,
        other_port,
        bus_port,
        current_epoch,
        config_epoch,
        offset,
        sender,
        slots,
        primary,
        ip,
        flags,
        cluster_ok,
        message_flags,
    };
    Ok((header, extensions))
}

fn decode_body(
    reader: &mut Reader<'_>,
    bytes: &Bytes,
    wire_type: u16,
    gossip: u16,
    extensions: u16,
) -> Result<Body, FrameError> {
    let body = match Kind::from_wire(wire_type) {
        Some(Kind::Ping) => decode_heartbeat(reader, HeartbeatKind::Ping, gossip, extensions)?,
        Some(Kind::Pong) => decode_heartbeat(reader, HeartbeatKind::Pong, gossip, extensions)?,
        Some(Kind::Meet) => decode_heartbeat(reader, HeartbeatKind::Meet, gossip, extensions)?,
        Some(Kind::Fail) => Body::Fail(reader.node_id()?),
        Some(Kind::Publish) => Body::Publish(decode_message(reader, bytes)?),
        Some(Kind::PublishShard) => Body::PublishShard(decode_message(reader, bytes)?),
        Some(Kind::AuthRequest) => Body::AuthRequest,
        Some(Kind::AuthAck) => Body::AuthAck,
        Some(Kind::Update) => {
            let config_epoch = ConfigEpoch(reader.epoch()?);
            let node = reader.node_id()?;
            Body::Update { config_epoch, node, slots: reader.slots()? }
        }
        Some(Kind::MfStart) => Body::MfStart,
        Some(Kind::Module) => return Ok(Body::Module),
        None => return Ok(Body::Unknown(wire_type)),
    };
    match reader.rest() {
        0 => Ok(body),
        left => Err(FrameError::Length { declared: bytes.len() - left, found: bytes.len() }),
    }
}

fn decode_heartbeat(
    reader: &mut Reader<'_>,
    kind: HeartbeatKind,
    gossip: u16,
    extensions: u16,
) -> Result<Body, FrameError> {
    if usize::from(gossip) * GOSSIP_LEN > reader.rest() {
        return Err(FrameError::Truncated { offset: reader.offset() });
    }
    let gossip = (0..gossip).map(|_| decode_gossip(reader)).collect::<Result<Vec<_>, _>>()?;
    let mut known = Vec::new();
    for _ in 0..extensions {
        known.extend(Extension::decode(reader)?);
    }
    Ok(Body::Heartbeat(Heartbeat { kind, gossip, extensions: known }))
}

fn decode_gossip(reader: &mut Reader<'_>) -> Result<GossipEntry, FrameError> {
    let node = reader.node_id()?;
    let ping_sent_s = reader.u32()?;
    let pong_received_s = reader.u32()?;
    let ip = reader.ip()?;
    let port = reader.u16()?;
    let bus_port = reader.u16()?;
    let flags = NodeFlags::from_bits_truncate(reader.u16()?);
    let other_port = reader.u16()?;
    reader.skip(2)?;
    Ok(GossipEntry { node, ping_sent_s, pong_received_s, ip, port, bus_port, flags, other_port })
}

fn decode_message(reader: &mut Reader<'_>, bytes: &Bytes) -> Result<Message, FrameError> {
    let channel_len = reader.u32()? as usize;
    let payload_len = reader.u32()? as usize;
    let channel = bytes.slice_ref(reader.take(channel_len)?);
    let payload = bytes.slice_ref(reader.take(payload_len)?);
    Ok(Message { channel, payload })
}

/// A cursor over a frame; every read is checked.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], FrameError> {
        let truncated = FrameError::Truncated { offset: self.at };
        let end = self.at.checked_add(len).ok_or(truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], FrameError> {
        let taken = self.take(N)?;
        Ok(taken.first_chunk().expect("take returns what was asked for"))
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<(), FrameError> {
        self.take(len).map(drop)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.array::<1>().map(|bytes| bytes[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(super) fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    fn epoch(&mut self) -> Result<u64, FrameError> {
        let offset = self.at;
        let epoch = self.u64()?;
        if epoch > EPOCH_MAX { Err(FrameError::AbsurdEpoch { offset }) } else { Ok(epoch) }
    }

    fn slots(&mut self) -> Result<SlotSet, FrameError> {
        self.array().map(SlotSet::from_bytes)
    }

    pub(super) fn node_id(&mut self) -> Result<NodeId, FrameError> {
        let offset = self.at;
        NodeId::from_text(self.take(40)?).map_err(|_| FrameError::BadId { offset })
    }

    fn optional_node_id(&mut self) -> Result<Option<NodeId>, FrameError> {
        let is_zero = self.bytes.get(self.at..self.at + 40).is_some_and(|id| *id == [0; 40]);
        if is_zero {
            self.skip(40)?;
            return Ok(None);
        }
        self.node_id().map(Some)
    }

    /// An ip field: text that ends with a NUL inside the field and could stand in `nodes.conf`.
    fn ip(&mut self) -> Result<String, FrameError> {
        let bad = FrameError::BadIp { offset: self.at };
        let field = self.array::<IP_LEN>()?;
        let end = field.iter().position(|&byte| byte == 0).ok_or(bad)?;
        if !is_ip_text(&field[..end]) {
            return Err(bad);
        }
        Ok(field[..end].iter().map(|&byte| char::from(byte)).collect())
    }
}

/// Whether `text` may stand where an ip stands. Names are let through too, since an announced "ip"
/// may be one.
pub(crate) fn is_ip_text(text: &[u8]) -> bool {
    text.len() < IP_LEN
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b".:%_-".contains(byte))
}
