//! Doubles as clients write them: what C's `strtod` accepts, and nothing else.

/// Exponents are read up to this size; more is as good as infinite.
const EXPONENT_MAX: i64 = 1_000_000;

/// Reads a double as a score or an increment is given: the whole text, decimal or hexadecimal, or
/// an infinity. Refuses NaN, blanks, and finite numbers that are too large or too small for a
/// double.
#[must_use]
pub fn parse_double(text: &[u8]) -> Option<f64> {
    read_double(text).filter(|(_, in_range)| *in_range).map(|(value, _)| value)
}

/// Reads the bound of a score range, which is given more leeway: blanks may precede it, a NUL ends
/// it, nothing at all is zero, and what is out of range is infinite or zero.
#[must_use]
pub fn parse_score_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next()?;
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    read_double(&text[blanks..]).map(|(value, _)| value)
}

/// The number that is nearest, and whether it is near at all.
fn read_double(text: &[u8]) -> Option<(f64, bool)> {
    if let Some(hex) = Hex::read(text) {
        return Some(hex?.to_double());
    }
    // This accepts what `strtod` does, hexadecimal numbers excepted.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let in_range = if value == 0.0 {
        let mut digits = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        !digits.any(|byte| matches!(byte, b'1'..=b'9'))
    } else {
        value.is_finite() || !text.iter().any(u8::is_ascii_digit)
    };
    (!value.is_nan()).then_some((value, in_range))
}

/// Splits a sign off.
pub(super) fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// Reads the digits of an exponent; saturates.
pub(super) fn exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits
        .iter()
        .fold(0, |value, digit| (value * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX))
        as i32;
    Some(if negative { -size } else { size })
}

/// A hexadecimal number: `mantissa` × 2^`exponent`, and a bit more when `sticky`.
pub(super) struct Hex {
    pub negative: bool,
    pub mantissa: u128,
    pub exponent: i32,
    pub sticky: bool,
}

impl Hex {
    /// `None` when the text does not begin as one, `Some(None)` when it goes on as none.
    pub fn read(text: &[u8]) -> Option<Option<Hex>> {
        let (negative, rest) = sign(text);
        match rest {
            [b'0', b'x' | b'X', rest @ ..] => Some(Hex::read_digits(negative, rest)),
            _ => None,
        }
    }

    fn read_digits(negative: bool, text: &[u8]) -> Option<Hex> {
        let end = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
        let (digits, power) = match end {
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let mut hex = Hex { negative, mantissa: 0, exponent: power, sticky: false };
        let (mut any, mut point) = (false, false);
        for &byte in digits {
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            let digit = u128::from(char::from(byte).to_digit(16)?);
            any = true;
            let shift = if hex.mantissa >> 120 == 0 {
                hex.mantissa = hex.mantissa << 4 | digit;
                0
            } else {
                hex.sticky |= digit != 0;
                4
            };
            let places = shift - if point { 4 } else { 0 };
            hex.exponent = hex.exponent.saturating_add(places);
        }
        any.then_some(hex)
    }

    fn to_double(&self) -> (f64, bool) {
        const BITS: u32 = 53;
        const EXPONENT_LEAST: i32 = -1074;
        let (mantissa, exponent) =
            round(self.mantissa, self.exponent, self.sticky, BITS, EXPONENT_LEAST);
        let sign = u64::from(self.negative) << 63;
        if mantissa == 0 {
            return (f64::from_bits(sign), self.mantissa == 0);
        }
        if exponent > 1024 - BITS as i32 {
            return (f64::from_bits(sign | f64::INFINITY.to_bits()), false);
        }
        let bits = if mantissa >> (BITS - 1) == 0 {
            mantissa
        } else {
            let biased = (exponent - EXPONENT_LEAST + 1) as u64;
            biased << (BITS - 1) | mantissa & !(1 << (BITS - 1))
        };
        (f64::from_bits(sign | bits), true)
    }
}

/// Rounds `mantissa` × 2^`exponent` (and a bit more when `sticky`) to the nearest number with
/// `bits` bits and an exponent of at least `least`, ties to even. The top bit is set unless the
/// exponent is the least, and the exponent is not bounded above.
pub(super) fn round(
    mantissa: u128,
    exponent: i32,
    sticky: bool,
    bits: u32,
    least: i32,
) -> (u64, i32) {
    if mantissa == 0 {
        return (0, least);
    }
    let width = (128 - mantissa.leading_zeros()) as i32;
    let drop = (width - bits as i32).max(least.saturating_sub(exponent));
    if drop <= 0 {
        return ((mantissa << -drop) as u64, exponent + drop);
    }
    if drop > 128 {
        return (0, least);
    }
    let drop = drop as u32;
    let half = 1 << (drop - 1);
    let rest = mantissa & (half | (half - 1));
    let mut kept = mantissa.checked_shr(drop).unwrap_or(0);
    let mut exponent = exponent + drop as i32;
    if rest > half || rest == half && (sticky || kept & 1 == 1) {
        kept += 1;
        if kept >> bits != 0 {
            kept >>= 1;
            exponent += 1;
        }
    }
    (kept as u64, exponent)
}

#[cfg(test)]
mod tests;
