//! DUMP and RESTORE, among ourselves and with the reference server.

use redpoll::resp::Value;
use support::start_oracle;

use crate::runner::{Runner, show};

const BAD_FOOTER: &str = "-ERR DUMP payload version or checksum are wrong";
/// Far enough away never to pass while a test runs.
const FUTURE: &str = "4102444800000";

fn dump(server: &mut Runner, key: &str) -> Vec<u8> {
    let Value::Bulk(payload) = server.run(&format!("DUMP {key}")) else { panic!("a payload") };
    payload.to_vec()
}

/// Runs RESTORE; its reply.
fn restore(server: &mut Runner, key: &str, ttl: &str, payload: &[u8], options: &str) -> String {
    let mut args = vec![b"RESTORE", key.as_bytes(), ttl.as_bytes(), payload];
    args.extend(options.split_whitespace().map(str::as_bytes));
    show(&server.call(&args))
}

#[test]
fn refusals_come_in_the_order_of_the_reference() {
    let mut server = Runner::default();
    server.expect("SET k v", "OK");
    let payload = dump(&mut server, "k");
    let busy = "-BUSYKEY Target key name already exists.";
    let cases: [(&str, &str, &[u8], &str, &str); 11] = [
        ("k", "x", b"", "FOO", "-ERR syntax error"),
        ("k", "x", b"", "IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
        ("k", "x", b"", "FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("k", "x", b"", "FREQ 1 IDLETIME 1", "-ERR syntax error"),
        ("k", "x", b"", "IDLETIME 1 IDLETIME 2", busy),
        ("k", "x", b"", "REPLACE", "-ERR value is not an integer or out of range"),
        ("n", "-1", b"", "", "-ERR Invalid TTL value, must be >= 0"),
        ("n", "0", b"", "", BAD_FOOTER),
        ("n", "0", &payload[..payload.len() - 1], "", BAD_FOOTER),
        ("k", "0", &payload, "", busy),
        ("k", "0", &payload, "REPLACE ABSTTL IDLETIME 5", "OK"),
    ];
    for (key, ttl, payload, options, reply) in cases {
        assert_eq!(
            restore(&mut server, key, ttl, payload, options),
            reply,
            "{key} {ttl} {options}"
        );
    }
    server.expect("OBJECT IDLETIME k", "5");
    server.expect("DUMP n", "nil");
}

#[test]
fn a_restored_key_has_the_expiry_it_was_given() {
    let mut server = Runner::default();
    server.expect("HSET h a 1", "1");
    let payload = dump(&mut server, "h");
    assert_eq!(restore(&mut server, "n", FUTURE, &payload, "ABSTTL"), "OK");
    server.expect("PEXPIRETIME n", FUTURE);
    assert_eq!(restore(&mut server, "n", "0", &payload, "REPLACE"), "OK");
    server.expect("TTL n", "-1");
    // What has expired already is not even made, but still replaces.
    assert_eq!(restore(&mut server, "n", "1", &payload, "REPLACE ABSTTL"), "OK");
    server.expect("EXISTS n", "0");
    server.expect("DBSIZE", "1");
}

#[test]
fn payloads_are_exchanged_with_the_reference() {
    let Some(oracle) = start_oracle(&[]) else { return };
    let mut theirs = oracle.client();
    let mut ours = Runner::default();
    let long = "abcdefgh".repeat(5000);
    let mut many = String::from("HSET many");
    (0..700).for_each(|field| many.push_str(&format!(" field{field} value{field}")));
    let lines = [
        "SET number -70000".to_string(),
        "SET text hello".into(),
        format!("SET long {long}"),
        "HSET small f v n 123456 minus -1 float 2.5".into(),
        format!("HSET wide f {long}"),
        many,
    ];
    for line in &lines {
        assert_eq!(ours.run(line), convert(theirs.run(line)), "{line:.20}");
        let key = line.split(' ').nth(1).expect("a key");
        let payload = dump(&mut ours, key);
        let args: [&[u8]; 4] = [b"RESTORE", b"copy", b"0", &payload];
        assert_eq!(show(&convert(theirs.call(&args))), "OK", "{line:.20}");
        let Value::Bulk(payload) = convert(theirs.call(&["DUMP", key])) else { panic!("{key}") };
        assert_eq!(restore(&mut ours, "copy", "0", &payload, ""), "OK", "{line:.20}");

        let read = if line.starts_with("SET") { "GET" } else { "HGETALL" };
        let expected = elements(&ours.run(&format!("{read} {key}")));
        assert_eq!(elements(&ours.run(&format!("{read} copy"))), expected);
        assert_eq!(elements(&convert(theirs.run(&format!("{read} copy")))), expected);
        for server in ["OBJECT ENCODING copy", "DEL copy"] {
            assert_eq!(ours.run(server), convert(theirs.run(server)), "{line:.20}");
        }
    }
}

/// What the reference makes, restored here and dumped again, is the same to the reference.
#[test]
fn every_type_survives_the_way_here_and_back() {
    let Some(oracle) = start_oracle(&["--enable-debug-command", "yes"]) else { return };
    let mut theirs = oracle.client();
    let mut ours = Runner::default();
    let words = |count: usize| (0..count).map(|n| format!(" word{n}")).collect::<String>();
    let scores = |count: usize| (0..count).map(|n| format!(" {n}.5 word{n}")).collect::<String>();
    let lines = [
        "RPUSH list a 1 -70000 2.5".to_string(),
        format!("RPUSH nodes{}", words(3000)),
        format!("RPUSH large {} b", "x".repeat(9000)),
        "SADD integers 1 -5 300 70000".into(),
        "SADD small a b 1".into(),
        format!("SADD table{}", words(600)),
        "ZADD packed 1 a 2.5 b -inf c inf d 0.1 e".into(),
        format!("ZADD tree{}", scores(300)),
        "HSET hash f 1".into(),
        "XADD stream 1-1 a 1 b 2".into(),
        "XADD stream 2-0 a 1 b 3".into(),
        "XADD stream 3-0 c 4".into(),
        "XDEL stream 2-0".into(),
        "XGROUP CREATE stream group 0".into(),
        "XREADGROUP GROUP group one COUNT 1 STREAMS stream >".into(),
        "XREADGROUP GROUP group two COUNT 1 STREAMS stream >".into(),
        "XGROUP CREATECONSUMER stream group idle".into(),
    ];
    for line in &lines {
        let made = theirs.run(line);
        assert!(!matches!(made, support::Value::Error(_)), "{line:.40}: {made:?}");
    }
    for key in ["list", "nodes", "large", "integers", "small", "table", "packed", "tree", "stream"]
    {
        let Value::Bulk(payload) = convert(theirs.call(&["DUMP", key])) else { panic!("{key}") };
        assert_eq!(restore(&mut ours, key, "0", &payload, ""), "OK", "{key}");
        let payload = dump(&mut ours, key);
        let args: [&[u8]; 4] = [b"RESTORE", b"back", b"0", &payload];
        assert_eq!(show(&convert(theirs.call(&args))), "OK", "{key}");
        for command in ["DEBUG DIGEST-VALUE", "OBJECT ENCODING", "TYPE"] {
            let there = theirs.run(&format!("{command} {key}"));
            assert_eq!(theirs.run(&format!("{command} back")), there, "{command} {key}");
        }
        let details = "XINFO STREAM stream FULL";
        if key == "stream" {
            let there = theirs.run(details);
            assert_eq!(theirs.run(&details.replace(" stream ", " back ")), there);
        }
        theirs.run("DEL back");
    }
}

/// The texts of a reply, sorted as pairs.
fn elements(value: &Value) -> Vec<String> {
    let Value::Array(items) = value else { return vec![show(value)] };
    let mut pairs: Vec<String> =
        items.chunks(2).map(|pair| pair.iter().map(show).collect()).collect();
    pairs.sort();
    pairs
}

/// The raw client has a type of its own for replies.
fn convert(value: support::Value) -> Value {
    match value {
        support::Value::Simple(text) => Value::Simple(text.into()),
        support::Value::Error(text) => Value::Error(text.into()),
        support::Value::Int(number) => Value::Int(number),
        support::Value::Bulk(bytes) => Value::Bulk(bytes.into()),
        support::Value::Array(items) => Value::Array(items.into_iter().map(convert).collect()),
        support::Value::Null | support::Value::NullBulk => Value::Null,
        other => panic!("{other:?}"),
    }
}
