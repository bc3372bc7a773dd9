//! The 80-bit floating-point numbers that INCRBYFLOAT counts with, in software.
//!
//! A Redis server on x86-64 adds increments as x87 `long double` and prints 17 decimals; clients
//! see every digit of that, so this does the same on any machine: 64 bits of mantissa, 15 of
//! exponent, round to nearest, ties to even.

use super::big::Big;
use super::float::{Hex, exponent, round, sign};

/// Bits of the mantissa.
const BITS: u32 = 64;
/// The exponent of the last bit of the smallest numbers.
const EXPONENT_LEAST: i32 = -16_445;
/// The exponent of the last bit of the largest numbers.
const EXPONENT_MOST: i32 = 16_383 - 63;
/// Longer texts are refused.
const TEXT_MAX: usize = 5 * 1024 - 1;
/// Decimals printed, before trailing zeros are dropped.
const DECIMALS: u32 = 17;

/// A number of 80 bits: finite or infinite, never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// `mantissa` × 2^`exponent`; the mantissa's top bit is set unless the exponent is the least.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

impl LongDouble {
    /// Reads a number as an increment is given: the whole text, decimal or hexadecimal, or an
    /// infinity. Refuses NaN, blanks, and finite numbers that are too large or too small.
    ///
    /// Numbers of usual length take some tens of nanoseconds, 5,000 digits some hundred
    /// microseconds.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_MAX {
            return None;
        }
        if let Some(hex) = Hex::read(text) {
            let Hex { negative, mantissa, exponent, sticky } = hex?;
            return LongDouble::rounded(negative, mantissa, exponent, sticky)
                .in_range(mantissa != 0);
        }
        let (negative, rest) = sign(text);
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { negative, size: Size::Infinite });
        }
        let decimal = Decimal::read(rest)?;
        let (mantissa, exponent, sticky) = decimal.to_binary();
        LongDouble::rounded(negative, mantissa, exponent, sticky)
            .in_range(!decimal.digits.is_empty())
    }

    #[must_use]
    pub fn is_infinite(self) -> bool {
        self.size == Size::Infinite
    }

    /// The sum; `None` when it would be infinite or not a number.
    #[must_use]
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let (Some(one), Some(two)) = (self.parts(), other.parts()) else {
            return None;
        };
        let (high, low) = if (one.2, one.1) >= (two.2, two.1) { (one, two) } else { (two, one) };
        // Both to the exponent of `high`'s last bit − 63; what `low` loses only matters as a trace.
        let gap = (high.2 - low.2) as u32;
        let (shifted, lost) = match gap {
            0..64 => (u128::from(low.1) << (63 - gap), false),
            64..127 => {
                let drop = gap - 63;
                let kept = u128::from(low.1.checked_shr(drop).unwrap_or(0));
                (kept, low.1.trailing_zeros() < drop)
            }
            _ => (0, low.1 != 0),
        };
        let (shifted, base) = (shifted | u128::from(lost), u128::from(high.1) << 63);
        let sum = if high.0 == low.0 { base + shifted } else { base - shifted };
        let sum = LongDouble::rounded(high.0, sum, high.2 - 63, false);
        (!sum.is_infinite()).then_some(sum)
    }

    /// The number with up to 17 decimals, never in scientific notation.
    #[must_use]
    pub fn render(self) -> Vec<u8> {
        let Some((negative, mantissa, exponent)) = self.parts() else {
            return if self.negative { b"-inf".to_vec() } else { b"inf".to_vec() };
        };
        let mut text = Vec::with_capacity(24);
        if negative {
            text.push(b'-');
        }
        if exponent >= 0 {
            let whole = Big::from(u128::from(mantissa)).shifted_left(exponent as u32);
            whole.print(&mut text);
            return text;
        }
        let one = 10u128.pow(DECIMALS);
        let scaled = round_shift(u128::from(mantissa) * one, exponent.unsigned_abs());
        if scaled == 0 {
            return b"0".to_vec();
        }
        text.extend_from_slice(itoa::Buffer::new().format(scaled / one).as_bytes());
        let decimals = format!(".{:017}", scaled % one);
        text.extend_from_slice(decimals.trim_end_matches('0').trim_end_matches('.').as_bytes());
        text
    }

    /// Sign, mantissa and exponent of a finite number.
    fn parts(self) -> Option<(bool, u64, i32)> {
        match self.size {
            Size::Finite { mantissa, exponent } => Some((self.negative, mantissa, exponent)),
            Size::Infinite => None,
        }
    }

    fn rounded(negative: bool, mantissa: u128, exponent: i32, sticky: bool) -> LongDouble {
        let (mantissa, exponent) = round(mantissa, exponent, sticky, BITS, EXPONENT_LEAST);
        let size = if exponent > EXPONENT_MOST {
            Size::Infinite
        } else {
            Size::Finite { mantissa, exponent }
        };
        LongDouble { negative, size }
    }

    /// Refuses what a finite text overflowed or, not being zero, underflowed to.
    fn in_range(self, is_nonzero: bool) -> Option<LongDouble> {
        let (_, mantissa, _) = self.parts()?;
        (mantissa != 0 || !is_nonzero).then_some(self)
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> LongDouble {
        LongDouble::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }
}

/// `value` / 2^`shift` to the nearest integer, ties to even.
fn round_shift(value: u128, shift: u32) -> u128 {
    if shift > 127 {
        return 0;
    }
    let (kept, half) = (value >> shift, 1 << (shift - 1));
    let rest = value & (half | (half - 1));
    kept + u128::from(rest > half || rest == half && kept & 1 == 1)
}

/// `digits` × 10^`power`, without zeros at either end of the digits.
struct Decimal {
    digits: Vec<u8>,
    power: i32,
}

impl Decimal {
    fn read(text: &[u8]) -> Option<Decimal> {
        let end = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (number, power) = match end {
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let point = number.iter().position(|&byte| byte == b'.');
        let (whole, decimals) = match point {
            Some(at) => (&number[..at], &number[at + 1..]),
            None => (number, &[][..]),
        };
        let mut digits = [whole, decimals].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        let power = power - decimals.len() as i32 + (digits.len() - kept) as i32;
        digits.truncate(kept);
        Some(Decimal { digits, power })
    }

    /// At least 66 bits of the number, their exponent, and whether more bits follow.
    fn to_binary(&self) -> (u128, i32, bool) {
        let magnitude = self.power.saturating_add(self.digits.len() as i32);
        match magnitude {
            _ if self.digits.is_empty() => return (0, 0, false),
            4_940.. => return (1, EXPONENT_MOST + 64, false),
            ..-4_960 => return (0, 0, true),
            _ => {}
        }
        if self.digits.len() <= 19 && (-18..=18).contains(&self.power) {
            let digits = self.digits.iter().fold(0, |n, d| n * 10 + u128::from(d - b'0'));
            let scale = 10u128.pow(self.power.unsigned_abs());
            if self.power >= 0 {
                return (digits * scale, 0, false); // below 2^64 × 2^60
            }
            let shift = digits.leading_zeros();
            let digits = digits << shift;
            return (digits / scale, -(shift as i32), digits % scale != 0);
        }
        let mut number = Big::from_digits(&self.digits);
        let scale = Big::power_of_ten(self.power.unsigned_abs());
        if self.power >= 0 {
            number = number.times(&scale);
            return number.top_bits();
        }
        number.divided_by(scale)
    }
}

#[cfg(test)]
mod tests;
