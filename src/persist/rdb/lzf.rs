//! LZF, the compression of RDB strings.
//!
//! ```text
//! ctrl < 32        ctrl + 1 literal bytes follow
//! ctrl >= 32       n = ctrl >> 5 (7: plus the next byte)
//!                  distance = (ctrl & 31) << 8 | next byte, plus 1
//!                  copy n + 2 bytes from that distance back, byte by byte
//! ```
//!
//! Any valid stream will do for a reader, so the search for matches is our own: its table is as
//! large as the input needs, where a fixed one would cost more to clear than a short string takes
//! to compress.

/// The longest run of literals one control byte announces.
const LITERALS_MAX: usize = 32;
const MATCH_MIN: usize = 3;
const MATCH_MAX: usize = 264;
const DISTANCE_MAX: usize = 8192;
/// Three bytes of input give at most one longest match.
const RATIO_MAX: u64 = (MATCH_MAX / 3) as u64;

const TABLE_BITS_MIN: u32 = 8;
const TABLE_BITS_MAX: u32 = 15;

/// What `packed` stands for, if that is exactly `length` bytes and nothing is wrong with it.
#[must_use]
pub fn decompress(packed: &[u8], length: u64) -> Option<Vec<u8>> {
    if length > (packed.len() as u64).saturating_mul(RATIO_MAX) {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    let mut out = Vec::with_capacity(length);
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, after) = rest.split_at_checked(control + 1)?;
            if literals.len() > length - out.len() {
                return None;
            }
            out.extend_from_slice(literals);
            rest = after;
            continue;
        }
        let mut count = (control >> 5) + 2;
        if control >> 5 == 7 {
            let (&more, after) = rest.split_first()?;
            count += usize::from(more);
            rest = after;
        }
        let (&low, after) = rest.split_first()?;
        rest = after;
        let from = out.len().checked_sub(((control & 31) << 8 | usize::from(low)) + 1)?;
        if count > length - out.len() {
            return None;
        }
        // What is copied may reach into itself: then it is a period, and twice of it is one, too.
        let end = out.len() + count;
        while out.len() < end {
            let step = (end - out.len()).min(out.len() - from);
            out.extend_from_within(from..from + step);
        }
    }
    (out.len() == length).then_some(out)
}

/// Compresses one string after the other with the same table.
#[derive(Debug, Default)]
pub struct Compressor {
    /// Where a triple of bytes of this hash was last seen, plus one; 0: nowhere.
    table: Vec<u32>,
}

impl Compressor {
    /// `text` compressed, if that takes at most `bytes_max` bytes.
    pub fn compress(&mut self, text: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
        // Positions are kept in 32 bits.
        u32::try_from(text.len()).ok()?;
        let bits = text.len().max(1).ilog2().clamp(TABLE_BITS_MIN, TABLE_BITS_MAX);
        self.table.clear();
        self.table.resize(1 << bits, 0);
        let mut out = Vec::with_capacity(bytes_max);
        let (mut at, mut literals_from) = (0, 0);
        while at + MATCH_MIN <= text.len() {
            let candidate = self.see(text, at, bits);
            let count = candidate.map_or(0, |from| match_length(text, from, at));
            if count < MATCH_MIN {
                at += 1;
                continue;
            }
            put_literals(&mut out, &text[literals_from..at]);
            put_match(&mut out, at - candidate.unwrap_or(at), count);
            if out.len() > bytes_max {
                return None;
            }
            let end = at + count;
            // Two positions near its end are enough to find what follows a repeated match.
            for inside in end.saturating_sub(2).max(at + 1)..end {
                if inside + MATCH_MIN <= text.len() {
                    self.see(text, inside, bits);
                }
            }
            (at, literals_from) = (end, end);
        }
        put_literals(&mut out, &text[literals_from..]);
        (out.len() <= bytes_max).then_some(out)
    }

    /// Notes that the triple at `at` was seen there; where it was seen before, if near enough.
    fn see(&mut self, text: &[u8], at: usize, bits: u32) -> Option<usize> {
        let triple = u32::from_be_bytes([0, text[at], text[at + 1], text[at + 2]]);
        let slot = triple.wrapping_mul(0x9E37_79B1) >> (32 - bits);
        let seen = std::mem::replace(&mut self.table[slot as usize], at as u32 + 1);
        let from = (seen as usize).checked_sub(1)?;
        (at - from <= DISTANCE_MAX).then_some(from)
    }
}

fn match_length(text: &[u8], from: usize, at: usize) -> usize {
    let (old, new) = (&text[from..], &text[at..]);
    old.iter().zip(new).take(MATCH_MAX).take_while(|(old, new)| old == new).count()
}

fn put_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn put_match(out: &mut Vec<u8>, distance: usize, count: usize) {
    let (distance, count) = (distance - 1, count - 2);
    let high = (distance >> 8) as u8;
    if count < 7 {
        out.push((count as u8) << 5 | high);
    } else {
        out.extend([7 << 5 | high, (count - 7) as u8]);
    }
    out.push(distance as u8);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn streams_written_by_redis_are_read() {
        let packed = [0x01, 0x61, 0x61, 0xe0, 0x1b, 0x00, 0x01, 0x61, 0x61];
        assert_eq!(decompress(&packed, 40), Some(vec![b'a'; 40]));
        for wrong in [39, 41, u64::MAX] {
            assert_eq!(decompress(&packed, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reference_before_the_start_is_refused() {
        assert_eq!(decompress(&[0x00, b'a', 0x20, 0x01], 4), None);
        assert_eq!(decompress(&[0x00, b'a', 0x20, 0x00], 4), Some(b"aaaa".to_vec()));
    }

    #[test]
    fn what_does_not_shrink_is_left_alone() {
        let text: Vec<u8> = (0..=255).collect();
        assert_eq!(Compressor::default().compress(&text, text.len() - 4), None);
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(
            texts in vec(vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..3000), 1..4),
            repeat in 1..400_usize,
        ) {
            let mut compressor = Compressor::default();
            for text in texts {
                let text = text.repeat(repeat.min(40_000 / text.len().max(1)));
                let Some(packed) = compressor.compress(&text, text.len() * 2 + 1) else {
                    return Err(TestCaseError::fail("more than literals need"));
                };
                prop_assert_eq!(decompress(&packed, text.len() as u64), Some(text.clone()));
                if !text.is_empty() {
                    prop_assert_eq!(lzf::decompress(&packed, text.len()).ok(), Some(text));
                }
            }
        }

        #[test]
        fn foreign_bytes_do_no_harm(packed in vec(any::<u8>(), 0..200), length in 0..30_000_u64) {
            if let Some(text) = decompress(&packed, length) {
                prop_assert_eq!(text.len() as u64, length);
            }
        }
    }
}
