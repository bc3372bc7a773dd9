//! The bitmap commands in-process, where redis-server 7.0 has something to say that one would not
//! guess. The expected replies are its own.

use crate::config::Settings;
use crate::engine::testing::Local;

#[test]
fn the_order_in_which_mistakes_are_found() {
    Local::default().check(
        "
        BITCOUNT none 0 x bogus => :0
        BITPOS none 2 => -ERR The bit argument must be 1 or 0.
        BITPOS none 1 x y => :-1
        SET k abc => +OK
        BITCOUNT k 0 => -ERR syntax error
        BITCOUNT k x 1 bogus => -ERR value is not an integer or out of range
        BITCOUNT k -1 -2 bogus => :0
        BITCOUNT k 0 1 bogus => -ERR syntax error
        BITCOUNT k x 1 BIT y => -ERR syntax error
        BITPOS k 1 0 x bogus => -ERR syntax error
        BITPOS k 1 x 0 bogus => -ERR value is not an integer or out of range
        GETBIT k -1 => -ERR bit offset is not an integer or out of range
        SETBIT k x 2 => -ERR bit offset is not an integer or out of range
        SETBIT k 0 2 => -ERR bit is not an integer or out of range
        BITOP bogus d k => -ERR syntax error
        BITOP NOT d k k => -ERR BITOP NOT must be called with a single source key.
        BITFIELD k GET u64 x => -ERR Invalid bitfield type. Use something like i16 u8. Note that \
            u64 is not supported but i64 is.
        BITFIELD k OVERFLOW bogus => -ERR Invalid OVERFLOW type specified
        BITFIELD k SET u8 0 => -ERR syntax error
        BITFIELD_RO k SET u8 0 1 => -ERR BITFIELD_RO only supports the GET subcommand
        BITFIELD_RO k OVERFLOW SAT GET u8 #1 => [:98]
        ",
    );
}

#[test]
fn ranges_and_what_lies_behind_the_end() {
    Local::default().check(
        "
        BITFIELD k SET u16 0 65535 => [:0]
        BITPOS k 0 => :16
        BITPOS k 0 0 => :16
        BITPOS k 0 0 -1 => :-1
        BITPOS k 0 2 => :-1
        BITPOS k 1 -100 -200 => :0
        BITCOUNT k -100 -200 => :0
        BITCOUNT k 3 12 BIT => :10
        BITPOS k 1 9 -1 BIT => :9
        APPEND empty '' => :0
        BITPOS empty 0 => :-1
        GETBIT k 4294967295 => :0
        ",
    );
}

#[test]
fn joining_strings_of_different_lengths() {
    Local::default().check(
        "
        MSET a abc b 11 => +OK
        BITOP AND d a b => :3
        GET d => \"! \\x00\"
        BITOP OR d a b none => :3
        GET d => \"qsc\"
        BITOP XOR d b b => :2
        GET d => \"\\x00\\x00\"
        BITOP NOT d b => :2
        GET d => \"\\xce\\xce\"
        OBJECT ENCODING d => \"raw\"
        BITOP AND d none => :0
        EXISTS d => :0
        ",
    );
}

#[test]
fn fields_overflow_as_they_are_told() {
    Local::default().check(
        "
        BITFIELD k OVERFLOW FAIL INCRBY u8 0 300 => [nil]
        STRLEN k => :1
        BITFIELD k INCRBY u8 0 300 OVERFLOW SAT INCRBY u8 0 300 GET u8 0 => [:44 :255 :255]
        BITFIELD k OVERFLOW SAT SET i8 0 -129 GET i8 0 => [:-1 :-128]
        BITFIELD k SET u4 #1 15 GET u8 0 => [:0 :143]
        BITFIELD none GET i64 0 => [:0]
        EXISTS none => :0
        BITFIELD none => []
        ",
    );
}

#[test]
fn offsets_end_where_strings_do() {
    let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::default() };
    Local::with_settings(settings).check(
        "
        SETBIT k 8388608 1 => -ERR bit offset is not an integer or out of range
        SETBIT k 8388607 1 => :0
        SETBIT k 8388607 1 => :1
        STRLEN k => :1048576
        BITCOUNT k => :1
        BITFIELD k GET u8 #1048576 => -ERR bit offset is not an integer or out of range
        HSET h f v => :1
        SETBIT h 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        BITOP OR d k h => -WRONGTYPE Operation against a key holding the wrong kind of value
        EXISTS d => :0
        ",
    );
}
