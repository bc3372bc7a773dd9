//! Natural numbers of any size, as far as reading and printing of long doubles needs them.

use std::cmp::Ordering;

/// Digits that a limb has room for, and their weight.
const CHUNK_DIGITS: usize = 9;
const CHUNK: u64 = 1_000_000_000;
/// Bits of a quotient.
const QUOTIENT_BITS: i32 = 67;

/// Little-endian limbs; the last one is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

impl From<u128> for Big {
    fn from(mut value: u128) -> Big {
        let mut limbs = Vec::new();
        while value > 0 {
            limbs.push(value as u32);
            value >>= 32;
        }
        Big(limbs)
    }
}

impl Big {
    /// Reads ASCII digits.
    pub fn from_digits(digits: &[u8]) -> Big {
        let mut big = Big(Vec::with_capacity(digits.len() / 9 + 1));
        for chunk in digits.chunks(CHUNK_DIGITS) {
            let value = chunk.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
            big.times_small(10u32.pow(chunk.len() as u32), value);
        }
        big
    }

    pub fn power_of_ten(power: u32) -> Big {
        let mut big = Big(vec![1]);
        for _ in 0..power / CHUNK_DIGITS as u32 {
            big.times_small(CHUNK as u32, 0);
        }
        big.times_small(10u32.pow(power % CHUNK_DIGITS as u32), 0);
        big
    }

    pub fn times(&self, other: &Big) -> Big {
        let mut limbs = vec![0u32; self.0.len() + other.0.len()];
        for (at, &one) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (limb, &two) in limbs[at..].iter_mut().zip(&other.0) {
                let sum = u64::from(one) * u64::from(two) + u64::from(*limb) + carry;
                *limb = sum as u32;
                carry = sum >> 32;
            }
            limbs[at + other.0.len()] = carry as u32;
        }
        Big::trimmed(limbs)
    }

    pub fn shifted_left(mut self, bits: u32) -> Big {
        let (limbs, bits) = ((bits / 32) as usize, bits % 32);
        if bits > 0 {
            self.times_small(1 << bits, 0);
        }
        if !self.0.is_empty() {
            self.0.splice(0..0, std::iter::repeat_n(0, limbs));
        }
        self
    }

    /// Up to 128 leading bits, their exponent, and whether a bit below them is set.
    pub fn top_bits(&self) -> (u128, i32, bool) {
        let skipped = self.0.len().saturating_sub(4);
        let top = self.0[skipped..].iter().rev().fold(0, |top, &limb| top << 32 | u128::from(limb));
        (top, skipped as i32 * 32, self.0[..skipped].iter().any(|&limb| limb != 0))
    }

    /// The quotient's leading bits, at least 66 of them, their exponent, and whether it goes on.
    pub fn divided_by(self, divisor: Big) -> (u128, i32, bool) {
        let shift = divisor.width() - self.width();
        let (mut rest, divisor) = if shift >= 0 {
            (self.shifted_left(shift as u32), divisor)
        } else {
            (self, divisor.shifted_left(shift.unsigned_abs()))
        };
        let mut quotient = 0u128;
        for _ in 0..QUOTIENT_BITS {
            quotient <<= 1;
            if rest.compare(&divisor) != Ordering::Less {
                rest.subtract(&divisor);
                quotient |= 1;
            }
            rest.times_small(2, 0);
        }
        (quotient, 1 - QUOTIENT_BITS - shift, !rest.0.is_empty())
    }

    /// Appends the decimal digits.
    pub fn print(mut self, out: &mut Vec<u8>) {
        let mut chunks = Vec::new();
        while !self.0.is_empty() {
            chunks.push(self.divide_small(CHUNK));
        }
        let first = chunks.pop().unwrap_or(0);
        out.extend_from_slice(itoa::Buffer::new().format(first).as_bytes());
        for chunk in chunks.iter().rev() {
            out.extend_from_slice(format!("{chunk:09}").as_bytes());
        }
    }

    fn trimmed(mut limbs: Vec<u32>) -> Big {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Big(limbs)
    }

    /// The number of bits.
    fn width(&self) -> i32 {
        self.0.last().map_or(0, |top| self.0.len() as i32 * 32 - top.leading_zeros() as i32)
    }

    fn times_small(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divides in place and returns the remainder.
    fn divide_small(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / divisor) as u32;
            rest = value % divisor;
        }
        *self = Big::trimmed(std::mem::take(&mut self.0));
        rest
    }

    fn compare(&self, other: &Big) -> Ordering {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts something that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = false;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let (less, one) = limb.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, two) = less.overflowing_sub(u32::from(borrow));
            *limb = less;
            borrow = one || two;
        }
        *self = Big::trimmed(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(big: Big) -> String {
        let mut text = Vec::new();
        big.print(&mut text);
        text.escape_ascii().to_string()
    }

    #[test]
    fn powers_of_ten_are_printed_in_full() {
        for power in [0, 1, 8, 9, 10, 100, 4950] {
            assert_eq!(
                printed(Big::power_of_ten(power)),
                format!("1{}", "0".repeat(power as usize))
            );
        }
        assert_eq!(printed(Big::from(0)), "0");
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_the_machine_s(one: u64, two in 1..u64::MAX, shift in 0..64u32) {
            let (a, b) = (Big::from(u128::from(one)), Big::from(u128::from(two)));
            let product = u128::from(one) * u128::from(two);
            prop_assert_eq!(&a.times(&b), &Big::from(product));
            prop_assert_eq!(printed(a.times(&b)), product.to_string());
            prop_assert_eq!(&Big::from_digits(product.to_string().as_bytes()), &Big::from(product));
            prop_assert_eq!(a.clone().shifted_left(shift), Big::from(u128::from(one) << shift));
            prop_assert_eq!(Big::from(product).top_bits(), (product, 0, false));
            if one > 0 {
                // quotient × divisor = dividend, but for what a truncated quotient leaves out
                let (quotient, exponent, more) = a.clone().divided_by(b.clone());
                prop_assert!(quotient >> 65 != 0);
                let down = Big::from(quotient).times(&b);
                let up = Big::from(quotient + 1).times(&b);
                let dividend = a.shifted_left(exponent.unsigned_abs());
                prop_assert!(exponent <= 0);
                prop_assert!(down.compare(&dividend) != Ordering::Greater);
                prop_assert!(up.compare(&dividend) == Ordering::Greater);
                prop_assert_eq!(down.compare(&dividend) == Ordering::Less, more);
            }
        }
    }
}
