//! The other end of the protocol: commands to peers, and their replies.
//!
//! Single frames are decoded by `redis-protocol`. What holds them together is not: that package
//! recurses (8,000 nested arrays overflow its stack), starts over with every read, and forgets the
//! order of a map. So arrays, maps and their like are collected here on a bounded stack, each byte
//! looked at once, and every length is checked before the package sees it.

use bytes::{Bytes, BytesMut};
use redis_protocol::error::RedisProtocolError;
use redis_protocol::resp3::decode::complete::decode_range;
use redis_protocol::resp3::types::RangeFrame;
use thiserror::Error;

use super::encoder::{Encoder, SHARED_MIN};
use super::value::Value;
use crate::base::number::parse_i64;

/// How deep replies may nest. What servers send by themselves nests to five.
pub const DEPTH_MAX: usize = 64;
/// Elements of one reply, those of nested ones included.
pub const ELEMENTS_MAX: usize = 1 << 24;
/// Bytes of one string.
pub const STRING_MAX: usize = 512 * 1024 * 1024;
/// Bytes of a status, an error or a number.
const LINE_MAX: usize = 64 * 1024;
/// Elements reserved for before they have arrived.
const RESERVED_MAX: usize = 64;

/// Why a peer's reply cannot be read; nothing after it can be either.
#[derive(Debug, Error)]
pub enum ReplyError {
    #[error("a reply begins with byte {0:#04x}")]
    UnknownKind(u8),
    #[error("a reply nests deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("a reply has more than {ELEMENTS_MAX} elements")]
    TooManyElements,
    #[error("a reply holds a line without an end")]
    TooLongLine,
    #[error("a reply announces an unacceptable length")]
    BadLength,
    #[error("a reply holds a malformed frame")]
    Malformed(#[source] RedisProtocolError),
}

/// An array, a map or the like whose elements are still arriving.
#[derive(Debug)]
struct Open {
    kind: Kind,
    /// Elements missing; a map's keys and values count one each.
    left: usize,
    items: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Array,
    Set,
    Push,
    Map,
    /// Facts about the value that follows, which nobody here asks for.
    Attribute,
}

/// Decodes the replies of one connection, in whatever pieces they arrive.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    open: Vec<Open>,
    elements: usize,
    /// Bytes at the front of the input known to hold no line end.
    searched: usize,
}

impl ReplyDecoder {
    #[must_use]
    pub fn new() -> ReplyDecoder {
        ReplyDecoder::default()
    }

