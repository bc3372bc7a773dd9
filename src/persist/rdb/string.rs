//! Strings: one RDB string each.

use std::io::Read;

use super::{RdbError, Reader, Writer};
use crate::types::ValueRef;

pub(super) fn write(writer: &mut Writer, text: ValueRef<'_>) {
    writer.value(text);
}

pub(super) fn read<R: Read>(reader: &mut Reader<R>) -> Result<Vec<u8>, RdbError> {
    reader.string()
}
