//! The set commands in-process, where redis-server 7.0 has something to say that one would not
//! guess. The expected replies are its own.

use std::collections::BTreeSet;

use crate::engine::testing::{Local, show};
use crate::resp::Value;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn a_set_lives_as_long_as_it_has_members() {
    Local::default().check(&format!(
        "
        SADD s 3 1 2 1 => :3
        OBJECT ENCODING s => \"intset\"
        SMEMBERS s => [\"1\" \"2\" \"3\"]
        SADD s a => :1
        OBJECT ENCODING s => \"hashtable\"
        SMISMEMBER s a 1 01 => [:1 :1 :0]
        SMISMEMBER none a b => [:0 :0]
        SREM s a a 1 zz => :2
        SREM s 2 3 => :2
        EXISTS s => :0
        SET k v => +OK
        SADD k a => {WRONG_TYPE}
        SCARD k => {WRONG_TYPE}
        SMEMBERS none => []
        "
    ));
}

#[test]
fn a_move_checks_the_source_first() {
    Local::default().check(&format!(
        "
        SET k v => +OK
        SMOVE none k a => :0
        SADD s a b => :2
        SMOVE s k zz => {WRONG_TYPE}
        SMOVE k s a => {WRONG_TYPE}
        SMOVE s s a => :1
        SMOVE s s zz => :0
        SMOVE s t zz => :0
        EXISTS t => :0
        SMOVE s t a => :1
        SADD t b => :1
        SMOVE s t b => :1
        EXISTS s => :0
        SCARD t => :2
        "
    ));
}

#[test]
fn sets_are_combined() {
    let mut local = Local::default();
    local.check(&format!(
        "
        SADD a 1 2 3 4 => :4
        SADD b 3 4 5 x => :4
        SADD c 4 x y => :3
        SET k v => +OK
        SINTER none k => {WRONG_TYPE}
        SINTER a b => [\"3\" \"4\"]
        SINTER a b c a => [\"4\"]
        SINTER a none => []
        SUNION a none a => [\"1\" \"2\" \"3\" \"4\"]
        SDIFF a b none => [\"1\" \"2\"]
        SDIFF none a => []
        SDIFF a a => []
        SINTERSTORE d a b => :2
        OBJECT ENCODING d => \"intset\"
        SUNIONSTORE k a b c => :7
        SCARD k => :7
        SDIFFSTORE a a b => :2
        SMEMBERS a => [\"1\" \"2\"]
        SDIFFSTORE a a a => :0
        EXISTS a => :0
        SINTERSTORE d none none => :0
        EXISTS d => :0
        SUNION b c b c b => [\"3\" \"4\" \"5\" \"x\" \"y\"]
        "
    ));
}

#[test]
fn an_intersection_is_counted_up_to_a_limit() {
    Local::default().check(
        "
        SADD a 1 2 3 => :3
        SINTERCARD 0 a => -ERR numkeys should be greater than 0
        SINTERCARD abc a => -ERR numkeys should be greater than 0
        SINTERCARD 5 a => -ERR Number of keys can't be greater than number of args
        SINTERCARD 1 a a => -ERR syntax error
        SINTERCARD 1 a LIMIT => -ERR syntax error
        SINTERCARD 1 a LIMIT abc => -ERR LIMIT can't be negative
        SINTERCARD 1 a LIMIT 1 LIMIT 2 => :2
        SINTERCARD 2 a a LIMIT 0 => :3
        SINTERCARD 2 a none => :0
        ",
    );
}

#[test]
fn counts_of_random_members() {
    let mut local = Local::default();
    local.check(
        "
        SPOP s abc => -ERR value is out of range, must be positive
        SPOP s -1 => -ERR value is out of range, must be positive
        SPOP s 1 2 => -ERR syntax error
        SPOP s 1 => []
        SPOP s => nil
        SRANDMEMBER s abc => -ERR value is not an integer or out of range
        SRANDMEMBER s -9223372036854775808 => -ERR value is out of range, value must between \
         -9223372036854775807 and 9223372036854775807
        SRANDMEMBER s 1 2 => -ERR syntax error
        SRANDMEMBER s 1 => []
        SRANDMEMBER s => nil
        SADD s a => :1
        SRANDMEMBER s -3 => [\"a\" \"a\" \"a\"]
        SRANDMEMBER s 3 => [\"a\"]
        SPOP s 0 => []
        SPOP s 2 => [\"a\"]
        EXISTS s => :0
        SADD s a => :1
        SPOP s => \"a\"
        EXISTS s => :0
        ",
    );
}

/// Whatever its form, a set gives each member away once.
#[test]
fn popped_members_are_distinct_and_gone() {
    let mut local = Local::default();
    for (prefix, size) in [("", 40), ("", 1000), ("m", 40), ("m", 3000)] {
        for number in 0..size {
            local.run(&["SADD", "s", &format!("{prefix}{number}")]);
        }
        let mut seen = BTreeSet::new();
        for count in [1, size / 4, size / 2, size] {
            let Value::Array(members) = local.run(&["SPOP", "s", &count.to_string()]) else {
                panic!("an array");
            };
            seen.extend(members.iter().map(show));
        }
        assert_eq!(seen.len(), size);
        local.check("EXISTS s => :0");
    }
}

#[test]
fn resp3_has_sets() {
    let mut local = Local::default();
    local.run(&["HELLO", "3"]);
    local.run(&["SADD", "s", "a", "b"]);
    let is_set = |reply: &Value| matches!(reply, Value::Set(_));
    for line in ["SMEMBERS s", "SINTER s s", "SUNION s", "SDIFF s t", "SMEMBERS t", "SPOP t 2"] {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(is_set(&local.run(&words)), "{line}");
    }
    for line in ["SRANDMEMBER s 1", "SRANDMEMBER t 1", "SMISMEMBER s a"] {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(matches!(local.run(&words), Value::Array(_)), "{line}");
    }
    assert!(is_set(&local.run(&["SPOP", "s", "1"])));
}

/// Which way a difference is made shows in the encoding of what is left.
#[test]
fn a_difference_may_keep_the_encoding_of_the_first_set() {
    Local::default().check(
        "
        SADD first 0 1 2 3 4 5 6 7 8 x => :10
        SADD small x => :1
        SADD all 0 1 2 3 4 5 6 7 x => :9
        SDIFFSTORE d first small => :9
        OBJECT ENCODING d => \"intset\"
        SDIFFSTORE d first small none none none none => :9
        OBJECT ENCODING d => \"intset\"
        SDIFFSTORE d first small small small => :9
        OBJECT ENCODING d => \"hashtable\"
        SDIFFSTORE d first all all all => :1
        OBJECT ENCODING d => \"intset\"
        ",
    );
}
