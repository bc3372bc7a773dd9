//! [`Frame`] → bytes.

use bytes::Bytes;

use super::{Body, Frame, GossipEntry, HEADER_LEN, Header, Heartbeat, IP_LEN};

impl Frame {
    /// The frame as it goes over the wire. O(length).
    ///
    /// # Panics
    /// If the frame breaks a limit its maker has to keep: a message of 4 GiB, 64 Ki gossip entries,
    /// an ip of more than 45 bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_LEN + 512);
        let (gossip, extensions) = match &self.body {
            Body::Heartbeat(heartbeat) => (heartbeat.gossip.len(), heartbeat.extensions.len()),
            _ => (0, 0),
        };
        put_header(&mut out, &self.header, self.body.wire_type(), gossip, extensions);
        put_body(&mut out, &self.body);
        let len = u32::try_from(out.len()).expect("a frame is far below 4 GiB");
        out[4..8].copy_from_slice(&len.to_be_bytes());
        Bytes::from(out)
    }
}

fn put_header(
    out: &mut Vec<u8>,
    header: &Header,
    wire_type: u16,
    gossip: usize,
    extensions: usize,
) {
    let gossip = u16::try_from(gossip).expect("gossip entries are bounded by the node table");
    let extensions = u16::try_from(extensions).expect("extensions are bounded by the blacklist");
    out.extend_from_slice(b"RCmb");
    out.extend_from_slice(&[0; 4]); // the length, known at the end
    out.extend_from_slice(&1u16.to_be_bytes());
    out.extend_from_slice(&header.port.to_be_bytes());
    out.extend_from_slice(&wire_type.to_be_bytes());
    out.extend_from_slice(&gossip.to_be_bytes());
    out.extend_from_slice(&header.current_epoch.0.to_be_bytes());
    out.extend_from_slice(&header.config_epoch.0.to_be_bytes());
    out.extend_from_slice(&header.offset.to_be_bytes());
    out.extend_from_slice(&header.sender.to_text());
    out.extend_from_slice(header.slots.as_bytes());
    match header.primary {
        Some(primary) => out.extend_from_slice(&primary.to_text()),
        None => out.extend_from_slice(&[0; 40]),
    }
    put_ip(out, &header.ip);
    out.extend_from_slice(&extensions.to_be_bytes());
    out.extend_from_slice(&[0; 30]);
    out.extend_from_slice(&header.other_port.to_be_bytes());
    out.extend_from_slice(&header.bus_port.to_be_bytes());
    out.extend_from_slice(&header.flags.bits().to_be_bytes());
    out.push(u8::from(!header.cluster_ok));
    out.extend_from_slice(&[header.message_flags.bits(), 0, 0]);
    debug_assert_eq!(out.len(), HEADER_LEN);
}

fn put_body(out: &mut Vec<u8>, body: &Body) {
    match body {
        Body::Heartbeat(heartbeat) => put_heartbeat(out, heartbeat),
        Body::Fail(node) => out.extend_from_slice(&node.to_text()),
        Body::Publish(message) | Body::PublishShard(message) => {
            for part in [&message.channel, &message.payload] {
                let len = u32::try_from(part.len()).expect("bulk strings are below 4 GiB");
                out.extend_from_slice(&len.to_be_bytes());
            }
            out.extend_from_slice(&message.channel);
            out.extend_from_slice(&message.payload);
        }
        Body::Update { config_epoch, node, slots } => {
            out.extend_from_slice(&config_epoch.0.to_be_bytes());
            out.extend_from_slice(&node.to_text());
            out.extend_from_slice(slots.as_bytes());
        }
        Body::AuthRequest | Body::AuthAck | Body::MfStart | Body::Module | Body::Unknown(_) => {}
    }
}

fn put_heartbeat(out: &mut Vec<u8>, heartbeat: &Heartbeat) {
    for entry in &heartbeat.gossip {
        put_gossip(out, entry);
    }
    for extension in &heartbeat.extensions {
        extension.encode(out);
    }
}

fn put_gossip(out: &mut Vec<u8>, entry: &GossipEntry) {
    out.extend_from_slice(&entry.node.to_text());
    out.extend_from_slice(&entry.ping_sent_s.to_be_bytes());
    out.extend_from_slice(&entry.pong_received_s.to_be_bytes());
    put_ip(out, &entry.ip);
    out.extend_from_slice(&entry.port.to_be_bytes());
    out.extend_from_slice(&entry.bus_port.to_be_bytes());
    out.extend_from_slice(&entry.flags.bits().to_be_bytes());
    out.extend_from_slice(&entry.other_port.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
}

fn put_ip(out: &mut Vec<u8>, ip: &str) {
    assert!(ip.len() < IP_LEN, "an ip is checked where it enters");
    out.extend_from_slice(ip.as_bytes());
    out.resize(out.len() + IP_LEN - ip.len(), 0);
}
