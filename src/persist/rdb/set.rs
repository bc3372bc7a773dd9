//! Sets: written as an intset or member by member; also read from the listpack of later versions.

use std::io::Read;

use super::object::Pause;
use super::{Fault, RdbError, Reader, Writer};
use crate::types::{Collection, Limits, Set};

pub(super) fn write(writer: &mut Writer, set: &Set, pause: &mut Pause<'_>) {
    if let Some(intset) = set.as_intset() {
        writer.string(&intset);
        return;
    }
    writer.length(set.len() as u64);
    for member in set.iter() {
        writer.value(member);
        writer.breathe(pause);
    }
}

/// A set written member by member.
pub(super) fn read_members<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Set, RdbError> {
    let mut set = Set::default();
    for _ in 0..reader.length()? {
        let member = reader.string()?;
        if !set.insert(&member, limits) {
            return Err(reader.error(Fault::Duplicate));
        }
    }
    Ok(set)
}

pub(super) fn read_intset<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Set, RdbError> {
    let blob = reader.string()?;
    Set::from_intset(&blob, limits).map_err(|_| reader.error(Fault::Malformed("intset")))
}

pub(super) fn read_listpack<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Set, RdbError> {
    let blob = reader.string()?;
    Set::from_listpack(&blob, limits).map_err(|_| reader.error(Fault::Malformed("listpack")))
}
