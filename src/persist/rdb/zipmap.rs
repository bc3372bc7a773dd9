//! Zipmaps, the packed hashes of Redis 2.4 and before: read only.
//!
//! ```text
//! 1 byte count (254 and more = unknown) | pairs | ff
//! pair = length, key, length, 1 byte free, value, free bytes
//! length = 1 byte below 254, or fe and 4 bytes LE
//! ```

use crate::types::ValueRef;

const END: u8 = 0xff;
const UNCOUNTED: u8 = 254;

/// Keys and values in turn; None if the blob is malformed.
pub fn entries(blob: &[u8]) -> Option<Vec<ValueRef<'_>>> {
    let (&count, mut rest) = blob.split_first()?;
    let mut found = Vec::new();
    while *rest.first()? != END {
        let (length, after) = read_length(rest)?;
        let (key, after) = after.split_at_checked(length)?;
        let (length, after) = read_length(after)?;
        let (&free, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(length)?;
        found.extend([ValueRef::Bytes(key), ValueRef::Bytes(value)]);
        rest = after.get(usize::from(free)..)?;
    }
    let counted = count >= UNCOUNTED || usize::from(count) == found.len() / 2;
    (rest.len() == 1 && counted).then_some(found)
}

fn read_length(rest: &[u8]) -> Option<(usize, &[u8])> {
    match *rest {
        [0xfe, a, b, c, d, ref after @ ..] => {
            Some((u32::from_le_bytes([a, b, c, d]) as usize, after))
        }
        [length, ref after @ ..] if length < 0xfe => Some((usize::from(length), after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_past_the_free_bytes() {
        let blob = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world..\xff";
        let found: Vec<_> =
            entries(blob).expect("well formed").iter().map(ValueRef::to_vec).collect();
        assert_eq!(found, [&b"foo"[..], b"bar", b"hello", b"world"]);
        assert!(entries(b"\x03\x03foo\x03\x00bar\xff").is_none(), "a wrong count");
        assert!(entries(b"\x01\x03foo\x03\x00bar\xff\xff").is_none(), "bytes after the end");
        for cut in 0..blob.len() {
            assert!(entries(&blob[..cut]).is_none(), "cut at {cut}");
        }
    }
}
