//! Hashes: written as a listpack or field by field; also read from the older packed forms.
//!
//! ```text
//! with expiring fields, from version 12 on; times are Unix milliseconds, 8 bytes LE
//! packed      first time | listpack of field, value, time (0: none), in the order of the times
//! not packed  first time | length | (time - first + 1 (0: none) | field | value) …
//! for Valkey  length | (field | value | time (-1: none)) …
//! ```

use std::io::Read;

use super::object::Pause;
use super::{Dialect, Fault, RdbError, Reader, Writer, ziplist, zipmap};
use crate::base::Millis;
use crate::types::packed::Pack;
use crate::types::packed::listpack::{self, Listpack};
use crate::types::{Collection, ELEMENT_EXPIRY_MAX, Hash, Limits, ValueRef};

/// How Valkey writes that a field does not expire.
const NEVER: i64 = -1;

pub(super) fn write(writer: &mut Writer, hash: &Hash, pause: &mut Pause<'_>) {
    if let Some((_, first)) = hash.expiring().next() {
        return match writer.dialect {
            Dialect::Redis => write_timed(writer, hash, first, pause),
            Dialect::Valkey => write_timed_valkey(writer, hash, pause),
        };
    }
    if let Some(listpack) = hash.as_listpack() {
        writer.string(listpack);
        return;
    }
    writer.length(hash.len() as u64);
    for (field, value) in hash.iter() {
        writer.value(field);
        writer.value(value);
        writer.breathe(pause);
    }
}

fn write_timed(writer: &mut Writer, hash: &Hash, first: Millis, pause: &mut Pause<'_>) {
    if hash.encoding() != "hashtable" {
        writer.out.extend(first.0.to_le_bytes());
        let mut pack = Pack::empty_listpack();
        let mut push = |field: ValueRef<'_>, value: ValueRef<'_>, at: u64| {
            listpack::push(&mut pack, &[field, value, ValueRef::Int(at as i64)]);
        };
        for (field, at) in hash.expiring() {
            let value = hash.get(field).expect("an expiring field is there");
            push(ValueRef::of(field), value, at.0);
        }
        for (field, value) in hash.iter().filter(|(field, _)| time_of(hash, *field) == 0) {
            push(field, value, 0);
        }
        return writer.string(pack.bytes());
    }
    writer.out.extend(first.0.to_le_bytes());
    writer.length(hash.len() as u64);
    for (field, value) in hash.iter() {
        let at = time_of(hash, field);
        writer.length(if at == 0 { 0 } else { at - first.0 + 1 });
        writer.value(field);
        writer.value(value);
        writer.breathe(pause);
    }
}

fn write_timed_valkey(writer: &mut Writer, hash: &Hash, pause: &mut Pause<'_>) {
    writer.length(hash.len() as u64);
    for (field, value) in hash.iter() {
        writer.value(field);
        writer.value(value);
        let at = Some(time_of(hash, field)).filter(|&at| at > 0);
        writer.out.extend(at.map_or(NEVER, |at| at as i64).to_le_bytes());
        writer.breathe(pause);
    }
}

/// When a field expires; 0 if it does not.
fn time_of(hash: &Hash, field: ValueRef<'_>) -> u64 {
    let at = hash.expiry(field.text(&mut itoa::Buffer::new())).flatten();
    at.map_or(0, |at| at.0)
}

pub(super) fn read_timed_pairs<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let first = u64::from_le_bytes(reader.array()?);
    let mut hash = Hash::default();
    for _ in 0..reader.length()? {
        let after = reader.length()?;
        let (field, value) = (reader.string()?, reader.string()?);
        let at = first.saturating_add(after).saturating_sub(1);
        let added = add_timed(&mut hash, (&field, &value), if after == 0 { 0 } else { at }, limits);
        added.map_err(|fault| reader.error(fault))?;
    }
    Ok(hash)
}

pub(super) fn read_timed_valkey<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let mut hash = Hash::default();
    for _ in 0..reader.length()? {
        let (field, value) = (reader.string()?, reader.string()?);
        let at = match i64::from_le_bytes(reader.array()?) {
            NEVER => 0,
            // Zero means none here, and is as past as the millisecond after it.
            at => u64::try_from(at).map_err(|_| reader.error(Fault::Malformed("time")))?.max(1),
        };
        // Valkey knows no latest time.
        let at = at.min(ELEMENT_EXPIRY_MAX.0);
        let added = add_timed(&mut hash, (&field, &value), at, limits);
        added.map_err(|fault| reader.error(fault))?;
    }
    Ok(hash)
}

pub(super) fn read_timed_listpack<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let _first: [u8; 8] = reader.array()?;
    let blob = reader.string()?;
    let malformed = |reader: &Reader<R>| reader.error(Fault::Malformed("listpack"));
    let list = Listpack::parse(&blob).map_err(|_| malformed(reader))?;
    let entries: Vec<ValueRef<'_>> = list.iter().collect();
    let mut hash = Hash::default();
    let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
    for triple in entries.chunks(3) {
        let [field, value, at] = triple else { return Err(malformed(reader)) };
        let at = at.as_i64().and_then(|at| u64::try_from(at).ok());
        let at = at.ok_or_else(|| malformed(reader))?;
        let pair = (field.text(&mut digits.0), value.text(&mut digits.1));
        add_timed(&mut hash, pair, at, limits).map_err(|fault| reader.error(fault))?;
    }
    Ok(hash)
}

/// Adds a field that expires at `at`, if that is not 0.
fn add_timed(
    hash: &mut Hash,
    (field, value): (&[u8], &[u8]),
    at: u64,
    limits: &Limits,
) -> Result<(), Fault> {
    if Millis(at) > ELEMENT_EXPIRY_MAX {
        return Err(Fault::Malformed("time of a field"));
    }
    if !hash.insert_new(field, value, limits) {
        return Err(Fault::Duplicate);
    }
    if at > 0 {
        hash.set_expiry(field, Some(Millis(at)));
    }
    Ok(())
}

/// A hash written field by field.
pub(super) fn read_pairs<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let mut hash = Hash::default();
    for _ in 0..reader.length()? {
        let field = reader.string()?;
        let value = reader.string()?;
        if !hash.insert(&field, &value, limits) {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    Ok(hash)
}

pub(super) fn read_listpack<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let blob = reader.string()?;
    Hash::from_listpack(&blob, limits).map_err(|_| reader.error(Fault::Malformed("listpack")))
}

pub(super) fn read_ziplist<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let blob = reader.string()?;
    let entries = ziplist::entries(&blob).filter(|entries| entries.len().is_multiple_of(2));
    let entries = entries.ok_or_else(|| reader.error(Fault::Malformed("ziplist")))?;
    collect(&entries, limits).ok_or_else(|| reader.error(Fault::Duplicate))
}

pub(super) fn read_zipmap<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Hash, RdbError> {
    let blob = reader.string()?;
    let entries = zipmap::entries(&blob);
    let entries = entries.ok_or_else(|| reader.error(Fault::Malformed("zipmap")))?;
    collect(&entries, limits).ok_or_else(|| reader.error(Fault::Duplicate))
}

/// A hash of fields and values in turn; None if a field occurs twice.
fn collect(entries: &[ValueRef<'_>], limits: &Limits) -> Option<Hash> {
    let mut hash = Hash::default();
    let mut digits = (itoa::Buffer::new(), itoa::Buffer::new());
    for pair in entries.chunks_exact(2) {
        let (field, value) = (pair[0].text(&mut digits.0), pair[1].text(&mut digits.1));
        if !hash.insert(field, value, limits) {
            return None;
        }
    }
    Some(hash)
}
