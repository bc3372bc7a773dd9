//! What each kind of value accepts and how it is shown: each line was checked against Redis 7.0.15.

use super::*;

/// What CONFIG GET answers after CONFIG SET, or the end of the error.
fn after(name: &str, value: &str) -> String {
    match set(&[(name, value)]) {
        Ok(settings) => text(&settings.get(&[name.as_bytes()])[0].1),
        Err(refusal) => {
            let refusal = refusal.to_string();
            let (_, cause) = refusal.split_once(" - ").expect("a cause");
            format!("! {cause}")
        }
    }
}

fn check(name: &str, cases: &[(&str, &str)]) {
    for (value, expect) in cases {
        assert_eq!(after(name, value), *expect, "{name} {value:?}");
    }
}

#[test]
fn memory_sizes() {
    let refused = "! argument must be a memory value";
    check(
        "maxmemory",
        &[
            ("", "0"),
            ("kb", "0"),
            ("007", "7"),
            ("1b", "1"),
            ("1k", "1000"),
            ("1KB", "1024"),
            ("1m", "1000000"),
            ("1mb", "1048576"),
            ("1g", "1000000000"),
            ("1gb", "1073741824"),
            ("18446744073709551615", "18446744073709551615"),
            ("1tb", refused),
            ("-1", refused),
            ("+5", refused),
            ("1.5mb", refused),
            ("1 kb", refused),
            ("18446744073709551616", refused), // Redis wraps around
            ("17179869184gb", refused),
        ],
    );
    let range = "! argument must be between 1048576 and 9223372036854775807 inclusive";
    check(
        "proto-max-bulk-len",
        &[("1048575", range), ("9223372036854775808", range), ("1mb", "1048576")],
    );
    check(
        "repl-backlog-size",
        &[
            ("0", "! argument must be between 1 and 9223372036854775807 inclusive"),
            ("1", "16384"),
            ("1mb", "1048576"),
        ],
    );
}

#[test]
fn memory_sizes_or_percentages() {
    let refused = "! argument must be a memory or percent value";
    check(
        "maxmemory-clients",
        &[
            ("5%", "5%"),
            ("100%", "100%"),
            ("0%", "0"),
            ("1mb", "1048576"),
            ("101%", "! percentage argument must be less or equal to 100"),
            ("-1%", refused),
            ("%", refused),
            ("5%%", refused),
            ("007%", refused),
        ],
    );
    let limit = |value| set(&[("maxmemory-clients", value)]).expect("valid").maxmemory_clients;
    assert_eq!(limit("5%").limit(1000), Some(50));
    assert_eq!(limit("5%").limit(0), None);
    assert_eq!(limit("7").limit(1000), Some(7));
    assert_eq!(limit("0").limit(1000), None);
}

#[test]
fn numbers_switches_and_choices() {
    check(
        "timeout",
        &[
            ("2147483647", "2147483647"),
            ("2147483648", "! argument must be between 0 and 2147483647 inclusive"),
            ("-1", "! argument must be between 0 and 2147483647 inclusive"),
            ("01", "! argument couldn't be parsed into an integer"),
        ],
    );
    check("hz", &[("0", "1"), ("501", "500"), ("2147483647", "500")]);
    check(
        "slowlog-log-slower-than",
        &[("-1", "-1"), ("-2", "! argument must be between -1 and 9223372036854775807 inclusive")],
    );
    check(
        "list-max-listpack-size",
        &[
            (
                "9223372036854775807",
                "! argument must be between -2147483648 and 2147483647 inclusive",
            ),
            ("-5", "-5"),
        ],
    );
    check("activerehashing", &[("YES", "yes"), ("1", "! argument must be 'yes' or 'no'")]);
    check(
        "loglevel",
        &[
            ("NOTICE", "notice"),
            ("x", "! argument(s) must be one of the following: debug, verbose, notice, warning"),
        ],
    );
}

