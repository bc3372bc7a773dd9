//! How one value stands in a listpack.

use crate::base::number::signed_le;
use crate::types::value::ValueRef;

/// The bytes that `value` takes in a listpack.
#[inline]
#[must_use]
pub fn encoded_len(value: ValueRef<'_>) -> usize {
    let size = match value {
        ValueRef::Int(0..=127) => 1,
        ValueRef::Bytes(short) if short.len() < 64 => 1 + short.len(),
        _ => Head::of(value).bytes().len() + body(value).len(),
    };
    size + back_length_size(size)
}

pub(super) fn body(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Int(_) => &[],
        ValueRef::Bytes(bytes) => bytes,
    }
}

/// What precedes a string's bytes; all of an integer.
pub(super) struct Head {
    buffer: [u8; 9],
    len: u8,
}

impl Head {
    pub fn of(value: ValueRef<'_>) -> Head {
        match value {
            ValueRef::Int(value) => Head::of_int(value),
            ValueRef::Bytes(bytes) => Head::of_string(bytes.len()),
        }
    }

    fn new(parts: [&[u8]; 2]) -> Head {
        let mut head = Head { buffer: [0; 9], len: 0 };
        for part in parts {
            let start = usize::from(head.len);
            head.buffer[start..start + part.len()].copy_from_slice(part);
            head.len += part.len() as u8;
        }
        head
    }

    fn of_int(value: i64) -> Head {
        let bytes = value.to_le_bytes();
        match value {
            0..=127 => Head::new([&bytes[..1], &[]]),
            -4096..=4095 => Head::new([&[0xc0 | (bytes[1] & 0x1f), bytes[0]], &[]]),
            -0x8000..=0x7fff => Head::new([&[0xf1], &bytes[..2]]),
            -0x80_0000..=0x7f_ffff => Head::new([&[0xf2], &bytes[..3]]),
            -0x8000_0000..=0x7fff_ffff => Head::new([&[0xf3], &bytes[..4]]),
            _ => Head::new([&[0xf4], &bytes]),
        }
    }

    fn of_string(len: usize) -> Head {
        let bytes = u32::try_from(len).expect("callers bound a listpack's length").to_le_bytes();
        match len {
            0..64 => Head::new([&[0x80 | bytes[0]], &[]]),
            64..4096 => Head::new([&[0xe0 | bytes[1], bytes[0]], &[]]),
            _ => Head::new([&[0xf0], &bytes]),
        }
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }

    /// Whether the entry that `old` begins with is as long as this one, and of its encoding.
    #[inline]
    pub fn is_as_long_as(&self, old: &[u8]) -> bool {
        match self.buffer[0] {
            0..0x80 => old[0] < 0x80,
            0xc0..0xe0 => (0xc0..0xe0).contains(&old[0]),
            width @ 0xf1.. => old[0] == width,
            _ => old.starts_with(self.bytes()), // the length of a string
        }
    }
}

/// The trailing length of an entry: 7-bit groups, the most significant first, all but it with bit
/// 7.
pub(super) struct BackLength {
    buffer: [u8; 5],
    len: u8,
}

impl BackLength {
    pub fn of(size: usize) -> BackLength {
        let len = back_length_size(size);
        let mut buffer = [0; 5];
        for (index, byte) in buffer[..len].iter_mut().enumerate() {
            let group = (size >> (7 * (len - 1 - index))) as u8 & 0x7f;
            *byte = if index == 0 { group } else { group | 0x80 };
        }
        BackLength { buffer, len: len as u8 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}

/// The format's limits are one short of what 7-bit groups could hold.
#[inline]
pub(super) fn back_length_size(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// The value at `at` and the size of its encoding and data; None if it does not fit or is no entry.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> Option<(ValueRef<'_>, usize)> {
    let rest = bytes.get(at..)?;
    let (&first, data) = rest.split_first()?;
    let string = |head: usize, len: usize| {
        Some((ValueRef::Bytes(rest.get(head..head.checked_add(len)?)?), head + len))
    };
    let int = |size: usize| Some((ValueRef::Int(signed_le(data.get(..size)?)), 1 + size));
    match first {
        0..=0x7f => Some((ValueRef::Int(i64::from(first)), 1)),
        0x80..=0xbf => string(1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let unsigned = i64::from(first & 0x1f) << 8 | i64::from(*data.first()?);
            Some((ValueRef::Int((unsigned ^ 0x1000) - 0x1000), 2))
        }
        0xe0..=0xef => string(2, usize::from(first & 0xf) << 8 | usize::from(*data.first()?)),
        0xf0 => string(5, u32::from_le_bytes(*data.first_chunk()?) as usize),
        0xf1 => int(2),
        0xf2 => int(3),
        0xf3 => int(4),
        0xf4 => int(8),
        _ => None,
    }
}
