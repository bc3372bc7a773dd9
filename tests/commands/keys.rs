//! Keys whatever they hold.

use std::collections::BTreeSet;

use redpoll::resp::Value;

use crate::runner::{Runner, show};

/// Far enough away never to pass while a test runs.
const FUTURE: u64 = 4_102_444_800_000;

#[test]
fn a_key_keeps_value_and_expiry_under_another_name() {
    let mut server = Runner::default();
    server.expect("HSET from a 1", "1");
    server.expect(&format!("PEXPIREAT from {FUTURE}"), "1");
    server.expect("SET to v", "OK");
    server.expect("RENAMENX from to", "0");
    server.expect("RENAME from to", "OK");
    server.expect("EXISTS from", "0");
    server.expect("HGETALL to", r#"["a" "1"]"#);
    server.expect("PEXPIRETIME to", &FUTURE.to_string());
    server.expect("COPY to copy", "1");
    server.expect("COPY to copy", "0");
    server.expect("HSET copy b 2", "1");
    server.expect("HLEN to", "1");
    server.expect("PEXPIRETIME copy", &FUTURE.to_string());
    server.expect("SET plain v", "OK");
    server.expect("COPY plain to REPLACE", "1");
    server.expect("TTL to", "-1");
    server.expect("DBSIZE", "3");
}

#[test]
fn databases_are_apart() {
    let mut server = Runner::default();
    server.expect("SET k zero", "OK");
    server.expect("COPY k k DB 3", "1");
    server.expect("COPY k k DB 3", "0");
    server.expect("MOVE k 3", "0");
    server.expect("MOVE k 4", "1");
    server.expect("DBSIZE", "0");
    server.expect("SELECT 4", "OK");
    server.expect("SET k four", "OK");
    server.expect("SWAPDB 3 4", "OK");
    server.expect("GET k", r#""zero""#);
    server.expect("SELECT 3", "OK");
    server.expect("GET k", r#""four""#);
    server.expect("FLUSHDB ASYNC", "OK");
    server.expect("DBSIZE", "0");
    server.expect("SELECT 4", "OK");
    server.expect("DBSIZE", "1");
    server.expect("FLUSHALL", "OK");
    server.expect("DBSIZE", "0");
    server.expect("RANDOMKEY", "nil");
}

#[test]
fn conditions_decide_whether_an_expiry_is_replaced() {
    let (early, late) = (FUTURE, FUTURE + 1000);
    for (old, condition, new, replaced) in [
        (None, "NX", early, true),
        (Some(early), "NX", late, false),
        (None, "XX", early, false),
        (Some(early), "XX", late, true),
        (None, "GT", late, false),
        (Some(early), "GT", late, true),
        (Some(early), "GT", early, false),
        (Some(late), "GT", early, false),
        (None, "LT", early, true),
        (Some(early), "LT", late, false),
        (Some(early), "LT", early, false),
        (Some(late), "LT", early, true),
        (Some(late), "xx lt", early, true),
        (None, "xx lt", early, false),
    ] {
        let mut server = Runner::default();
        server.expect("SET k v", "OK");
        if let Some(old) = old {
            server.expect(&format!("PEXPIREAT k {old}"), "1");
        }
        let line = format!("PEXPIREAT k {new} {condition}");
        server.expect(&line, if replaced { "1" } else { "0" });
        let left = if replaced { Some(new) } else { old };
        server.expect("PEXPIRETIME k", &left.map_or("-1".into(), |left| left.to_string()));
    }
}

#[test]
fn an_expiry_in_the_past_deletes() {
    let mut server = Runner::default();
    for line in ["EXPIRE k 0", "PEXPIRE k -1", "EXPIREAT k 1", "PEXPIREAT k -5", "EXPIRE k -100 LT"]
    {
        server.expect("SET k v", "OK");
        server.expect(line, "1");
        server.expect("DBSIZE", "0");
    }
}

#[test]
fn a_scan_finds_every_key_that_stays() {
    let mut server = Runner::default();
    for number in 0..3000 {
        server.run(&format!("SET stays{number} v"));
        server.run(&format!("SET {{crowded}}goes{number} v"));
    }
    let (mut cursor, mut seen, mut turn) = ("0".to_string(), BTreeSet::new(), 0);
    loop {
        let Value::Array(page) = server.run(&format!("SCAN {cursor} COUNT 30 MATCH stays*")) else {
            panic!("an array");
        };
        let [Value::Bulk(next), Value::Array(keys)] = &page[..] else { panic!("two elements") };
        seen.extend(keys.iter().map(show));
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
        for step in 0..30 {
            let number = turn * 30 + step;
            server.run(&format!("DEL {{crowded}}goes{number}"));
            server.run(&format!("SET {{crowded}}new{number} v"));
        }
        turn += 1;
        assert!(turn < 5000, "a scan ends");
    }
    assert_eq!(seen.len(), 3000);
}

#[test]
fn keys_of_one_type_are_told_from_others() {
    let mut server = Runner::default();
    server.expect("SET s v", "OK");
    server.expect("HSET h a 1", "1");
    server.expect("SCAN 0 TYPE hash", r#"["0" ["h"]]"#);
    server.expect("SCAN 0 TYPE STRING", r#"["0" ["s"]]"#);
    server.expect("SCAN 0 TYPE nothing", r#"["0" []]"#);
    server.expect("KEYS h*", r#"["h"]"#);
    server.expect("OBJECT ENCODING h", r#""listpack""#);
}
