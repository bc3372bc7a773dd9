//! Streams: nodes, remembered ids, and groups with what is pending.
//!
//! ```text
//! nodes | entries | last id | (2, 3: first id | greatest deleted id | entries added) | groups
//! group    = name | last delivered id | (2, 3: entries read) | pending | consumers
//! pending  = 16-byte id, time, deliveries, each
//! consumer = name | seen | (3: active) | 16-byte ids, each pending for its group, too
//! ```

use std::collections::BTreeMap;
use std::io::Read;

use super::object::Pause;
use super::{Fault, RdbError, Reader, Writer};
use crate::base::Millis;
use crate::types::stream::{Delivery, Group, Ids, StreamId};
use crate::types::{Collection, Stream};

/// How a number is written that is not known.
const UNKNOWN: u64 = u64::MAX;
const NEVER: i64 = -1;

/// The layouts, each with more in it than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    One,
    Two,
    Three,
}

pub(super) fn write(writer: &mut Writer, stream: &Stream, pause: &mut Pause<'_>) {
    writer.length(stream.nodes().len() as u64);
    for (id, node) in stream.nodes() {
        writer.string(&id.to_bytes());
        writer.string(node);
        writer.breathe(pause);
    }
    let ids = stream.ids();
    writer.length(stream.len() as u64);
    for id in [ids.last, ids.first, ids.max_deleted] {
        write_id(writer, id);
    }
    writer.length(ids.entries_added);
    writer.length(stream.groups().len() as u64);
    for (name, group) in stream.groups() {
        writer.string(name);
        write_group(writer, group, pause);
    }
}

fn write_id(writer: &mut Writer, id: StreamId) {
    writer.length(id.ms);
    writer.length(id.seq);
}

fn write_group(writer: &mut Writer, group: &Group, pause: &mut Pause<'_>) {
    write_id(writer, group.last_delivered);
    writer.length(group.entries_read.unwrap_or(UNKNOWN));
    writer.length(group.pending_len() as u64);
    for pending in group.pending_in(StreamId::MIN..=StreamId::MAX) {
        writer.out.extend(pending.id.to_bytes());
        writer.out.extend(pending.delivery.at.0.to_le_bytes());
        writer.length(pending.delivery.count);
        writer.breathe(pause);
    }
    writer.length(group.consumers().len() as u64);
    for consumer in group.consumers() {
        writer.string(consumer.name());
        writer.out.extend(consumer.seen.0.to_le_bytes());
        writer.length(consumer.pending_len() as u64);
        for id in consumer.pending() {
            writer.out.extend(id.to_bytes());
        }
    }
}

pub(super) fn read<R: Read>(reader: &mut Reader<R>, layout: Layout) -> Result<Stream, RdbError> {
    let mut stream = Stream::default();
    for _ in 0..reader.length()? {
        let id = reader.string()?.try_into();
        let id = id.map_err(|_| reader.error(Fault::Malformed("stream node's id")))?;
        let node = reader.string()?;
        stream
            .push_node(StreamId::from_bytes(id), &node)
            .map_err(|_| reader.error(Fault::Malformed("stream node")))?;
    }
    let len = reader.length()?;
    if len != stream.len() as u64 {
        return Err(reader.error(Fault::Malformed("stream length")));
    }
    let last = read_id(reader)?;
    let ids = if layout == Layout::One {
        Ids { last, entries_added: len, ..stream.ids() }
    } else {
        let (first, max_deleted) = (read_id(reader)?, read_id(reader)?);
        Ids { last, first, max_deleted, entries_added: reader.length()? }
    };
    stream.restore_ids(ids).map_err(|_| reader.error(Fault::Malformed("stream ids")))?;
    for _ in 0..reader.length()? {
        let name = reader.string()?;
        let group = read_group(reader, layout, &stream)?;
        if !stream.add_group(&name, group) {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    Ok(stream)
}

fn read_id<R: Read>(reader: &mut Reader<R>) -> Result<StreamId, RdbError> {
    Ok(StreamId::new(reader.length()?, reader.length()?))
}

fn read_time<R: Read>(reader: &mut Reader<R>) -> Result<Millis, RdbError> {
    let at = i64::from_le_bytes(reader.array()?);
    Ok(Millis(u64::try_from(at).unwrap_or(0)))
}

fn read_group<R: Read>(
    reader: &mut Reader<R>,
    layout: Layout,
    stream: &Stream,
) -> Result<Group, RdbError> {
    let last_delivered = read_id(reader)?;
    let entries_read = if layout == Layout::One {
        stream.entries_up_to(last_delivered)
    } else {
        Some(reader.length()?).filter(|&count| count != UNKNOWN)
    };
    let mut group = Group::new(last_delivered, entries_read);
    let mut pending = BTreeMap::new();
    for _ in 0..reader.length()? {
        let id = StreamId::from_bytes(reader.array()?);
        let delivery = Delivery { at: read_time(reader)?, count: reader.length()? };
        if pending.insert(id, delivery).is_some() {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    for _ in 0..reader.length()? {
        read_consumer(reader, layout, &mut group, &mut pending)?;
    }
    if !pending.is_empty() {
        return Err(reader.error(Fault::Malformed("pending entry that is nobody's")));
    }
    Ok(group)
}

/// Reads a consumer, which takes its entries out of those that are `pending` for the group.
fn read_consumer<R: Read>(
    reader: &mut Reader<R>,
    layout: Layout,
    group: &mut Group,
    pending: &mut BTreeMap<StreamId, Delivery>,
) -> Result<(), RdbError> {
    let name = reader.string()?;
    let seen = read_time(reader)?;
    if !group.add_consumer(&name, seen) {
        return Err(reader.error(Fault::Duplicate));
    }
    let active = if layout == Layout::Three {
        let at = i64::from_le_bytes(reader.array()?);
        (at != NEVER).then(|| Millis(u64::try_from(at).unwrap_or(0)))
    } else {
        Some(seen)
    };
    group.consumer_mut(&name).expect("it was just added").active = active;
    for _ in 0..reader.length()? {
        let id = StreamId::from_bytes(reader.array()?);
        let Some(delivery) = pending.remove(&id) else {
            return Err(reader.error(Fault::Malformed("pending entry of a consumer")));
        };
        group.assign(id, &name, delivery);
    }
    Ok(())
}
