//! Integers of any width at any bit of a string: what BITFIELD reads and writes.

/// The type of one field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    signed: bool,
    bits: u8,
}

impl Width {
    /// Reads a type: `i` or `u`, small, and a number without leading zeros.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Width> {
        let (signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits = crate::base::number::parse_i64(digits)?;
        let max = if signed { 64 } else { 63 };
        (1..=max).contains(&bits).then_some(Width { signed, bits: bits as u8 })
    }

    #[must_use]
    pub fn bits(self) -> usize {
        usize::from(self.bits)
    }

    fn min(self) -> i128 {
        if self.signed { -(1 << (self.bits - 1)) } else { 0 }
    }

    fn max(self) -> i128 {
        (1 << (self.bits - u8::from(self.signed))) - 1
    }

    /// Whether 64 bits cannot say how far `value` is below the largest. Redis then takes it for too
    /// large, and saturates upwards.
    fn is_out_of_reach(self, value: i64) -> bool {
        self.signed && self.bits < 64 && self.max() - i128::from(value) > i128::from(i64::MAX)
    }

    /// What is left of `value` in this many bits.
    fn wrap(self, value: i128) -> i64 {
        let unused = 128 - u32::from(self.bits);
        let shifted = value << unused;
        // Sign-extended or not by the kind of shift; either way it fits: u64 is no type.
        let wrapped =
            if self.signed { shifted >> unused } else { ((shifted as u128) >> unused) as i128 };
        wrapped as i64
    }
}

/// What becomes of a value that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    #[default]
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    /// What is stored for `value`; `None` to store nothing.
    fn settle(self, value: i128, width: Width) -> Option<i64> {
        if (width.min()..=width.max()).contains(&value) {
            return Some(value as i64);
        }
        match self {
            Overflow::Wrap => Some(width.wrap(value)),
            Overflow::Saturate => Some(value.clamp(width.min(), width.max()) as i64),
            Overflow::Fail => None,
        }
    }
}

/// One operation on a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

/// An action and the field it is about.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub width: Width,
    /// The field's first bit.
    pub offset: usize,
    pub action: Action,
}

impl Step {
    /// The bytes a string must have to hold the field.
    #[must_use]
    pub fn bytes_needed(&self) -> usize {
        (self.offset + self.width.bits()).div_ceil(8)
    }

    #[must_use]
    pub fn writes(&self) -> bool {
        self.action != Action::Get
    }

    /// The field's value; bits behind the end are clear.
    #[must_use]
    pub fn read(&self, bytes: &[u8]) -> i64 {
        let (_, window, shift) = self.window(bytes);
        self.width.wrap((window >> shift) as i128)
    }

    /// Performs the action: its reply, or `None` when the value did not fit, and whether the field
    /// has another value now.
    ///
    /// # Panics
    /// If it writes and `bytes` do not hold the field.
    pub fn run(&self, bytes: &mut [u8]) -> (Option<i64>, bool) {
        let old = self.read(bytes);
        let (reply, stored) = match self.next(old) {
            Some(next) => next,
            None => return (None, false),
        };
        if stored != old {
            self.write(bytes, stored);
        }
        (Some(reply), stored != old)
    }

    /// The reply and the new value; `None` when it does not fit.
    fn next(&self, old: i64) -> Option<(i64, i64)> {
        Some(match self.action {
            Action::Get => (old, old),
            Action::Set(value, Overflow::Saturate) if self.width.is_out_of_reach(value) => {
                (old, self.width.max() as i64)
            }
            Action::Set(value, overflow) => {
                // A negative number for an unsigned field is the large one of the same bits.
                let value = if self.width.signed { value.into() } else { i128::from(value as u64) };
                (old, overflow.settle(value, self.width)?)
            }
            Action::Increment(by, overflow) => {
                let sum = overflow.settle(i128::from(old) + i128::from(by), self.width)?;
                (sum, sum)
            }
        })
    }

    fn write(&self, bytes: &mut [u8], value: i64) {
        let (first, window, shift) = self.window(bytes);
        let mask = (u128::MAX >> (128 - self.width.bits())) << shift;
        let changed = (window & !mask) | (((value as u64 as u128) << shift) & mask);
        let target = &mut bytes[first..self.bytes_needed()];
        target.copy_from_slice(&changed.to_be_bytes()[..target.len()]);
    }

