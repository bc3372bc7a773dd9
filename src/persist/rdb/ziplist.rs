//! Ziplists, the packed form before listpacks: read only, from old dumps and files.
//!
//! ```text
//! 4 bytes LE total | 4 LE offset of the last entry | 2 LE count, ffff = unknown | entries | ff
//! entry = length of the one before (1 byte, or fe and 4 LE) | encoding | data
//! ```

use crate::base::number::signed_le;
use crate::types::ValueRef;

const HEADER: usize = 10;
const END: u8 = 0xff;
const UNCOUNTED: usize = 0xffff;

/// The entries of `blob`; None if anything about it is not as its writer would have left it.
pub fn entries(blob: &[u8]) -> Option<Vec<ValueRef<'_>>> {
    let total = u32::from_le_bytes(*blob.first_chunk()?) as usize;
    let tail = u32::from_le_bytes(*blob.get(4..)?.first_chunk()?) as usize;
    let count = usize::from(u16::from_le_bytes(*blob.get(8..)?.first_chunk()?));
    let (&last, _) = blob.split_last()?;
    if total != blob.len() || total <= HEADER || last != END {
        return None;
    }
    let (mut found, mut at, mut previous) = (Vec::new(), HEADER, 0);
    let mut last_at = HEADER;
    while at + 1 < total {
        let (before, size) = previous_length(blob.get(at..)?)?;
        if before != previous {
            return None;
        }
        let (value, data) = decode(blob.get(at + size..total - 1)?)?;
        found.push(value);
        last_at = at;
        previous = size + data;
        at += previous;
    }
    let sound = tail == last_at && (count == UNCOUNTED || count == found.len());
    sound.then_some(found)
}

fn previous_length(entry: &[u8]) -> Option<(usize, usize)> {
    match *entry {
        [0xfe, a, b, c, d, ..] => Some((u32::from_le_bytes([a, b, c, d]) as usize, 5)),
        [length, ..] if length < 0xfe => Some((usize::from(length), 1)),
        _ => None,
    }
}

/// The value at the start of `rest`, and the bytes that its encoding and data take.
fn decode(rest: &[u8]) -> Option<(ValueRef<'_>, usize)> {
    let (&first, data) = rest.split_first()?;
    let string = |head: usize, length: usize| {
        let end = head.checked_add(length)?;
        Some((ValueRef::Bytes(rest.get(head..end)?), end))
    };
    let int = |size: usize| Some((ValueRef::Int(signed_le(data.get(..size)?)), 1 + size));
    match first {
        0x00..=0x3f => string(1, usize::from(first)),
        0x40..=0x7f => string(2, usize::from(first & 0x3f) << 8 | usize::from(*data.first()?)),
        0x80 => string(5, u32::from_be_bytes(*data.first_chunk()?) as usize),
        0xc0 => int(2),
        0xd0 => int(4),
        0xe0 => int(8),
        0xf0 => int(3),
        0xfe => int(1),
        0xf1..=0xfd => Some((ValueRef::Int(i64::from(first & 0xf) - 1), 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a`, 5, `bc`, 1000, -70000, each entry's own length before the next.
    const SAMPLE: &[u8] = b"\x1d\0\0\0\x17\0\0\0\x05\0\
        \x00\x01a\x03\xf6\x02\x02bc\x04\xc0\xe8\x03\x04\xf0\x90\xee\xfe\xff";

    fn texts(blob: &[u8]) -> Option<Vec<Vec<u8>>> {
        entries(blob).map(|found| found.iter().map(ValueRef::to_vec).collect())
    }

    #[test]
    fn entries_are_read() {
        let expected: [&[u8]; 5] = [b"a", b"5", b"bc", b"1000", b"-70000"];
        assert_eq!(texts(SAMPLE), Some(expected.map(<[u8]>::to_vec).to_vec()));
        for at in 0..SAMPLE.len() {
            // Whatever byte is bent, nothing panics; the frame's own bytes are all checked.
            let mut bent = SAMPLE.to_vec();
            bent[at] ^= 0x81;
            assert!(at >= HEADER || entries(&bent).is_none(), "byte {at}");
            assert_eq!(entries(&SAMPLE[..at]).map(|found| found.len()), None, "cut at {at}");
            let _ = entries(&bent);
        }
    }
}