#[test]
fn keyspace_events() {
    check(
        "notify-keyspace-events",
        &[
            ("KEA", "AKE"),
            ("Kg$lshzxetdmn", "AKm"),
            ("g$lshzxetd", "A"),
            ("mn", "nm"),
            ("KEn", "nKE"),
            ("Etd", "tdE"),
            ("", ""),
            ("Kx xx", "! Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ],
    );
}

#[test]
fn lists() {
    let save = "! Invalid save parameters";
    check(
        "save",
        &[
            ("", ""),
            ("10 0", "10 0"),
            ("300 10 900 1", "300 10 900 1"),
            ("10", save),
            ("0 5", save),
            ("1 -1", save),
            (" 900 1", save),
            ("900 1 x 2", save),
        ],
    );
    let rest = "pubsub 33554432 8388608 60";
    let normal = format!("normal 1 2 3 slave 268435456 67108864 60 {rest}");
    let replica = format!("normal 0 0 0 slave 1048576 2048 3 {rest}");
    let number = "! Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    check(
        "client-output-buffer-limit",
        &[
            ("NORMAL 1 2 3", &normal),
            ("replica 1mb 2kb 3", &replica),
            ("normal 0 0", "! Wrong number of arguments in buffer limit configuration."),
            ("master 1 2 3", "! Invalid client class specified in buffer limit configuration."),
            ("normal -1 2 3", number),
            ("normal 1 2 -3", number),
        ],
    );
}

#[test]
fn lists_of_a_length() {
    let scores = "! Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    check(
        "oom-score-adj-values",
        &[
            ("2 1 3", "2 1 3"),
            ("2001 1 1", scores),
            ("a b c", scores),
            ("1 2", "! wrong number of arguments"),
        ],
    );
    let invalid = "! Invalid latency-tracking-info-percentiles parameters";
    check(
        "latency-tracking-info-percentiles",
        &[
            ("99.99 50", "99.99 50"),
            ("99.12345678", "99.123457"),
            ("1e1", "10"),
            ("", ""),
            ("nan", invalid),
            (" 50  99", invalid),
            ("-1", "! latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
        ],
    );
    check(
        "shutdown-on-sigint",
        &[
            ("force now save", "save now force"),
            ("default save", "save"),
            ("default", "default"),
            ("save nosave", "! shutdown options SAVE and NOSAVE can't be used simultaneously"),
        ],
    );
    check(
        "bind",
        &[
            ("127.0.0.1 -::1", "127.0.0.1 -::1"),
            ("", ""),
            ("a b c d e f g h i j k l m n o p q", "! Too many bind addresses specified."),
        ],
    );
}

#[test]
fn texts() {
    check("masteruser", &[("a b", "a b"), ("", "")]);
    let long = "x".repeat(256);
    check(
        "cluster-announce-hostname",
        &[
            ("a.b-c", "a.b-c"),
            ("a_b", "! Hostnames may only contain alphanumeric characters, hyphens or dots"),
            (&long, "! Hostnames must be less than 256 characters"),
            (&long[1..], &long[1..]),
        ],
    );
    let template = "! template format is invalid or contains unknown variables";
    check(
        "proc-title-template",
        &[
            ("{title} {port}", "{title} {port}"),
            ("plain", "plain"),
            ("{bad}", template),
            ("{title", template),
            ("", template),
        ],
    );
}

#[test]
fn permissions_are_octal() {
    let perm = |value: &str| match read(&format!("unixsocketperm {value}")) {
        Ok(loaded) => format!("{:o}", loaded.settings.unixsocketperm),
        Err(refusal) => refusal.to_string().lines().last().expect("a cause").to_owned(),
    };
    assert_eq!(perm("700"), "700");
    assert_eq!(perm("0"), "0");
    assert_eq!(perm("778"), "argument couldn't be parsed as an octal number");
    assert_eq!(perm("1000"), "argument must be between 0 and 777 inclusive");
    assert_eq!(perm("-5"), "argument must be between 0 and 777 inclusive");
}
