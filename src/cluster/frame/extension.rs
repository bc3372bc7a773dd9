//! Ping extensions: typed records after the gossip entries.
//!
//! A record is `length u32, type u16, reserved u16, data`; the length counts these eight bytes and
//! is a multiple of eight.

use super::decode::{FrameError, Reader};
use crate::base::{NodeId, ReplId};

const RECORD_HEADER_LEN: usize = 8;

const HOSTNAME: u16 = 0;
const NODENAME: u16 = 1;
const FORGOTTEN: u16 = 2;
const SHARD_ID: u16 = 3;

/// A record we understand. Others are skipped when read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    Hostname(String),
    /// A name for people, used in logs alone (7.2+).
    Nodename(String),
    /// The sender was told to forget this node (7.2+).
    Forgotten {
        node: NodeId,
        ttl_s: u64,
    },
    /// (7.2+)
    ShardId(ReplId),
}

impl Extension {
    fn wire_type(&self) -> u16 {
        match self {
            Extension::Hostname(_) => HOSTNAME,
            Extension::Nodename(_) => NODENAME,
            Extension::Forgotten { .. } => FORGOTTEN,
            Extension::ShardId(_) => SHARD_ID,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut data = match self {
            Extension::Hostname(text) | Extension::Nodename(text) => {
                let mut data = text.clone().into_bytes();
                data.push(0);
                data
            }
            Extension::Forgotten { node, ttl_s } => {
                [&node.to_text()[..], &ttl_s.to_be_bytes()].concat()
            }
            Extension::ShardId(shard) => shard.to_text().to_vec(),
        };
        data.resize(data.len().next_multiple_of(8), 0);
        let len = u32::try_from(RECORD_HEADER_LEN + data.len()).expect("names are short");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&self.wire_type().to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&data);
    }

    /// Reads one record; `None` if it is of a type we do not know.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<Extension>, FrameError> {
        let offset = reader.offset();
        let bad = FrameError::BadExtension { offset };
        let len = reader.u32()? as usize;
        let kind = reader.u16()?;
        reader.skip(2)?;
        if len < RECORD_HEADER_LEN || !len.is_multiple_of(8) {
            return Err(bad);
        }
        let data = reader.take(len - RECORD_HEADER_LEN)?;
        let mut fields = Reader::new(data);
        Ok(match kind {
            HOSTNAME => Some(Extension::Hostname(text(data).ok_or(bad)?)),
            NODENAME => Some(Extension::Nodename(text(data).ok_or(bad)?)),
            FORGOTTEN => {
                let node = fields.node_id().map_err(|_| bad)?;
                let ttl_s = fields.u64().map_err(|_| bad)?;
                Some(Extension::Forgotten { node, ttl_s })
            }
            SHARD_ID => {
                let id = data.get(..40).ok_or(bad)?;
                Some(Extension::ShardId(ReplId::from_text(id).map_err(|_| bad)?))
            }
            _ => None,
        })
    }
}

/// A NUL-terminated name that can stand in `nodes.conf`: no blanks, commas or control characters.
fn text(data: &[u8]) -> Option<String> {
    let end = data.iter().position(|&byte| byte == 0)?;
    let name = &data[..end];
    let ok = name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',' && *byte != b'=');
    ok.then(|| name.iter().map(|&byte| char::from(byte)).collect())
}
