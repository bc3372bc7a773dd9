//! Keys as they stand in a file, to be decoded later and elsewhere.

use std::borrow::Cow;

use super::Usage;
use crate::base::Millis;
use crate::keyspace::{Entry, NewStr};
use crate::persist::rdb::object::ValueType;
use crate::persist::rdb::{Dialect, RdbError, Reader, read_object};
use crate::types::Limits;

/// What a file says of a key in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    pub db: u8,
    pub dialect: Dialect,
    pub value_type: u8,
    pub expiry: Option<Millis>,
    pub usage: Option<Usage>,
    /// Where the key begins.
    pub at: u64,
}

/// A key with its value as they stand in the file: complete, and unchecked.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    pub note: Note,
    pub bytes: &'a [u8],
}

impl<'a> RawRecord<'a> {
    /// Decodes the key.
    ///
    /// # Errors
    /// If it is malformed.
    #[inline]
    pub fn key(self) -> Result<Undecoded<'a>, RdbError> {
        let mut reader = Reader::placed(self.bytes, self.note.at, self.note.dialect);
        let key = reader.text()?;
        let end = self.note.at + self.bytes.len() as u64;
        Ok(Undecoded { note: self.note, end, key, value: reader })
    }
}

/// A key whose value is still to be decoded.
#[derive(Debug)]
pub struct Undecoded<'a> {
    pub note: Note,
    /// Where the value ends.
    pub end: u64,
    pub key: Cow<'a, [u8]>,
    value: Reader<&'a [u8]>,
}

impl Undecoded<'_> {
    /// Decodes the value; `lru` is its access history.
    ///
    /// # Errors
    /// If it is malformed; [`super::super::Fault::Empty`] if there is nothing in it.
    #[inline]
    pub fn entry(&self, limits: &Limits, lru: u32) -> Result<Entry, RdbError> {
        let Note { value_type, expiry, .. } = self.note;
        let mut value = self.value;
        let entry = if value_type == ValueType::String as u8 {
            let text = match value.text()? {
                Cow::Borrowed(text) => NewStr::Bytes(text),
                Cow::Owned(text) => NewStr::Owned(text),
            };
            Entry::string(&self.key, text, expiry, lru)
        } else {
            read_object(&mut value, value_type, limits)?.into_entry(&self.key, expiry, lru)
        };
        debug_assert_eq!(value.position(), self.end, "a value is as long as it was measured");
        Ok(entry)
    }
}

/// Some keys, kept together to be sent elsewhere.
#[derive(Debug, Default)]
pub struct RawBatch {
    bytes: Vec<u8>,
    /// With the end of each in the bytes.
    notes: Vec<(Note, usize)>,
}

impl RawBatch {
    /// One that takes so many bytes without growing.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> RawBatch {
        RawBatch { bytes: Vec::with_capacity(bytes), notes: Vec::new() }
    }

    pub fn push(&mut self, record: RawRecord<'_>) {
        self.bytes.extend_from_slice(record.bytes);
        self.notes.push((record.note, self.bytes.len()));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// Bytes of keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.notes.clear();
    }

    /// The keys in the order they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = RawRecord<'_>> {
        let mut start = 0;
        self.notes.iter().map(move |&(note, end)| {
            let bytes = &self.bytes[std::mem::replace(&mut start, end)..end];
            RawRecord { note, bytes }
        })
    }
}
