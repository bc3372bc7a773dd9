//! Numbers as Redis reads and prints them.

use std::io::Write;
use std::ops::Deref;

/// Reads a signed integer the way Redis does: optional `-`, no leading zeros, no blanks, no `+`.
#[inline]
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut value: u64 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit); // 19 digits stay below 2^64
    }
    if negative {
        (value <= i64::MIN.unsigned_abs()).then(|| (value as i64).wrapping_neg())
    } else {
        i64::try_from(value).ok()
    }
}

/// The integer in one to eight little-endian bytes, of which the last has the sign.
#[inline]
#[must_use]
pub fn signed_le(bytes: &[u8]) -> i64 {
    let is_negative = bytes[bytes.len() - 1] & 0x80 != 0;
    let mut extended = [if is_negative { 0xff } else { 0 }; 8];
    extended[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(extended)
}

/// Significant digits of a printed double: enough to tell any two apart.
const DOUBLE_DIGITS: usize = 17;

/// A printed double, on the stack.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; 32],
    len: u8,
}

impl DoubleText {
    fn of(text: &[u8]) -> DoubleText {
        let mut bytes = [0; 32];
        bytes[..text.len()].copy_from_slice(text);
        DoubleText { bytes, len: text.len() as u8 }
    }

    /// An integer in full, however large.
    #[must_use]
    pub fn of_int(value: i64) -> DoubleText {
        DoubleText::of(itoa::Buffer::new().format(value).as_bytes())
    }

    fn push(&mut self, text: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + text.len()].copy_from_slice(text);
        self.len += text.len() as u8;
    }
}

impl Deref for DoubleText {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Prints a double as C's `%.17g` does: a score, a distance, a timestamp.
#[must_use]
pub fn format_double(value: f64) -> DoubleText {
    if value.is_nan() {
        return DoubleText::of(b"nan");
    }
    if value.is_infinite() {
        return DoubleText::of(if value > 0.0 { b"inf" } else { b"-inf" });
    }
    // Integers this small are printed in full; the comparison leaves -0 to the slow path.
    if value.abs() < 1e17 && (value as i64 as f64).to_bits() == value.to_bits() {
        return DoubleText::of(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    let mut scientific = [0; 32];
    let mut unused = &mut scientific[..];
    write!(unused, "{value:.16e}").expect("24 bytes at most");
    let len = 32 - unused.len();
    general(&scientific[..len])
}

/// Prints a double with up to 17 decimals and never an exponent: a coordinate.
#[must_use]
pub fn format_plain_double(value: f64) -> String {
    let mut text = format!("{value:.17}");
    if value.is_finite() {
        let len = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(len);
    }
    if text == "-0" { "0".to_owned() } else { text }
}

/// Turns `d.ddd…e±x` into what `%g` makes of it: plain when the exponent is small, no trailing
/// zeros.
fn general(scientific: &[u8]) -> DoubleText {
    let (sign, rest) = match scientific {
        [b'-', rest @ ..] => (&b"-"[..], rest),
        _ => (&b""[..], scientific),
    };
    let e = rest.iter().position(|&byte| byte == b'e').expect("scientific notation has an e");
    let exponent = parse_i64(&rest[e + 1..]).expect("an integer follows the e");
    let mut digits = [0; DOUBLE_DIGITS];
    digits[0] = rest[0];
    digits[1..e - 1].copy_from_slice(&rest[2..e]);
    let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let digits = &digits[..kept];

    let mut text = DoubleText::of(sign);
    match exponent {
        0..17 => {
            let whole = exponent as usize + 1;
            text.push(&digits[..whole.min(kept)]);
            text.push(&[b'0'; DOUBLE_DIGITS][..whole.saturating_sub(kept)]);
            if whole < kept {
                text.push(b".");
                text.push(&digits[whole..]);
            }
        }
        -4..0 => {
            text.push(b"0.");
            text.push(&b"000"[..(-exponent - 1) as usize]);
            text.push(digits);
        }
        _ => {
            text.push(&digits[..1]);
            if kept > 1 {
                text.push(b".");
                text.push(&digits[1..]);
            }
            text.push(if exponent < 0 { b"e-" } else { b"e+" });
            let magnitude = exponent.unsigned_abs();
            text.push(if magnitude < 10 { b"0" } else { b"" });
            text.push(itoa::Buffer::new().format(magnitude).as_bytes());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "-0",
            " 1",
            "1 ",
            "9223372036854775808",
            "1e3",
            "99999999999999999999",
        ] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"0"), Some(0));
    }

    #[test]
    fn doubles_are_printed_as_a_redis_server_prints_scores() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-100_000.0, "-100000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e21, "1e+21"),
            (0.1, "0.10000000000000001"),
            (-0.5, "-0.5"),
            (3.000_000_000_000_000_4, "3.0000000000000004"),
            (123.456, "123.456"),
            (0.0001, "0.0001"),
            (0.000_123, "0.00012300000000000001"),
            (1e-5, "1.0000000000000001e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, text) in cases {
            assert_eq!(format_double(value).escape_ascii().to_string(), text);
        }
    }

    #[test]
    fn coordinates_are_printed_as_a_redis_server_prints_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (-1e-20, "0"),
            (100.0, "100"),
            (13.361_389_338_970_184, "13.36138933897018433"),
            (37.499_999_361_950_834, "37.4999993619508345"),
            (0.000_002_682_209_014_892_578, "0.00000268220901489"),
            (-0.5, "-0.5"),
            (1e20, "100000000000000000000"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(format_plain_double(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_double_round_trips(value in any::<f64>()) {
            let text = format_double(value);
            let text = std::str::from_utf8(&text).expect("ASCII");
            prop_assert_eq!(text.parse::<f64>().expect("a number"), value);
        }

        #[test]
        fn every_integer_round_trips(value in any::<i64>()) {
            prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }
}
