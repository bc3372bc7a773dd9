//! Sorted sets: written as a listpack, or member by member from the highest score down, so that
//! readers build their index from one end; also read from the older forms.

use std::io::Read;

use super::object::Pause;
use super::{Fault, RdbError, Reader, Writer, ziplist};
use crate::base::float::parse_double;
use crate::types::{Collection, Limits, ValueRef, Zset};

/// First bytes of a score in text that are no length.
mod special {
    pub const NAN: u8 = 253;
    pub const INFINITE: u8 = 254;
    pub const MINUS_INFINITE: u8 = 255;
}

pub(super) fn write(writer: &mut Writer, zset: &Zset, pause: &mut Pause<'_>) {
    if let Some(listpack) = zset.as_listpack() {
        writer.string(listpack);
        return;
    }
    writer.length(zset.len() as u64);
    for (member, score) in zset.iter().rev() {
        writer.value(member);
        writer.out.extend(score.to_le_bytes());
        writer.breathe(pause);
    }
}

/// Members that room is made for on the word of a length alone.
const ROOM_MAX: usize = 1024;

/// How scores stand beside the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scores {
    Binary,
    Text,
}

/// A sorted set written member by member.
pub(super) fn read_members<R: Read>(
    reader: &mut Reader<R>,
    scores: Scores,
    limits: &Limits,
) -> Result<Zset, RdbError> {
    let mut zset = Zset::default();
    let count = reader.length()?;
    if count > limits.zset.entries as u64 {
        zset.begin_big(ROOM_MAX.min(limits.zset.entries + 1), limits);
    }
    for _ in 0..count {
        let member = reader.string()?;
        let score = match scores {
            Scores::Binary => f64::from_le_bytes(reader.array()?),
            Scores::Text => read_text_score(reader)?,
        };
        if score.is_nan() {
            return Err(reader.error(Fault::Malformed("score")));
        }
        if zset.insert(&member, score, limits).is_some() {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    Ok(zset)
}

fn read_text_score<R: Read>(reader: &mut Reader<R>) -> Result<f64, RdbError> {
    match reader.byte()? {
        special::NAN => Ok(f64::NAN),
        special::INFINITE => Ok(f64::INFINITY),
        special::MINUS_INFINITE => Ok(f64::NEG_INFINITY),
        length => {
            let text = reader.bytes(u64::from(length))?;
            parse_double(&text).ok_or_else(|| reader.error(Fault::Malformed("score")))
        }
    }
}

pub(super) fn read_listpack<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Zset, RdbError> {
    let blob = reader.string()?;
    Zset::from_listpack(&blob, limits).map_err(|_| reader.error(Fault::Malformed("listpack")))
}

pub(super) fn read_ziplist<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Zset, RdbError> {
    let blob = reader.string()?;
    let entries = ziplist::entries(&blob).filter(|entries| entries.len().is_multiple_of(2));
    let entries = entries.ok_or_else(|| reader.error(Fault::Malformed("ziplist")))?;
    let mut zset = Zset::default();
    let mut digits = itoa::Buffer::new();
    for pair in entries.chunks_exact(2) {
        let score = match pair[1] {
            ValueRef::Int(number) => Some(number as f64),
            ValueRef::Bytes(text) => parse_double(text),
        };
        let score = score.ok_or_else(|| reader.error(Fault::Malformed("score")))?;
        if zset.insert(pair[0].text(&mut digits), score, limits).is_some() {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    Ok(zset)
}
