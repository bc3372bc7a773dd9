//! Comparing byte strings that lie somewhere in memory.

/// Whether both are the same bytes. Names of elements and keys are short and no line of theirs may
/// be in the cache yet: unlike the library's comparison this one reads none but theirs. That reads
/// whole vectors and masks what is too much, which waits for the line behind as well, and for
/// hundreds of cycles where an empty slice points nowhere.
#[inline]
#[must_use]
pub fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        0 => true,
        1 => one[0] == other[0],
        2..4 => same_ends::<2>(one, other),
        4..8 => same_ends::<4>(one, other),
        8..16 => same_ends::<8>(one, other),
        16..=32 => same_ends::<16>(one, other),
        _ => one == other,
    }
}

/// Whether the first and the last `N` bytes are the same: all of them, if they overlap.
#[inline]
fn same_ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<N>() == other.first_chunk() && one.last_chunk::<N>() == other.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        for len in 0..100 {
            let bytes: Vec<u8> = (0..len).collect();
            assert!(same_bytes(&bytes, &bytes.clone()));
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert!(!same_bytes(&bytes, &other), "byte {at} of {len}");
                assert!(!same_bytes(&bytes, &bytes[..at]), "{at} of {len} bytes");
            }
        }
    }
}