    /// The field's first byte, the sixteen bytes from there on, and how far its last bit is from
    /// theirs.
    fn window(&self, bytes: &[u8]) -> (usize, u128, usize) {
        let first = self.offset / 8;
        let mut window = [0; 16];
        if let Some(from) = bytes.get(first..) {
            let len = from.len().min(16);
            window[..len].copy_from_slice(&from[..len]);
        }
        let shift = 128 - self.offset % 8 - self.width.bits();
        (first, u128::from_be_bytes(window), shift)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::commands::bitmap::bits;

    fn step(width: &str, offset: usize, action: Action) -> Step {
        Step { width: Width::parse(width.as_bytes()).expect("a type"), offset, action }
    }

    #[test]
    fn types_are_read_strictly() {
        for bad in ["", "i", "u64", "i65", "u0", "i0", "u-1", "u+8", "u08", "U8", "x8", "i 8"] {
            assert_eq!(Width::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Width::parse(b"i64"), Some(Width { signed: true, bits: 64 }));
        assert_eq!(Width::parse(b"u63"), Some(Width { signed: false, bits: 63 }));
    }

    #[test]
    fn each_way_out_of_an_overflow() {
        for (width, old, by, wrapped, saturated) in [
            ("u2", 3, 1, 0, 3),
            ("u2", 0, -1, 3, 0),
            ("i2", 1, 1, -2, 1),
            ("i2", -2, -1, 1, -2),
            ("i64", i64::MAX, 1, i64::MIN, i64::MAX),
            ("i64", i64::MIN, -1, i64::MAX, i64::MIN),
            ("u63", i64::MAX, 1, 0, i64::MAX),
        ] {
            let expected = [
                (Overflow::Wrap, Some(wrapped)),
                (Overflow::Saturate, Some(saturated)),
                (Overflow::Fail, None),
            ];
            for (overflow, expected) in expected {
                let mut bytes = [0; 12];
                step(width, 5, Action::Set(old, Overflow::Wrap)).run(&mut bytes);
                let increment = step(width, 5, Action::Increment(by, overflow));
                assert_eq!(
                    increment.run(&mut bytes).0,
                    expected,
                    "{width} {old} {by} {overflow:?}"
                );
                assert_eq!(increment.read(&bytes), expected.unwrap_or(old));
            }
        }
    }

    #[test]
    fn a_negative_number_overflows_an_unsigned_field_upwards() {
        for (overflow, stored) in
            [(Overflow::Wrap, 255), (Overflow::Saturate, 255), (Overflow::Fail, 7)]
        {
            let mut bytes = [7];
            let set = step("u8", 0, Action::Set(-1, overflow));
            let expected = (overflow != Overflow::Fail).then_some(7);
            assert_eq!(set.run(&mut bytes).0, expected);
            assert!(!set.run(&mut bytes).1, "the same again changes nothing");
            assert_eq!(bytes, [stored]);
        }
    }

    #[test]
    fn the_least_number_of_all_saturates_upwards() {
        let mut bytes = [0];
        for (value, stored) in [(i64::MIN, 0x7F), (i64::MIN + 127, 0x7F), (i64::MIN + 128, 0x80)] {
            step("i8", 0, Action::Set(value, Overflow::Saturate)).run(&mut bytes);
            assert_eq!(bytes, [stored], "{value}");
            step("i8", 0, Action::Set(value, Overflow::Wrap)).run(&mut bytes);
            assert_eq!(bytes, [value as u8], "{value}");
        }
    }

    #[test]
    fn reading_needs_no_bytes_and_knows_the_sign() {
        assert_eq!(step("i64", 1 << 32, Action::Get).read(b"abc"), 0);
        assert_eq!(step("i4", 6, Action::Get).read(&[0x02]), -8);
        assert_eq!(step("u4", 6, Action::Get).read(&[0x02]), 8);
    }

    proptest! {
        #[test]
        fn a_field_is_its_bits_and_nothing_else(
            bytes in vec(any::<u8>(), 30..40), width in 1..=64u8, signed: bool,
            offset in 0..150usize, value: i64,
        ) {
            let bits = if signed { width } else { width.min(63) };
            let width = Width { signed, bits };
            let set = Step { width, offset, action: Action::Set(value, Overflow::Wrap) };
            let mut changed = bytes.clone();
            let (reply, is_changed) = set.run(&mut changed);
            prop_assert_eq!(reply, Some(set.read(&bytes)));
            prop_assert_eq!(is_changed, changed != bytes);
            for at in 0..bytes.len() * 8 {
                let within = (offset..offset + width.bits()).contains(&at);
                let place = (offset + width.bits()).wrapping_sub(at + 1);
                let expected =
                    if within { value >> place & 1 == 1 } else { bits::get(&bytes, at) };
                prop_assert_eq!(bits::get(&changed, at), expected, "bit {}", at);
            }
        }
    }
}
