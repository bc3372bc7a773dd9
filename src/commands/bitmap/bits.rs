//! Algorithms over the bits of a string: bit 0 is the highest bit of the first byte.
//!
//! All of them go word by word. Ranges are half-open, in bits, and lie within the string.

use std::ops::Range;

/// How many bits of `bytes` are set.
#[must_use]
pub fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    // Sixteen words at a time cost one population count: without an instruction for it that is what
    // takes the time.
    let (blocks, single) = words.as_chunks::<16>();
    let (mut ones, mut twos, mut fours, mut eights) = (0, 0, 0, 0);
    let mut sixteens_set: u64 = 0;
    for block in blocks {
        let word = |index: usize| u64::from_ne_bytes(block[index]);
        let mut eights_of = [0; 2];
        for (half, carry_out) in eights_of.iter_mut().enumerate() {
            let at = half * 8;
            let (two_a, two_b);
            (ones, two_a) = carry_save(ones, word(at), word(at + 1));
            (ones, two_b) = carry_save(ones, word(at + 2), word(at + 3));
            let four_a;
            (twos, four_a) = carry_save(twos, two_a, two_b);
            let (two_a, two_b);
            (ones, two_a) = carry_save(ones, word(at + 4), word(at + 5));
            (ones, two_b) = carry_save(ones, word(at + 6), word(at + 7));
            let four_b;
            (twos, four_b) = carry_save(twos, two_a, two_b);
            (fours, *carry_out) = carry_save(fours, four_a, four_b);
        }
        let sixteen;
        (eights, sixteen) = carry_save(eights, eights_of[0], eights_of[1]);
        sixteens_set += u64::from(sixteen.count_ones());
    }
    let weighed = [(ones, 1), (twos, 2), (fours, 4), (eights, 8)];
    let weighed: u64 = weighed.iter().map(|(set, n)| u64::from(u64::count_ones(*set)) * n).sum();
    let single: u64 =
        single.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    sixteens_set * 16 + weighed + single + rest
}

/// Adds three bits in each place: their sums and their carries.
#[inline]
fn carry_save(a: u64, b: u64, c: u64) -> (u64, u64) {
    let odd = a ^ b;
    (odd ^ c, (a & b) | (odd & c))
}

/// How many bits are set within `range`.
#[must_use]
pub fn count_in(bytes: &[u8], range: Range<usize>) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let outside = |byte: usize, mask: u8| u64::from((bytes[byte] & mask).count_ones());
    let whole = range.start / 8..(range.end - 1) / 8 + 1;
    let before = outside(whole.start, !(0xFF >> (range.start % 8)));
    let after = outside(whole.end - 1, 0xFF >> ((range.end - 1) % 8) >> 1);
    count(&bytes[whole]) - before - after
}

/// The first bit within `range` that is `bit`.
#[must_use]
pub fn find_in(bytes: &[u8], range: Range<usize>, bit: bool) -> Option<usize> {
    if range.is_empty() {
        return None;
    }
    // Flipped where needed, so that a set bit is looked for.
    let flip = if bit { 0 } else { 0xFF };
    let first_byte = range.start / 8;
    let first = (bytes[first_byte] ^ flip) & (0xFF >> (range.start % 8));
    let found = if first != 0 {
        first_byte * 8 + first.leading_zeros() as usize
    } else {
        let from = first_byte + 1;
        let last_byte = (range.end - 1) / 8;
        from * 8 + find_set(bytes.get(from..=last_byte)?, flip)?
    };
    (found < range.end).then_some(found)
}

