use proptest::prelude::*;

use super::*;

/// Texts and what a Redis 7.0 server makes of them as scores.
#[test]
fn scores_are_read_as_a_redis_server_reads_them() {
    let cases = [
        ("0x10", Some(16.0)),
        ("0x1.8p1", Some(3.0)),
        ("0X.8", Some(0.5)),
        ("0x1.p1", Some(2.0)),
        ("-0x8", Some(-8.0)),
        ("0x1.fffffffffffffffffp0", Some(2.0)),
        ("0x1.00000000000008p0", Some(1.0)), // ties to even
        ("0x1.00000000000018p0", Some(1.000_000_000_000_000_4)),
        ("0x1.000000000000080000000000000000000000001p0", Some(1.000_000_000_000_000_2)),
        ("0x1p-1074", Some(5e-324)),
        ("0x1p-1075", None),
        ("0x1.8p-1075", Some(5e-324)),
        ("0x1p1023", Some(8.988_465_674_311_58e307)),
        ("0x1p1024", None),
        ("0x0p99999", Some(0.0)),
        ("0x", None),
        ("0x1p", None),
        ("0xp1", None),
        ("0x1g", None),
        ("1.", Some(1.0)),
        (".5", Some(0.5)),
        ("+5", Some(5.0)),
        ("1E5", Some(1e5)),
        ("inf", Some(f64::INFINITY)),
        ("-INF", Some(f64::NEG_INFINITY)),
        ("+Infinity", Some(f64::INFINITY)),
        ("infinit", None),
        ("nan", None),
        ("-NAN", None),
        ("nan(1)", None),
        ("1e400", None),
        ("-1e400", None),
        ("1e-400", None),
        ("-2e-324", None),
        ("3e-324", Some(5e-324)),
        ("0e99999", Some(0.0)),
        ("-0", Some(-0.0)),
        ("", None),
        (".", None),
        ("-", None),
        ("1e", None),
        ("e5", None),
        (" 1", None),
        ("1 ", None),
        ("1\0", None),
        ("--1", None),
        ("1d", None),
        ("\u{661}", None),
    ];
    for (text, value) in cases {
        let found = parse_double(text.as_bytes());
        assert_eq!(found.map(f64::to_bits), value.map(f64::to_bits), "{text}");
    }
}

#[test]
fn bounds_of_score_ranges_are_read_with_leeway() {
    let cases = [
        ("", Some(0.0)),
        ("\0", Some(0.0)),
        ("1\x002", Some(1.0)),
        (" \t1", Some(1.0)),
        ("1 ", None),
        (" ", None),
        ("1e400", Some(f64::INFINITY)),
        ("-1e400", Some(f64::NEG_INFINITY)),
        ("0x1p1024", Some(f64::INFINITY)),
        ("1e-400", Some(0.0)),
        ("nan", None),
        ("0x", None),
    ];
    for (text, value) in cases {
        assert_eq!(parse_score_bound(text.as_bytes()), value, "{text:?}");
    }
}

proptest! {
    #[test]
    fn hexadecimal_doubles_are_exact(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let (mantissa, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32);
        let sign = if value.is_sign_negative() { "-" } else { "" };
        let text = match exponent {
            0 => format!("{sign}0x{mantissa:x}p-1074"),
            _ => format!("{sign}0x1.{mantissa:013x}p{}", exponent - 1023),
        };
        prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), Some(bits));
    }
}
