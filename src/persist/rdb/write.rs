//! The primitives of the format, written into memory.

use super::lzf::Compressor;
use super::{Dialect, special};
use crate::base::number::parse_i64;
use crate::types::ValueRef;

/// Shorter strings are never compressed.
const COMPRESS_ABOVE_BYTES: usize = 20;

/// Output of this length may be sent away before a value is complete.
pub const PIECE_BYTES: usize = 64 * 1024;

/// Appends primitives to a buffer that its owner empties as often as it likes.
#[derive(Debug)]
pub struct Writer {
    pub out: Vec<u8>,
    /// None: strings are written as they are.
    compressor: Option<Compressor>,
    /// For whom it is.
    pub dialect: Dialect,
}

impl Writer {
    /// `compress` is the setting `rdbcompression`.
    #[must_use]
    pub fn new(compress: bool) -> Writer {
        let compressor = compress.then(Compressor::default);
        Writer { out: Vec::new(), compressor, dialect: Dialect::Redis }
    }

    /// Hands the output to `pause` if it has grown long.
    #[inline]
    pub fn breathe(&mut self, pause: &mut dyn FnMut(&mut Vec<u8>)) {
        if self.out.len() >= PIECE_BYTES {
            pause(&mut self.out);
        }
    }

    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// A length in its shortest form.
    pub fn length(&mut self, length: u64) {
        match length {
            0..0x40 => self.byte(length as u8),
            0x40..0x4000 => self.out.extend((0x4000 | length as u16).to_be_bytes()),
            _ => match u32::try_from(length) {
                Ok(length) => {
                    self.byte(0x80);
                    self.out.extend(length.to_be_bytes());
                }
                Err(_) => {
                    self.byte(0x81);
                    self.out.extend(length.to_be_bytes());
                }
            },
        }
    }

    /// A string in its shortest form: an integer, compressed, or as it is.
    pub fn string(&mut self, text: &[u8]) {
        // No integer of 32 bits has more characters.
        let number = if text.len() <= 11 { parse_i64(text) } else { None };
        if !number.is_some_and(|number| self.short_int(number)) && !self.compressed(text) {
            self.plain(text);
        }
    }

    /// A stored field, member or value.
    pub fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Int(number) => self.int(number),
            ValueRef::Bytes(bytes) => self.string(bytes),
        }
    }

    /// The decimal text of an integer, as a string.
    pub fn int(&mut self, number: i64) {
        if !self.short_int(number) {
            self.plain(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    fn plain(&mut self, text: &[u8]) {
        self.length(text.len() as u64);
        self.out.extend_from_slice(text);
    }

    fn short_int(&mut self, number: i64) -> bool {
        if let Ok(number) = i8::try_from(number) {
            self.byte(0xc0 | special::INT8);
            self.out.extend(number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.byte(0xc0 | special::INT16);
            self.out.extend(number.to_le_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.byte(0xc0 | special::INT32);
            self.out.extend(number.to_le_bytes());
        } else {
            return false;
        }
        true
    }

    /// Writes `text` compressed if that saves at least four bytes.
    fn compressed(&mut self, text: &[u8]) -> bool {
        let Some(compressor) = &mut self.compressor else {
            return false;
        };
        if text.len() <= COMPRESS_ABOVE_BYTES {
            return false;
        }
        let Some(packed) = compressor.compress(text, text.len() - 4) else {
            return false;
        };
        self.byte(0xc0 | special::LZF);
        self.length(packed.len() as u64);
        self.length(text.len() as u64);
        self.out.extend_from_slice(&packed);
        true
    }
}