/// The first set bit of `bytes`, each of them flipped by `flip`.
fn find_set(bytes: &[u8], flip: u8) -> Option<usize> {
    let flip_word = u64::from_ne_bytes([flip; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let (blocks, _) = words.as_chunks::<8>();
    // Whole cache lines without any are the common case of a long search.
    let none =
        |block: &&[[u8; 8]; 8]| block.iter().all(|word| u64::from_ne_bytes(*word) == flip_word);
    let skipped = blocks.iter().take_while(none).count() * 8;
    for (index, word) in words.iter().enumerate().skip(skipped) {
        let word = u64::from_be_bytes(*word) ^ flip_word;
        if word != 0 {
            return Some(index * 64 + word.leading_zeros() as usize);
        }
    }
    let (index, byte) = rest.iter().enumerate().find(|(_, byte)| **byte != flip)?;
    Some((words.len() * 8 + index) * 8 + (byte ^ flip).leading_zeros() as usize)
}

/// Bit number `offset`; those behind the end are clear.
#[inline]
#[must_use]
pub fn get(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset / 8).is_some_and(|byte| byte & (0x80 >> (offset % 8)) != 0)
}

/// Sets or clears bit number `offset` and returns what it was.
///
/// # Panics
/// If it lies behind the end.
#[inline]
pub fn set(bytes: &mut [u8], offset: usize, bit: bool) -> bool {
    let (byte, mask) = (&mut bytes[offset / 8], 0x80 >> (offset % 8));
    let was = *byte & mask != 0;
    *byte = if bit { *byte | mask } else { *byte & !mask };
    was
}

/// How BITOP joins strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    And,
    Or,
    Xor,
}

/// Joins `source` into `target`; both are taken to go on with clear bits behind their ends.
///
/// # Panics
/// If `source` is longer.
pub fn join(target: &mut [u8], source: &[u8], how: Join) {
    let (shared, tail) = target.split_at_mut(source.len());
    let pairs = shared.iter_mut().zip(source);
    match how {
        Join::And => {
            pairs.for_each(|(byte, other)| *byte &= other);
            tail.fill(0);
        }
        Join::Or => pairs.for_each(|(byte, other)| *byte |= other),
        Join::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Long runs of equal bytes, and some noise: what makes the word-wise paths take every turn.
    fn strings() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0u8), Just(0xFF), any::<u8>()], 0..200usize);
        vec(run, 0..6).prop_map(|runs| {
            runs.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect()
        })
    }

    fn range_of(bytes: &[u8], a: usize, b: usize) -> Range<usize> {
        let bits = bytes.len() * 8 + 1;
        let (a, b) = (a % bits, b % bits);
        a.min(b)..a.max(b)
    }

    proptest! {
        #[test]
        fn counting_agrees_with_looking_at_each_bit(
            bytes in strings(), a in any::<usize>(), b in any::<usize>(),
        ) {
            let range = range_of(&bytes, a, b);
            let expected = range.clone().filter(|&bit| get(&bytes, bit)).count() as u64;
            prop_assert_eq!(count_in(&bytes, range), expected);
            let all = (0..bytes.len() * 8).filter(|&bit| get(&bytes, bit)).count() as u64;
            prop_assert_eq!(count(&bytes), all);
        }

        #[test]
        fn finding_agrees_with_looking_at_each_bit(
            bytes in strings(), a in any::<usize>(), b in any::<usize>(), bit in any::<bool>(),
        ) {
            let range = range_of(&bytes, a, b);
            let expected = range.clone().find(|&at| get(&bytes, at) == bit);
            prop_assert_eq!(find_in(&bytes, range, bit), expected);
        }

        #[test]
        fn joining_agrees_with_joining_each_bit(a in strings(), b in strings()) {
            let bits = a.len().max(b.len()) * 8;
            let join_bits = |how: Join, at: usize| match how {
                Join::And => get(&a, at) & get(&b, at),
                Join::Or => get(&a, at) | get(&b, at),
                Join::Xor => get(&a, at) ^ get(&b, at),
            };
            for how in [Join::And, Join::Or, Join::Xor] {
                let mut joined = a.clone();
                joined.resize(bits / 8, 0);
                join(&mut joined, &b, how);
                for at in 0..bits {
                    prop_assert_eq!(get(&joined, at), join_bits(how, at));
                }
            }
        }

        #[test]
        fn setting_changes_that_bit_alone(bytes in strings(), at in any::<usize>(), bit: bool) {
            prop_assume!(!bytes.is_empty());
            let at = at % (bytes.len() * 8);
            let mut changed = bytes.clone();
            prop_assert_eq!(set(&mut changed, at, bit), get(&bytes, at));
            for other in 0..bytes.len() * 8 {
                let expected = if other == at { bit } else { get(&bytes, other) };
                prop_assert_eq!(get(&changed, other), expected);
            }
        }
    }

    #[test]
    fn bits_behind_the_end_are_clear() {
        assert!(!get(&[], 0) && !get(&[0xFF], 8) && get(&[0xFF], 7));
        assert_eq!(count_in(&[], 0..0), 0);
        assert_eq!(find_in(&[], 0..0, false), None);
    }
}
