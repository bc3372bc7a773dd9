//! Hashes: written as a listpack or field by field; also read from the older packed forms.

use std::io::Read;

use super::object::ValueType;
use super::{Fault, RdbError, Reader, Writer, ziplist, zipmap};
use crate::types::{Collection, Hash, Limits, ValueRef};

pub(super) fn write(writer: &mut Writer, hash: &Hash) {
    if let Some(listpack) = hash.as_listpack() {
        writer.byte(ValueType::HashListpack as u8);
        writer.string(listpack);
        return;
    }
    writer.byte(ValueType::Hash as u8);
    writer.length(hash.len() as u64);
    for (field, value) in hash.iter() {
        writer.value(field);
        writer.value(value);
    }
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
