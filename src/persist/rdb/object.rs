//! A value of any type: its type byte and what follows, one file per type.

use std::io::Read;

use super::file::modules;
use super::stream::Layout;
use super::zset::Scores;
use super::{
    Dialect, Fault, RdbError, Reader, VERSION, VERSION_TIMED, Writer, hash, list, set, stream,
    string, zset,
};
use crate::base::Millis;
use crate::keyspace::{Entry, EntryRef, NewStr, StrRef};
use crate::types::{Collection, Hash, Kind, Limits, List, Set, Stream, ValueRef, Zset};

/// The byte that says how a value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ValueType {
    String = 0,
    List = 1,
    Set = 2,
    ZsetText = 3,
    Hash = 4,
    Zset = 5,
    HashZipmap = 9,
    ListZiplist = 10,
    SetIntset = 11,
    ZsetZiplist = 12,
    HashZiplist = 13,
    ListQuicklist = 14,
    Stream1 = 15,
    HashListpack = 16,
    ZsetListpack = 17,
    ListQuicklist2 = 18,
    Stream2 = 19,
    SetListpack = 20,
    Stream3 = 21,
    HashTimedValkey = 22,
    HashTimed = 24,
    HashListpackTimed = 25,
}

impl ValueType {
    const ALL: [ValueType; 22] = [
        ValueType::String,
        ValueType::List,
        ValueType::Set,
        ValueType::ZsetText,
        ValueType::Hash,
        ValueType::Zset,
        ValueType::HashZipmap,
        ValueType::ListZiplist,
        ValueType::SetIntset,
        ValueType::ZsetZiplist,
        ValueType::HashZiplist,
        ValueType::ListQuicklist,
        ValueType::Stream1,
        ValueType::HashListpack,
        ValueType::ZsetListpack,
        ValueType::ListQuicklist2,
        ValueType::Stream2,
        ValueType::SetListpack,
        ValueType::Stream3,
        ValueType::HashTimedValkey,
        ValueType::HashTimed,
        ValueType::HashListpackTimed,
    ];

    /// The oldest version of the format that has a type.
    pub(super) fn version(byte: u8) -> u16 {
        let timed = [ValueType::HashTimed, ValueType::HashListpackTimed];
        if timed.into_iter().any(|known| known as u8 == byte) { VERSION_TIMED } else { VERSION }
    }

    /// Whose it is, if only one of them has it.
    fn dialect(self) -> Option<Dialect> {
        match self {
            ValueType::HashTimedValkey => Some(Dialect::Valkey),
            ValueType::HashTimed | ValueType::HashListpackTimed => Some(Dialect::Redis),
            _ => None,
        }
    }

    pub(super) fn from_byte(byte: u8, dialect: Dialect) -> Option<ValueType> {
        let is_it = |known: &ValueType| {
            *known as u8 == byte && known.dialect().is_none_or(|whose| whose == dialect)
        };
        ValueType::ALL.into_iter().find(is_it)
    }
}

/// The byte of a value that a module made.
const MODULE: u8 = 7;

/// Whether a byte stands for a value's type, though perhaps for one that is not here.
pub(super) fn is_value_type(byte: u8, dialect: Dialect) -> bool {
    byte == MODULE || ValueType::from_byte(byte, dialect).is_some()
}

