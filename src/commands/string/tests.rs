//! The string commands in-process, where redis-server 7.0 has something to say that one would not
//! guess. The expected replies are its own.

use crate::config::Settings;
use crate::engine::testing::Local;

#[test]
fn set_refuses_rivals_but_not_repetition() {
    Local::default().check(
        "
        SET k v NX XX => -ERR syntax error
        SET k v EX 10 PX 10 => -ERR syntax error
        SET k v EX 10 KEEPTTL => -ERR syntax error
        SET k v PERSIST => -ERR syntax error
        SET k v EX => -ERR syntax error
        SET k v EX abc NX XX => -ERR syntax error
        EXISTS k => :0
        SET k v nx NX => +OK
        SET k v EX 10 ex 20 => +OK
        TTL k => :20
        SET k w KEEPTTL keepttl get GET => \"v\"
        TTL k => :20
        SET k x => +OK
        TTL k => :-1
        ",
    );
}

#[test]
fn set_depends_on_what_is_there() {
    Local::default().check(
        "
        SET k v XX => nil
        SET k v NX GET => nil
        SET k w NX GET => \"v\"
        SET k w NX => nil
        GET k => \"v\"
        SET k w XX => +OK
        SETNX k x => :0
        GETSET k 12 => \"w\"
        OBJECT ENCODING k => \"int\"
        MSETNX n 1 k 2 => :0
        EXISTS n => :0
        MSETNX n 1 n 2 m 3 => :1
        MGET n m none => [\"2\" \"3\" nil]
        MSET n => -ERR wrong number of arguments for 'mset' command
        MSETNX n 1 m => -ERR wrong number of arguments for 'msetnx' command
        ",
    );
}

#[test]
fn expiries_beyond_64_bits_are_refused_by_the_commands_name() {
    Local::default().check(
        "
        SET k v EX 0 => -ERR invalid expire time in 'set' command
        SET k v EX 9223372036854775807 => -ERR invalid expire time in 'set' command
        SET k v PX 9223372036854775807 => -ERR invalid expire time in 'set' command
        SET k v EXAT 9223372036854776 => -ERR invalid expire time in 'set' command
        SETEX k 0 v => -ERR invalid expire time in 'setex' command
        PSETEX k -1 v => -ERR invalid expire time in 'psetex' command
        SETEX k abc v => -ERR value is not an integer or out of range
        EXISTS k => :0
        SET k v PXAT 9223372036854775807 => +OK
        GETEX k EX -1 => -ERR invalid expire time in 'getex' command
        GETEX none EX abc => nil
        GETEX none EX abc PX => -ERR syntax error
        GETEX k PERSIST => \"v\"
        TTL k => :-1
        GETEX k EXAT 1 => \"v\"
        EXISTS k => :0
        SET k v EXAT 1 => +OK
        GET k => nil
        ",
    );
}

#[test]
fn another_kind_of_value_is_refused_and_stays() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut local = Local::default();
    local.check("HSET h f v => :1");
    for command in [
        "GET h",
        "GETDEL h",
        "GETEX h EX abc",
        "GETSET h v",
        "SET h v GET",
        "SET h v NX GET",
        "APPEND h v",
        "SETRANGE h 0 ''",
        "GETRANGE h 0 1",
        "STRLEN h",
        "INCR h",
        "INCRBYFLOAT h abc",
    ] {
        local.check(&format!("{command} => {wrong}"));
    }
    local.check(
        "
        LCS h k => -ERR The specified keys must contain string values
        MGET h => [nil]
        HGET h f => \"v\"
        SETNX h v => :0
        SETEX h 10 v => +OK
        GET h => \"v\"
        ",
    );
}