    /// Takes the next reply off `input`; `None` when it has not arrived whole. The pieces that have
    /// are taken all the same, so the decoder must see all of a connection's bytes.
    ///
    /// # Errors
    /// The connection cannot be read on.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Value>, ReplyError> {
        while let Some(line) = self.line_len(input)? {
            let value = match input[0] {
                b'*' | b'~' | b'>' | b'%' | b'|' => {
                    let value = self.begin(&input[..line])?;
                    let _ = input.split_to(line + 2);
                    value
                }
                b'$' | b'=' | b'!' => match string_len(&input[..line])? {
                    Some(len) if input.len() < line + 2 + len + 2 => return Ok(None),
                    Some(len) => Some(scalar(input, line + 2 + len + 2)?),
                    None => {
                        let _ = input.split_to(line + 2);
                        Some(Value::Null)
                    }
                },
                b'-' => {
                    let frame = input.split_to(line + 2);
                    Some(Value::Error(Bytes::copy_from_slice(&frame[1..line])))
                }
                b'+' | b':' | b',' | b'#' | b'(' | b'_' => Some(scalar(input, line + 2)?),
                other => return Err(ReplyError::UnknownKind(other)),
            };
            self.searched = 0;
            if let Some(done) = value.and_then(|value| self.close(value)) {
                self.elements = 0;
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// Bytes of the first line without its break; `None` until it has arrived whole.
    fn line_len(&mut self, input: &[u8]) -> Result<Option<usize>, ReplyError> {
        let from = self.searched.saturating_sub(1); // the break itself may have been cut
        let found = input[from.min(input.len())..].windows(2).position(|pair| pair == b"\r\n");
        self.searched = found.map_or(input.len(), |offset| from + offset);
        match found {
            _ if self.searched > LINE_MAX => Err(ReplyError::TooLongLine),
            Some(_) => Ok(Some(self.searched)),
            None => Ok(None),
        }
    }

    /// Begins an aggregate; its value when it is complete already, being empty or null.
    fn begin(&mut self, line: &[u8]) -> Result<Option<Value>, ReplyError> {
        let announced = parse_i64(&line[1..]).ok_or(ReplyError::BadLength)?;
        let kind = match line[0] {
            b'*' if announced == -1 => return Ok(Some(Value::NullArray)),
            b'*' => Kind::Array,
            b'~' => Kind::Set,
            b'>' => Kind::Push,
            b'%' => Kind::Map,
            _ => Kind::Attribute,
        };
        let len = usize::try_from(announced).map_err(|_| ReplyError::BadLength)?;
        let per_element = if matches!(kind, Kind::Map | Kind::Attribute) { 2 } else { 1 };
        let left = len.checked_mul(per_element).ok_or(ReplyError::TooManyElements)?;
        self.elements = self.elements.saturating_add(left);
        if self.elements > ELEMENTS_MAX {
            return Err(ReplyError::TooManyElements);
        }
        if left == 0 {
            return Ok(kind.value(Vec::new()));
        }
        if self.open.len() == DEPTH_MAX {
            return Err(ReplyError::TooDeep);
        }
        let items = Vec::with_capacity(left.min(RESERVED_MAX));
        self.open.push(Open { kind, left, items });
        Ok(None)
    }

    /// Puts a value where it belongs; the whole reply when that completes it.
    fn close(&mut self, mut value: Value) -> Option<Value> {
        while let Some(mut open) = self.open.pop() {
            open.items.push(value);
            open.left -= 1;
            if open.left > 0 {
                self.open.push(open);
                return None;
            }
            value = open.kind.value(open.items)?;
        }
        Some(value)
    }
}

impl Kind {
    /// The finished aggregate; `None` for what is dropped.
    fn value(self, items: Vec<Value>) -> Option<Value> {
        match self {
            Kind::Array => Some(Value::Array(items)),
            Kind::Set => Some(Value::Set(items)),
            Kind::Push => Some(Value::Push(items)),
            Kind::Attribute => None,
            Kind::Map => {
                let mut items = items.into_iter();
                let pairs = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
                Some(Value::Map(pairs.collect()))
            }
        }
    }
}

/// The announced length of a string; `None` for null.
fn string_len(line: &[u8]) -> Result<Option<usize>, ReplyError> {
    let announced = parse_i64(&line[1..]).ok_or(ReplyError::BadLength)?;
    if announced == -1 && line[0] == b'$' {
        return Ok(None);
    }
    match usize::try_from(announced) {
        Ok(len) if len <= STRING_MAX => Ok(Some(len)),
        _ => Err(ReplyError::BadLength),
    }
}

/// Decodes the frame of `len` bytes at the front of `input`, which holds no other frames.
fn scalar(input: &mut BytesMut, len: usize) -> Result<Value, ReplyError> {
    let frame = input.split_to(len).freeze();
    let decoded = decode_range(&frame).map_err(ReplyError::Malformed)?;
    let Some((decoded, _)) = decoded.filter(|(_, used)| *used == len) else {
        return Err(ReplyError::BadLength);
    };
    // A slice of the input would keep all of it alive; only a big one is worth that.
    let cut = |(from, to): (usize, usize)| match to - from {
        big if big >= SHARED_MIN => frame.slice(from..to),
        _ => Bytes::copy_from_slice(&frame[from..to]),
    };
    Ok(match decoded {
        RangeFrame::SimpleString { data, .. } => Value::Simple(cut(data)),
        RangeFrame::BlobString { data, .. } => Value::Bulk(cut(data)),
        RangeFrame::BlobError { data, .. } => Value::Error(cut(data)),
        RangeFrame::BigNumber { data, .. } => Value::BigNumber(cut(data)),
        RangeFrame::VerbatimString { data, .. } => {
            let mut format = [0; 3];
            format.copy_from_slice(&frame[data.0 - 4..data.0 - 1]);
            Value::Verbatim { format, text: cut(data) }
        }
        RangeFrame::Number { data, .. } => Value::Int(data),
        RangeFrame::Double { data, .. } => Value::Double(data),
        RangeFrame::Boolean { data, .. } => Value::Bool(data),
        _ => Value::Null,
    })
}

/// A command as a peer expects it.
#[must_use]
pub fn encode_command<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.array(args.len());
    for arg in args {
        encoder.bulk(arg.as_ref());
    }
    encoder.into_bytes()
}

#[cfg(test)]
mod tests;
