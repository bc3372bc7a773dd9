//! Where each type leaves its packed encoding: the same thresholds, the same names.

use crate::metadata;
use crate::pair::{Mode, Pair};
use support::script::Step;

/// A script that grows a value by one over a limit and asks for its encoding at each size.
fn growth(group: &str, item: impl Fn(usize) -> Vec<String>, sizes: &[usize]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut size = 0;
    for target in sizes {
        while size < *target {
            let words = item(size);
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            steps.push(Step::once(&words));
            size += 1;
        }
        steps.push(Step::once(&[b"OBJECT", b"ENCODING", group.as_bytes()]));
    }
    steps
}

fn words(line: String) -> Vec<String> {
    line.split(' ').map(String::from).collect()
}

fn check(pair: &mut Pair, steps: &[Step]) {
    let listed = |name: &[u8]| {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        metadata::command_list(&mut pair.subject.client()).any(|known| known == name)
    };
    if !listed(&steps[0].words[0]) {
        return; // A type that this server does not have.
    }
    if let Err(found) = pair.run(steps, Mode::plain(2)) {
        panic!("{found:#?}");
    }
}

#[test]
fn hashes_leave_listpack_where_the_reference_does() {
    let Some(mut pair) = Pair::start() else { return };
    check(&mut pair, &growth("h", |n| words(format!("HSET h f{n} v")), &[1, 127, 128, 129]));
    for length in [63, 64, 65] {
        let long = "v".repeat(length);
        check(&mut pair, &growth("h", |_| words(format!("HSET h f {long}")), &[1]));
        check(&mut pair, &growth("h", |_| words(format!("HSET h {long} v")), &[1]));
    }
    // Shrinking does not lead back.
    let mut steps = growth("h", |n| words(format!("HSET h f{n} v")), &[129]);
    steps.extend((1..129).map(|n| Step::once(&[b"HDEL", b"h", format!("f{n}").as_bytes()])));
    steps.push(Step::once(&[b"OBJECT", b"ENCODING", b"h"]));
    check(&mut pair, &steps);
}

#[test]
fn strings_name_their_encoding_as_the_reference_does() {
    let Some(mut pair) = Pair::start() else { return };
    let mut steps = Vec::new();
    let long44 = "x".repeat(44);
    let long45 = "x".repeat(45);
    let values = [
        "0",
        "-1",
        "007",
        "9223372036854775807",
        "9223372036854775808",
        "1.5",
        "",
        " 1",
        "+1",
        "-0",
        "12345678901234567890",
        &long44,
        &long45,
    ];
    for value in values {
        for command in [&b"SET"[..], b"GETSET"] {
            steps.push(Step::once(&[command, b"s", value.as_bytes()]));
            steps.push(Step::once(&[b"OBJECT", b"ENCODING", b"s"]));
        }
        for change in [
            &[&b"APPEND"[..], b"s", b""][..],
            &[b"APPEND", b"s", b"1"],
            &[b"SETRANGE", b"s", b"0", b"9"],
            &[b"INCR", b"s"],
            &[b"INCRBYFLOAT", b"s", b"1"],
            &[b"SETBIT", b"s", b"1", b"1"],
            &[b"GETRANGE", b"s", b"0", b"1"],
            &[b"RENAME", b"s", b"t"],
            &[b"COPY", b"t", b"s"],
        ] {
            steps.push(Step::once(change));
            steps.push(Step::once(&[b"OBJECT", b"ENCODING", b"s"]));
        }
    }
    check(&mut pair, &steps);
}

#[test]
fn sets_sorted_sets_and_lists_change_encoding_where_the_reference_does() {
    let Some(mut pair) = Pair::start() else { return };
    check(&mut pair, &growth("t", |n| words(format!("SADD t {n}")), &[1, 511, 512, 513]));
    check(&mut pair, &growth("t", |n| words(format!("SADD t m{n}")), &[1, 127, 128, 129]));
    check(&mut pair, &growth("z", |n| words(format!("ZADD z {n} m{n}")), &[1, 127, 128, 129]));
    check(&mut pair, &growth("l", |n| words(format!("RPUSH l e{n}")), &[1, 127, 128, 129, 600]));
    for length in [63, 64, 65] {
        let long = "m".repeat(length);
        check(&mut pair, &growth("t", |_| words(format!("SADD t {long}")), &[1]));
        check(&mut pair, &growth("z", |_| words(format!("ZADD z 1 {long}")), &[1]));
    }
}
