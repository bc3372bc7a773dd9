//! Lists: written as listpacks, one per node; also read element by element and from ziplists.

use std::io::Read;

use super::object::Pause;
use super::{Fault, RdbError, Reader, Writer, ziplist};
use crate::types::list::End;
use crate::types::{Limits, List};

/// What a node of a list is.
mod container {
    /// One element, too large for a listpack.
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}

pub(super) fn write(writer: &mut Writer, list: &List, pause: &mut Pause<'_>) {
    writer.length(list.listpacks().count() as u64);
    for listpack in list.listpacks() {
        writer.length(container::PACKED);
        writer.string(listpack);
        writer.breathe(pause);
    }
}

/// A list written element by element.
pub(super) fn read_elements<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<List, RdbError> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        list.push(End::Back, &reader.string()?, limits);
    }
    Ok(list)
}

/// A list of nodes, each an element or a listpack.
pub(super) fn read_quicklist2<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<List, RdbError> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        let container = reader.length()?;
        let blob = reader.string()?;
        match container {
            container::PLAIN => list.push(End::Back, &blob, limits),
            container::PACKED => list
                .push_listpack(&blob, limits)
                .map_err(|_| reader.error(Fault::Malformed("listpack")))?,
            _ => return Err(reader.error(Fault::Malformed("list node"))),
        }
    }
    Ok(list)
}

/// A list of nodes that are ziplists.
pub(super) fn read_quicklist<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<List, RdbError> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        push_ziplist(reader, &mut list, limits)?;
    }
    Ok(list)
}

/// A list that is one ziplist.
pub(super) fn read_ziplist<R: Read>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<List, RdbError> {
    let mut list = List::default();
    push_ziplist(reader, &mut list, limits)?;
    Ok(list)
}

fn push_ziplist<R: Read>(
    reader: &mut Reader<R>,
    list: &mut List,
    limits: &Limits,
) -> Result<(), RdbError> {
    let blob = reader.string()?;
    let entries = ziplist::entries(&blob);
    let entries = entries.ok_or_else(|| reader.error(Fault::Malformed("ziplist")))?;
    let mut digits = itoa::Buffer::new();
    for entry in entries {
        list.push(End::Back, entry.text(&mut digits), limits);
    }
    Ok(())
}
