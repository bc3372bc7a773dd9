//! How long a key with its value is, found out without decoding it: what takes the time when a file
//! is loaded can then be done elsewhere.
//!
//! Only what lies in a buffer as a whole is measured, and nothing is checked: a length that comes
//! of it means that [`crate::persist::rdb::read_object`] takes so many bytes or finds fault.

use crate::persist::rdb::object::ValueType;
use crate::persist::rdb::{Dialect, special};

/// Bytes of an entry's id, and of a time.
const ID_BYTES: u64 = 16;
const TIME_BYTES: u64 = 8;

/// The bytes that a key and its value of this type take at the beginning of `bytes`; `None` if they
/// go on beyond the end, or the value is of a type that is not known.
pub(in crate::persist::rdb) fn length(
    value_type: u8,
    dialect: Dialect,
    bytes: &[u8],
) -> Option<usize> {
    let value_type = ValueType::from_byte(value_type, dialect)?;
    let mut skim = Skim { rest: bytes };
    skim.string()?;
    skim.value(value_type)?;
    Some(bytes.len() - skim.rest.len())
}

struct Skim<'a> {
    rest: &'a [u8],
}

impl Skim<'_> {
    fn value(&mut self, value_type: ValueType) -> Option<()> {
        match value_type {
            ValueType::String
            | ValueType::HashZipmap
            | ValueType::ListZiplist
            | ValueType::SetIntset
            | ValueType::ZsetZiplist
            | ValueType::HashZiplist
            | ValueType::HashListpack
            | ValueType::ZsetListpack
            | ValueType::SetListpack => self.string(),
            ValueType::List | ValueType::Set | ValueType::ListQuicklist => {
                self.each(|skim| skim.string())
            }
            ValueType::ListQuicklist2 => self.each(|skim| {
                skim.length()?;
                skim.string()
            }),
            ValueType::Zset => self.each(|skim| {
                skim.string()?;
                skim.skip(size_of::<f64>() as u64)
            }),
            ValueType::ZsetText => self.each(|skim| {
                skim.string()?;
                let digits = skim.byte()?;
                // From 253 on it is the number itself.
                skim.skip(if digits < 253 { u64::from(digits) } else { 0 })
            }),
            ValueType::Hash => self.each(|skim| {
                skim.string()?;
                skim.string()
            }),
            ValueType::HashTimedValkey => self.each(|skim| {
                skim.string()?;
                skim.string()?;
                skim.skip(TIME_BYTES)
            }),
            ValueType::HashTimed => {
                self.skip(TIME_BYTES)?;
                self.each(|skim| {
                    skim.length()?;
                    skim.string()?;
                    skim.string()
                })
            }
            ValueType::HashListpackTimed => {
                self.skip(TIME_BYTES)?;
                self.string()
            }
            ValueType::Stream1 => self.stream(0, 0, 0),
            ValueType::Stream2 => self.stream(5, 1, 0),
            ValueType::Stream3 => self.stream(5, 1, TIME_BYTES),
        }
    }

    /// A stream whose layout has so many more numbers of its own and of each group than the
    /// first one, and so many more bytes of each consumer.
    fn stream(&mut self, numbers: u64, of_group: u64, of_consumer: u64) -> Option<()> {
        self.each(|skim| {
            skim.string()?;
            skim.string()
        })?;
        self.lengths(3 + numbers)?;
        self.each(|group| {
            group.string()?;
            group.lengths(2 + of_group)?;
            group.each(|pending| {
                pending.skip(ID_BYTES + TIME_BYTES)?;
                pending.length().map(drop)
            })?;
            group.each(|consumer| {
                consumer.string()?;
                consumer.skip(TIME_BYTES + of_consumer)?;
                let pending = consumer.length()?;
                consumer.skip(pending.checked_mul(ID_BYTES)?)
            })
        })
    }

    /// As many of something as the next length says.
    #[inline]
    fn each(&mut self, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        for _ in 0..self.length()? {
            one(self)?;
        }
        Some(())
    }

    fn lengths(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.length()?;
        }
        Some(())
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    #[inline]
    fn skip(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    #[inline]
    fn length(&mut self) -> Option<u64> {
        let first = self.byte()?;
        self.rest_of_length(first)
    }

    #[inline]
    fn rest_of_length(&mut self, first: u8) -> Option<u64> {
        let low = first & 0x3f;
        match first >> 6 {
            0 => Some(u64::from(low)),
            1 => Some(u64::from(u16::from_be_bytes([low, self.byte()?]))),
            2 if first == 0x80 => Some(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == 0x81 => Some(u64::from_be_bytes(self.array()?)),
            _ => None,
        }
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        let first = self.byte()?;
        if first >> 6 < 3 {
            let length = self.rest_of_length(first)?;
            return self.skip(length);
        }
        match first & 0x3f {
            special::INT8 => self.skip(1),
            special::INT16 => self.skip(2),
            special::INT32 => self.skip(4),
            special::LZF => {
                let packed = self.length()?;
                self.length()?;
                self.skip(packed)
            }
            _ => None,
        }
    }
}
