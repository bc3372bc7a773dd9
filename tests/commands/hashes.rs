//! Hashes.

use std::collections::BTreeSet;

use redpoll::resp::Value;

use crate::runner::{Runner, show};

#[test]
fn a_hash_lives_as_long_as_it_has_fields() {
    let mut server = Runner::default();
    server.expect("HSET h a 1 b 2", "2");
    server.expect("HSET h a 3 c 4", "1");
    server.expect("HGETALL h", r#"["a" "3" "b" "2" "c" "4"]"#);
    server.expect("HDEL h a a x", "1");
    server.expect("HDEL h b c", "2");
    server.expect("EXISTS h", "0");
    server.expect("DBSIZE", "0");
    server.expect("HINCRBY h n 5", "5");
    server.expect("HINCRBY h n 9223372036854775807", "-ERR increment or decrement would overflow");
    server.expect("HGET h n", r#""5""#);
}

#[test]
fn a_refused_command_leaves_no_key_behind() {
    let mut server = Runner::default();
    server.expect("HSET h a", "-ERR wrong number of arguments for 'hset' command");
    server.expect("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command");
    server.expect("HINCRBY h n x", "-ERR value is not an integer or out of range");
    server.expect("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity");
    server.expect("HDEL h a", "0");
    server.expect("DBSIZE", "0");
    server.expect("SET s v", "OK");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    for line in ["HGET s a", "HSET s a 1", "HDEL s a", "HSCAN s 0", "HRANDFIELD s", "HSETNX s a 1"]
    {
        server.expect(line, wrong);
    }
}

#[test]
fn pairs_look_different_in_each_protocol() {
    let mut server = Runner::default();
    server.expect("HSET h a 1", "1");
    server.expect("HRANDFIELD h 5 WITHVALUES", r#"["a" "1"]"#);
    server.expect("HRANDFIELD h -2 WITHVALUES", r#"["a" "1" "a" "1"]"#);
    server.run("HELLO 3");
    server.expect("HRANDFIELD h 5 WITHVALUES", r#"[["a" "1"]]"#);
    server.expect("HRANDFIELD h -2 withvalues", r#"[["a" "1"] ["a" "1"]]"#);
    server.expect("HRANDFIELD h -2", r#"["a" "a"]"#);
    server.expect("HGETALL h", r#"{"a": "1"}"#);
    server.expect("HSCAN h 0", r#"["0" ["a" "1"]]"#);
    server.expect("HSCAN h 0 NOVALUES", r#"["0" ["a"]]"#);
}

#[test]
fn a_sample_has_no_field_twice() {
    let mut server = Runner::default();
    for size in [20, 2000] {
        for field in 0..size {
            server.run(&format!("HSET h{size} {field} v"));
        }
        for count in [1, size / 10, size - 1, size, size + 1] {
            let Value::Array(fields) = server.run(&format!("HRANDFIELD h{size} {count}")) else {
                panic!("an array");
            };
            let distinct: BTreeSet<String> = fields.iter().map(show).collect();
            assert_eq!((fields.len(), distinct.len()), (count.min(size), count.min(size)));
        }
    }
}

#[test]
fn a_scan_finds_every_field_that_stays() {
    let mut server = Runner::default();
    for field in 0..3000 {
        server.run(&format!("HSET h stays{field} v goes{field} v"));
    }
    let (mut cursor, mut seen, mut turn) = ("0".to_string(), BTreeSet::new(), 0);
    loop {
        let Value::Array(page) = server.run(&format!("HSCAN h {cursor} COUNT 20 MATCH stays*"))
        else {
            panic!("an array");
        };
        let [Value::Bulk(next), Value::Array(pairs)] = &page[..] else { panic!("two elements") };
        seen.extend(pairs.chunks(2).map(|pair| show(&pair[0])));
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
        // The table shrinks meanwhile, then grows again.
        for number in turn * 40..(turn + 1) * 40 {
            server.run(&format!("HDEL h goes{number}"));
            if turn > 75 {
                server.run(&format!("HSET h new{number} v"));
            }
        }
        turn += 1;
        assert!(turn < 2000, "a scan ends");
    }
    assert_eq!(seen.len(), 3000);
}