#[test]
fn counters_stop_at_their_limits_and_keep_their_lifetime() {
    Local::default().check(
        "
        SET n 9223372036854775806 EX 100 => +OK
        INCR n => :9223372036854775807
        INCR n => -ERR increment or decrement would overflow
        TTL n => :100
        DECRBY n -9223372036854775808 => -ERR decrement would overflow
        INCRBY n 1.5 => -ERR value is not an integer or out of range
        SET n 01 => +OK
        INCR n => -ERR value is not an integer or out of range
        INCRBYFLOAT n 0.25 => \"1.25\"
        INCRBYFLOAT none 3 => \"3\"
        OBJECT ENCODING none => \"embstr\"
        INCRBYFLOAT n inf => -ERR increment would produce NaN or Infinity
        INCRBYFLOAT n nan => -ERR value is not a valid float
        GET n => \"1.25\"
        DECR fresh => :-1
        ",
    );
}

#[test]
fn parts_of_a_string() {
    Local::default().check(
        "
        APPEND k 3 => :1
        OBJECT ENCODING k => \"int\"
        APPEND k 4 => :2
        OBJECT ENCODING k => \"raw\"
        SETRANGE k 4 x => :5
        GET k => \"34\\x00\\x00x\"
        SETRANGE k -1 '' => -ERR offset is out of range
        SETRANGE none 5 '' => :0
        EXISTS none => :0
        GETRANGE k -1 9223372036854775807 => \"x\"
        GETRANGE k -100 -200 => \"\"
        SUBSTR k 0 1 => \"34\"
        GETRANGE none a b => -ERR value is not an integer or out of range
        ",
    );
}

#[test]
fn no_string_grows_beyond_the_limit() {
    let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::default() };
    let mut local = Local::with_settings(settings);
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    local.check(&format!(
        "
        SETRANGE k 1048576 x => {too_long}
        SETRANGE k 9223372036854775807 x => {too_long}
        EXISTS k => :0
        SETRANGE k 1048575 x => :1048576
        APPEND k y => {too_long}
        APPEND k '' => :1048576
        LCS k none LEN => -ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
        "
    ));
}

#[test]
fn lcs_lists_its_matches_from_the_end() {
    Local::default().check(
        "
        MSET a ohmytext b mynewtext => +OK
        LCS a b => \"mytext\"
        LCS a b LEN => :6
        LCS a b IDX => [\"matches\" [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] \"len\" :6]
        LCS a b IDX MINMATCHLEN 3 WITHMATCHLEN => [\"matches\" [[[:4 :7] [:5 :8] :4]] \"len\" :6]
        LCS a none IDX MINMATCHLEN -1 => [\"matches\" [] \"len\" :0]
        LCS a b LEN IDX => -ERR If you want both the length and indexes, please just use IDX.
        LCS a b MINMATCHLEN => -ERR syntax error
        ",
    );
}

#[test]
fn what_is_compared_decides() {
    Local::default().check(
        "
        SET k w IFEQ v => nil
        SET k 10 => +OK
        SET k w IFEQ 010 => nil
        SET k w IFEQ 10 NX => -ERR syntax error
        SET k w IFEQ 10 IFEQ 11 => -ERR syntax error
        SET k w IFEQ => -ERR syntax error
        SET k w IFEQ 11 GET => \"10\"
        SET k w IFEQ 10 GET EX 100 => \"10\"
        GET k => \"w\"
        TTL k => :100
        SET k x IFEQ w => +OK
        TTL k => :-1
        DELIFEQ k w => :0
        DELIFEQ k x => :1
        DELIFEQ k x => :0
        HSET h f v => :1
        DELIFEQ h v => -WRONGTYPE Operation against a key holding the wrong kind of value
        SET h v IFEQ v => -WRONGTYPE Operation against a key holding the wrong kind of value
        ",
    );
}

#[test]
fn what_was_compared_is_not_compared_again() {
    let lines = Local::logged(
        "
        SET s v
        SET s w IFEQ x
        SET s w IFEQ v
        SET s x IFEQ w GET PXAT 4102444800000
        SET s y IFEQ x KEEPTTL
        DELIFEQ s x
        DELIFEQ s y
        ",
    );
    let expected = [
        "SELECT 0",
        "SET s v",
        "SET s w",
        "SET s x PXAT 4102444800000",
        "SET s y KEEPTTL",
        "DEL s",
    ];
    assert_eq!(lines, expected);
}
