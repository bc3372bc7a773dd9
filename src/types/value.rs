//! One element of a collection, as it is stored: integers stay integers, the rest is bytes.

use crate::base::number::parse_i64;

/// A stored field, member or value. An `Int` stands for its decimal text.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// How packed forms store `text`: as an integer when it is the canonical decimal form of one.
    #[inline]
    #[must_use]
    pub fn of(text: &'a [u8]) -> ValueRef<'a> {
        parse_i64(text).map_or(ValueRef::Bytes(text), ValueRef::Int)
    }

    /// The text, printed into `buffer` if it is stored as an integer.
    #[inline]
    #[must_use]
    pub fn text<'b>(&self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            ValueRef::Int(value) => buffer.format(value).as_bytes(),
            ValueRef::Bytes(bytes) => bytes,
        }
    }

    /// Length of the text in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text(&mut itoa::Buffer::new()).len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, ValueRef::Bytes([]))
    }

    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.text(&mut itoa::Buffer::new()).to_vec()
    }

    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text(&mut itoa::Buffer::new()));
    }

    /// Whether the value has this very text.
    #[inline]
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        match *self {
            ValueRef::Int(value) => parse_i64(text) == Some(value),
            ValueRef::Bytes(bytes) => bytes == text,
        }
    }

    /// The value as a number, if its text is the canonical form of one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            ValueRef::Int(value) => Some(value),
            ValueRef::Bytes(bytes) => parse_i64(bytes),
        }
    }
}

/// What a search compares elements with: the text, parsed once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    text: &'a [u8],
    number: Option<i64>,
}

impl<'a> Needle<'a> {
    #[inline]
    #[must_use]
    pub fn new(text: &'a [u8]) -> Needle<'a> {
        Needle { text, number: parse_i64(text) }
    }

    /// Whether `value` has this very text.
    #[inline]
    #[must_use]
    pub fn is(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Int(number) => self.number == Some(number),
            ValueRef::Bytes(bytes) => self.text == bytes,
        }
    }

    /// What a packed form would store for it.
    #[inline]
    #[must_use]
    pub fn value(&self) -> ValueRef<'a> {
        self.number.map_or(ValueRef::Bytes(self.text), ValueRef::Int)
    }
}
