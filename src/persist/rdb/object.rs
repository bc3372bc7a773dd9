//! A value of any type: its type byte and what follows, one file per type.

use std::io::Read;

use super::{Fault, RdbError, Reader, Writer, hash, string};
use crate::types::{Collection, Hash, Kind, Limits, ValueRef};

/// The byte that says how a value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ValueType {
    String = 0,
    Hash = 4,
    HashZipmap = 9,
    HashZiplist = 13,
    HashListpack = 16,
}

impl ValueType {
    const ALL: [ValueType; 5] = [
        ValueType::String,
        ValueType::Hash,
        ValueType::HashZipmap,
        ValueType::HashZiplist,
        ValueType::HashListpack,
    ];

    fn from_byte(byte: u8) -> Option<ValueType> {
        ValueType::ALL.into_iter().find(|known| *known as u8 == byte)
    }
}

/// A value to be written.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    String(ValueRef<'a>),
    Hash(&'a Hash),
}

/// A value that was read, not yet stored under a key.
pub enum Loaded {
    String(Vec<u8>),
    Hash(Hash),
}

impl Loaded {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Loaded::String(_) => Kind::String,
            Loaded::Hash(_) => Kind::Hash,
        }
    }

    fn is_empty_collection(&self) -> bool {
        match self {
            Loaded::String(_) => false,
            Loaded::Hash(hash) => hash.is_empty(),
        }
    }
}

/// Writes the value's type byte and the value.
pub fn write_object(writer: &mut Writer, object: Object<'_>) {
    match object {
        Object::String(text) => string::write(writer, text),
        Object::Hash(hash) => hash::write(writer, hash),
    }
}

/// Reads a type byte and its value. Collections take the encoding that `limits` give them.
///
/// # Errors
/// If the bytes are no such value; [`Fault::Empty`] once a collection without elements was read.
pub fn read_object<R: Read>(reader: &mut Reader<R>, limits: &Limits) -> Result<Loaded, RdbError> {
    let byte = reader.byte()?;
    let Some(value_type) = ValueType::from_byte(byte) else {
        return Err(reader.error(Fault::UnknownType(byte)));
    };
    let loaded = match value_type {
        ValueType::String => Loaded::String(string::read(reader)?),
        ValueType::Hash => Loaded::Hash(hash::read_pairs(reader, limits)?),
        ValueType::HashZipmap => Loaded::Hash(hash::read_zipmap(reader, limits)?),
        ValueType::HashZiplist => Loaded::Hash(hash::read_ziplist(reader, limits)?),
        ValueType::HashListpack => Loaded::Hash(hash::read_listpack(reader, limits)?),
    };
    if loaded.is_empty_collection() {
        return Err(reader.error(Fault::Empty));
    }
    Ok(loaded)
}
