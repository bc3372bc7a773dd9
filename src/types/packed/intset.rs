//! Redis' intset: distinct integers in ascending order, all of the width that the widest needs.
//!
//! In memory the pack's length stands where a dump has the count:
//!
//! ```text
//! memory  4 bytes LE total | 4 bytes LE width | integers of 2, 4 or 8 bytes LE
//! dump    4 bytes LE width | 4 bytes LE count | the same integers
//! ```

use super::{Form, Malformed, Pack};

const HEADER: usize = 8;
/// Redis refuses to let an intset grow further.
pub const MAX_COUNT: usize = 1 << 30;

/// A read-only view of an intset.
#[derive(Clone, Copy, Debug)]
pub struct Intset<'a> {
    width: usize,
    integers: &'a [u8],
}

impl<'a> Intset<'a> {
    #[inline]
    #[must_use]
    pub fn of(pack: &'a Pack) -> Intset<'a> {
        let (header, integers) = pack.bytes().split_at(HEADER);
        Intset { width: usize::from(header[4]), integers }
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.integers.len() / self.width
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.integers.is_empty()
    }

    /// The integer of that rank.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i64> {
        let start = index.checked_mul(self.width)?;
        let bytes = self.integers.get(start..start + self.width)?;
        Some(match self.width {
            2 => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            4 => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            _ => i64::from_le_bytes(*bytes.first_chunk()?),
        })
    }

    /// The integer's rank, or the rank it would have.
    ///
    /// # Errors
    /// The rank it would have, if it is not there.
    pub fn find(&self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let here = self.get(middle).expect("a rank below the count");
            match here.cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { set: *self, at: 0 }
    }

    /// The bytes of a dump.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        let count = u32::try_from(self.len()).expect("an intset's count is bounded");
        let mut bytes = Vec::with_capacity(HEADER + self.integers.len());
        bytes.extend([self.width as u8, 0, 0, 0]);
        bytes.extend(count.to_le_bytes());
        bytes.extend_from_slice(self.integers);
        bytes
    }

    /// Asserts that the integers ascend and have a width that intsets know.
    pub fn check(&self) {
        assert!([2, 4, 8].contains(&self.width), "width {}", self.width);
        assert_eq!(self.integers.len() % self.width, 0);
        assert!(self.iter().is_sorted_by(|one, next| one < next), "an intset ascends");
    }
}

/// The integers in ascending order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    set: Intset<'a>,
    at: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let value = self.set.get(self.at)?;
        self.at += 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.set.len() - self.at;
        (left, Some(left))
    }
}

/// The set of one integer.
#[must_use]
pub fn single(value: i64) -> Pack {
    let mut pack = Pack::from_bytes(Form::Intset, &[0, 0, 0, 0, width_of(value) as u8, 0, 0, 0]);
    insert(&mut pack, value);
    pack
}

/// Adds the integer; false if it was there. The caller bounds the count.
pub fn insert(pack: &mut Pack, value: i64) -> bool {
    let set = Intset::of(pack);
    let Err(rank) = set.find(value) else { return false };
    if width_of(value) > set.width {
        widen(pack, width_of(value));
    }
    let width = Intset::of(pack).width;
    pack.splice(HEADER + rank * width, 0, &[&value.to_le_bytes()[..width]]);
    true
}

/// Removes the integer; false if it was not there.
pub fn remove(pack: &mut Pack, value: i64) -> bool {
    let set = Intset::of(pack);
    let Ok(rank) = set.find(value) else { return false };
    let width = set.width;
    pack.splice(HEADER + rank * width, width, &[]);
    true
}

/// Checks a dump completely.
///
/// # Errors
/// If the size, the width or the order is not as an intset's writer would have left it.
pub fn parse(dump: &[u8]) -> Result<Pack, Malformed> {
    let (header, integers) = dump.split_at_checked(HEADER).ok_or(Malformed)?;
    let field = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte])) as usize;
    let (width, count) = (field(0), field(4));
    if ![2, 4, 8].contains(&width) || count == 0 || count > MAX_COUNT {
        return Err(Malformed);
    }
    if integers.len() != width * count {
        return Err(Malformed);
    }
    let set = Intset { width, integers };
    if !set.iter().is_sorted_by(|one, next| one < next) {
        return Err(Malformed);
    }
    let mut pack = Pack::from_bytes(Form::Intset, &[0, 0, 0, 0, width as u8, 0, 0, 0]);
    pack.splice(HEADER, 0, &[integers]);
    Ok(pack)
}

fn width_of(value: i64) -> usize {
    match value {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

fn widen(pack: &mut Pack, width: usize) {
    let set = Intset::of(pack);
    let mut integers = Vec::with_capacity(set.len() * width);
    set.iter().for_each(|value| integers.extend_from_slice(&value.to_le_bytes()[..width]));
    let old = pack.total() - HEADER;
    pack.splice(4, 4 + old, &[&[width as u8, 0, 0, 0], &integers]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -40..40_i64,
            1 => prop::sample::select(vec![-32769, -32768, 32767, 32768, 40_000]),
            1 => prop::sample::select(vec![i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1]),
            1 => any::<i64>(),
        ]
    }

    #[test]
    fn a_dump_has_the_bytes_of_redis() {
        let mut pack = single(300);
        assert_eq!([1, 2, -5].map(|value| insert(&mut pack, value)), [true; 3]);
        let dump = b"\x02\0\0\0\x04\0\0\0\xfb\xff\x01\0\x02\0\x2c\x01";
        assert_eq!(Intset::of(&pack).dump(), dump);
    }

    #[test]
    fn a_malformed_dump_is_refused() {
        let good = b"\x02\0\0\0\x02\0\0\0\x01\0\x02\0";
        assert!(parse(good).is_ok());
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "cut to {len}");
        }
        for (at, byte) in [(0, 3), (0, 0), (4, 1), (4, 0), (7, 0xff), (8, 2), (8, 3)] {
            let mut bad = *good;
            bad[at] = byte;
            assert!(parse(&bad).is_err(), "byte {at} = {byte}");
        }
    }

    proptest! {
        #[test]
        fn an_intset_agrees_with_a_set(ops in vec((number(), prop::bool::weighted(0.7)), 1..80)) {
            let mut pack = single(ops[0].0);
            let mut model = BTreeSet::from([ops[0].0]);
            for (value, add) in ops {
                if add {
                    prop_assert_eq!(insert(&mut pack, value), model.insert(value));
                } else {
                    prop_assert_eq!(remove(&mut pack, value), model.remove(&value));
                }
                let set = Intset::of(&pack);
                set.check();
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(pack.form(), Form::Intset);
            }
            if !model.is_empty() {
                let copy = parse(&Intset::of(&pack).dump()).expect("well formed");
                prop_assert_eq!(copy.bytes(), pack.bytes());
            }
        }
    }
}