/// A value to be written.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    String(ValueRef<'a>),
    List(&'a List),
    Set(&'a Set),
    Zset(&'a Zset),
    Hash(&'a Hash),
    Stream(&'a Stream),
}

impl<'a> Object<'a> {
    /// The entry's value.
    #[must_use]
    pub fn of(entry: EntryRef<'a>) -> Object<'a> {
        let object = match entry.kind() {
            Kind::String => entry.string().map(|text| match text {
                StrRef::Int(number) => Object::String(ValueRef::Int(number)),
                StrRef::Bytes(bytes) => Object::String(ValueRef::Bytes(bytes)),
                StrRef::Big(bytes) => Object::String(ValueRef::Bytes(bytes)),
            }),
            Kind::List => entry.get().map(Object::List),
            Kind::Set => entry.get().map(Object::Set),
            Kind::Zset => entry.get().map(Object::Zset),
            Kind::Hash => entry.get().map(Object::Hash),
            Kind::Stream => entry.get().map(Object::Stream),
        };
        object.expect("an entry holds what its kind says")
    }
}

/// A value that was read, not yet stored under a key.
pub enum Loaded {
    String(Vec<u8>),
    List(List),
    Set(Set),
    Zset(Zset),
    Hash(Hash),
    Stream(Stream),
}

impl Loaded {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Loaded::String(_) => Kind::String,
            Loaded::List(_) => Kind::List,
            Loaded::Set(_) => Kind::Set,
            Loaded::Zset(_) => Kind::Zset,
            Loaded::Hash(_) => Kind::Hash,
            Loaded::Stream(_) => Kind::Stream,
        }
    }

    /// The entry that holds it under `key`; `lru` is its access history.
    #[must_use]
    pub fn into_entry(self, key: &[u8], expiry: Option<Millis>, lru: u32) -> Entry {
        match self {
            Loaded::String(text) => Entry::string(key, NewStr::Owned(text), expiry, lru),
            Loaded::List(list) => Entry::collection(key, list, expiry, lru),
            Loaded::Set(set) => Entry::collection(key, set, expiry, lru),
            Loaded::Zset(zset) => Entry::collection(key, zset, expiry, lru),
            Loaded::Hash(hash) => Entry::collection(key, hash, expiry, lru),
            Loaded::Stream(stream) => Entry::collection(key, stream, expiry, lru),
        }
    }

    /// A stream may be empty and stay.
    fn is_empty_collection(&self) -> bool {
        match self {
            Loaded::String(_) | Loaded::Stream(_) => false,
            Loaded::List(list) => list.is_empty(),
            Loaded::Set(set) => set.is_empty(),
            Loaded::Zset(zset) => zset.is_empty(),
            Loaded::Hash(hash) => hash.is_empty(),
        }
    }
}

/// What is given the output of a value whenever it has grown long, to send some of it away.
pub(super) type Pause<'a> = dyn FnMut(&mut Vec<u8>) + 'a;

/// Writes the value's type byte, in files the key, and the value. The output is given to `pause`
/// whenever it has grown long.
pub fn write_object(
    writer: &mut Writer,
    key: Option<&[u8]>,
    object: Object<'_>,
    pause: &mut Pause<'_>,
) {
    writer.byte(value_type(object, writer.dialect) as u8);
    if let Some(key) = key {
        writer.string(key);
    }
    match object {
        Object::String(text) => string::write(writer, text),
        Object::List(list) => list::write(writer, list, pause),
        Object::Set(set) => set::write(writer, set, pause),
        Object::Zset(zset) => zset::write(writer, zset, pause),
        Object::Hash(hash) => hash::write(writer, hash, pause),
        Object::Stream(stream) => stream::write(writer, stream, pause),
    }
}

/// How a value is laid out when it is written.
fn value_type(object: Object<'_>, dialect: Dialect) -> ValueType {
    match object {
        Object::String(_) => ValueType::String,
        Object::List(_) => ValueType::ListQuicklist2,
        Object::Set(set) if set.is_intset() => ValueType::SetIntset,
        Object::Set(_) => ValueType::Set,
        Object::Zset(zset) if zset.as_listpack().is_some() => ValueType::ZsetListpack,
        Object::Zset(_) => ValueType::Zset,
        Object::Hash(hash) if hash.expiring().next().is_some() => {
            match (dialect, hash.encoding()) {
                (Dialect::Valkey, _) => ValueType::HashTimedValkey,
                (Dialect::Redis, "hashtable") => ValueType::HashTimed,
                (Dialect::Redis, _) => ValueType::HashListpackTimed,
            }
        }
        Object::Hash(hash) if hash.as_listpack().is_some() => ValueType::HashListpack,
        Object::Hash(_) => ValueType::Hash,
        Object::Stream(_) => ValueType::Stream2,
    }
}

/// Reads a value after its type byte. Collections take the encoding that `limits` give them.
///
/// # Errors
/// If the bytes are no such value; [`Fault::Empty`] once a collection without elements was read.
pub fn read_object<R: Read>(
    reader: &mut Reader<R>,
    value_type: u8,
    limits: &Limits,
) -> Result<Loaded, RdbError> {
    let Some(value_type) = ValueType::from_byte(value_type, reader.dialect) else {
        return Err(refuse(reader, value_type));
    };
    let loaded = match value_type {
        ValueType::String => Loaded::String(string::read(reader)?),
        ValueType::List => Loaded::List(list::read_elements(reader, limits)?),
        ValueType::ListZiplist => Loaded::List(list::read_ziplist(reader, limits)?),
        ValueType::ListQuicklist => Loaded::List(list::read_quicklist(reader, limits)?),
        ValueType::ListQuicklist2 => Loaded::List(list::read_quicklist2(reader, limits)?),
        ValueType::Set => Loaded::Set(set::read_members(reader, limits)?),
        ValueType::SetIntset => Loaded::Set(set::read_intset(reader, limits)?),
        ValueType::SetListpack => Loaded::Set(set::read_listpack(reader, limits)?),
        ValueType::Zset => Loaded::Zset(zset::read_members(reader, Scores::Binary, limits)?),
        ValueType::ZsetText => Loaded::Zset(zset::read_members(reader, Scores::Text, limits)?),
        ValueType::ZsetZiplist => Loaded::Zset(zset::read_ziplist(reader, limits)?),
        ValueType::ZsetListpack => Loaded::Zset(zset::read_listpack(reader, limits)?),
        ValueType::Hash => Loaded::Hash(hash::read_pairs(reader, limits)?),
        ValueType::HashZipmap => Loaded::Hash(hash::read_zipmap(reader, limits)?),
        ValueType::HashZiplist => Loaded::Hash(hash::read_ziplist(reader, limits)?),
        ValueType::HashListpack => Loaded::Hash(hash::read_listpack(reader, limits)?),
        ValueType::HashTimedValkey => Loaded::Hash(hash::read_timed_valkey(reader, limits)?),
        ValueType::HashTimed => Loaded::Hash(hash::read_timed_pairs(reader, limits)?),
        ValueType::HashListpackTimed => Loaded::Hash(hash::read_timed_listpack(reader, limits)?),
        ValueType::Stream1 => Loaded::Stream(stream::read(reader, Layout::One)?),
        ValueType::Stream2 => Loaded::Stream(stream::read(reader, Layout::Two)?),
        ValueType::Stream3 => Loaded::Stream(stream::read(reader, Layout::Three)?),
    };
    if loaded.is_empty_collection() {
        return Err(reader.error(Fault::Empty));
    }
    Ok(loaded)
}

/// Why there is no value of a type that is not known.
fn refuse<R: Read>(reader: &mut Reader<R>, value_type: u8) -> RdbError {
    if value_type != MODULE {
        return reader.error(Fault::UnknownType(value_type));
    }
    match reader.length() {
        Ok(id) => reader.error(Fault::Module(modules::name(id))),
        Err(error) => error,
    }
}
