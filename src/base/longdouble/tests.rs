use proptest::prelude::*;

use super::*;

/// The sum as INCRBYFLOAT stores it.
fn sum(value: &str, increment: &str) -> String {
    let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
    let sum = parse(value).checked_add(parse(increment)).expect("finite");
    String::from_utf8(sum.render()).expect("ASCII")
}

/// Pairs and sums as a Redis 7.0 server on x86-64 gives them.
#[test]
fn sums_are_those_of_a_redis_server() {
    let cases = [
        ("10.5", "0.1", "10.6"),
        ("5.0e3", "200", "5200"),
        ("0", "0.1", "0.1"),
        ("3", "1.1", "4.1"),
        ("-1.1", "1.1", "0"),
        ("0.1", "0.2", "0.3"),
        ("1e17", "0.1", "100000000000000000.1015625"),
        ("123456789012345678", "0.123456789012345678", "123456789012345678.125"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("18446744073709551614", "0.5", "18446744073709551614"),
        ("36893488147419103233", "0", "36893488147419103232"),
        ("36893488147419103235", "0", "36893488147419103236"),
        ("9223372036854775807", "0.25", "9223372036854775807"),
        ("0.000000000000000005", "0", "0"),
        ("0.000000000000000015", "0", "0.00000000000000002"),
        ("0.000000000000000025", "0", "0.00000000000000002"),
        ("1.000000000000000005", "0", "1"),
        ("-0.000000000000000004", "0", "0"),
        ("-0", "0", "0"),
        ("1e-30", "-1", "-1"),
        ("0x1.8p1", "-0X.8", "2.5"),
        ("0x1.fffffffffffffffffp0", "0", "2"),
        ("0x10000000000000001p0", "0x.8", "18446744073709551616"),
        ("1.", ".5", "1.5"),
        ("+5", "1E2", "105"),
        ("1e25", "-1e25", "0"),
        ("1e25", "1", "10000000000000000000000000"),
        ("7.7e40", "0.3", "76999999999999999999692063274305996193792"),
        ("1e-4950", "0", "0"),
        ("3.3e-4951", "1", "1"),
        ("123.4567890123456789012345678901234567890", "0", "123.4567890123456789"),
        ("99999999999999999.99999", "0.00001", "100000000000000000"),
        ("1e0000000000000000000000005", "0", "100000"),
        ("0e99999", "1", "1"),
        ("1.5", "-2.25", "-0.75"),
        ("73786976294838206456", "2", "73786976294838206456"),
        ("73786976294838206456", "2.0000000000000000003", "73786976294838206460"),
        ("73786976294838206456", "1.9999999999999999998", "73786976294838206456"),
        ("0.000003814697265625", "0", "0.00000381469726562"),
        ("0.000011444091796875", "0", "0.00001144409179688"),
        ("-3.141592653589793", "6.283185307179586", "3.141592653589793"),
    ];
    for (value, increment, expected) in cases {
        assert_eq!(sum(value, increment), expected, "{value} + {increment}");
        assert_eq!(sum(increment, value), expected, "{increment} + {value}");
    }
}

#[test]
fn large_numbers_are_printed_in_full() {
    let text = sum("1e4932", "0");
    assert_eq!(text.len(), 4933);
    assert!(text.starts_with("10000000000000000000060") && text.ends_with("91886622720"));
    let text = sum("1e400", "0");
    assert!(text.starts_with("10000000000000000000281") && text.ends_with("30221946880"));
}

#[test]
fn what_is_no_number_is_refused() {
    let too_long = "0".repeat(TEXT_MAX) + "1";
    let bad = [
        "",
        ".",
        "-",
        "+",
        "1e",
        "1e+",
        "e5",
        " 1",
        "1 ",
        "1\0",
        "nan",
        "-NaN",
        "infinit",
        "--1",
        "+-1",
        "1,5",
        "1_0",
        "0x",
        "0x.",
        "0xp1",
        "0x1p",
        "0x1g",
        "1e1e1",
        "1.2.3",
        "0x1.2.3",
        "1d",
        &too_long,
        "1e5000",
        "1.2e4932",
        "1e-4951",
        "1e-5000",
        "-1e999999999999",
        "1e-999999999999",
        "0x1p16384",
        "0x1p-16446",
        "0x1p999999999999",
    ];
    for text in bad {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
    }
    let largest = "0x1.fffffffffffffffep16383";
    for text in [&too_long[1..], "2e-4951", "1.189731495357231765e4932", largest, "0x1p-16445"] {
        assert!(LongDouble::parse(text.as_bytes()).is_some(), "{text}");
    }
}

#[test]
fn sums_that_are_not_finite_are_refused() {
    let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect("a number");
    for text in ["inf", "-INF", "+Infinity"] {
        assert!(parse(text).is_infinite());
        assert_eq!(parse(text).checked_add(parse("1")), None);
        assert_eq!(parse("1").checked_add(parse(text)), None);
    }
    assert_eq!(parse("inf").checked_add(parse("-inf")), None);
    assert_eq!(parse("1.1e4932").checked_add(parse("1.1e4932")), None);
    assert!(parse("1.1e4932").checked_add(parse("-1.1e4932")).is_some());
}

proptest! {
    /// Both roads from digits to bits: the short one in 128 bits and the long one.
    #[test]
    fn short_and_long_numbers_are_read_alike(digits in 1..u64::MAX / 2, power in -18..=18i32) {
        let text = format!("{digits}e{power}");
        let number = Big::from_digits(digits.to_string().as_bytes());
        let scale = Big::power_of_ten(power.unsigned_abs());
        let (mantissa, exponent, sticky) =
            if power < 0 { number.divided_by(scale) } else { number.times(&scale).top_bits() };
        let long = LongDouble::rounded(false, mantissa, exponent, sticky);
        prop_assert_eq!(LongDouble::parse(text.as_bytes()), Some(long));
    }

    #[test]
    fn integers_count_exactly(
        one in i64::MIN / 2..i64::MAX / 2,
        two in i64::MIN / 2..i64::MAX / 2
    ) {
        let total = LongDouble::from(one).checked_add(LongDouble::from(two)).expect("finite");
        prop_assert_eq!(total.render(), (one + two).to_string().into_bytes());
        prop_assert_eq!(LongDouble::parse(one.to_string().as_bytes()), Some(LongDouble::from(one)));
    }

    /// A double is a long double: where both are exact they must agree.
    #[test]
    fn sums_of_doubles_round_to_the_sum_of_doubles(one in -1e6..1e6f64, two in -1e6..1e6f64) {
        let parse = |value: f64| {
            LongDouble::parse(format!("{value:e}").as_bytes()).expect("a number")
        };
        let total = parse(one).checked_add(parse(two)).expect("finite").render();
        let total: f64 = String::from_utf8(total).expect("ASCII").parse().expect("a number");
        prop_assert!((total - (one + two)).abs() <= 1e-9);
    }

    #[test]
    fn random_text_does_no_harm(text in "[-+0-9.eExXpPaf]{0,12}") {
        if let Some(value) = LongDouble::parse(text.as_bytes()) {
            let rendered = value.render();
            prop_assert!(LongDouble::parse(&rendered).is_some() || rendered.len() > TEXT_MAX);
        }
    }
}
