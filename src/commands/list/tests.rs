//! The list commands in-process, where redis-server 7.0 has something to say that one would not
//! guess. The expected replies are its own.

use crate::config::Settings;
use crate::engine::testing::Local;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn pops_check_their_count_before_the_key() {
    Local::default().check(
        "
        LPOP l 1 2 => -ERR wrong number of arguments for 'lpop' command
        LPOP l abc => -ERR value is out of range, must be positive
        RPOP l -1 => -ERR value is out of range, must be positive
        LPOP l 0 => nil
        RPUSH l a b c => :3
        LPOP l 0 => []
        RPOP l 2 => [\"c\" \"b\"]
        LPOP l 9223372036854775807 => [\"a\"]
        EXISTS l => :0
        LPOP l => nil
        LPUSHX l a => :0
        EXISTS l => :0
        ",
    );
}

#[test]
fn indexes_count_from_either_end() {
    Local::default().check(
        "
        LINDEX l abc => nil
        LSET l abc v => -ERR no such key
        RPUSH l a b 7 => :3
        OBJECT ENCODING l => \"quicklist\"
        LINDEX l abc => -ERR value is not an integer or out of range
        LINDEX l -1 => \"7\"
        LINDEX l -9223372036854775808 => nil
        LSET l 3 v => -ERR index out of range
        LSET l -4 v => -ERR index out of range
        LSET l -3 v => +OK
        LRANGE l -100 9223372036854775807 => [\"v\" \"b\" \"7\"]
        LRANGE l -9223372036854775808 -2 => [\"v\" \"b\"]
        LRANGE l 2 1 => []
        LRANGE none 0 x => -ERR value is not an integer or out of range
        LTRIM l 1 -2 => +OK
        LRANGE l 0 -1 => [\"b\"]
        LTRIM l 1 1 => +OK
        EXISTS l => :0
        ",
    );
}

#[test]
fn elements_are_found_from_either_end() {
    Local::default().check(
        "
        LPOS none a RANK 0 => -ERR RANK can't be zero: use 1 to start from the first match, 2 from \
         the second ... or use negative to start from the end of the list
        LPOS none a COUNT 1 => []
        LPOS none a => nil
        RPUSH l a b 1 a b 1 => :6
        LPOS l 1 => :2
        LPOS l a RANK -1 => :3
        LPOS l a RANK -9223372036854775808 => :3
        LPOS l a RANK 3 => nil
        LPOS l b COUNT 0 RANK -1 => [:4 :1]
        LPOS l b COUNT 0 RANK 2 => [:4]
        LPOS l b COUNT 1 MAXLEN 1 => []
        LPOS l b RANK => -ERR syntax error
        LPOS l b COUNT -1 => -ERR COUNT can't be negative
        LPOS l b MAXLEN abc => -ERR MAXLEN can't be negative
        LPOS l b MAXLEN -1 => -ERR MAXLEN can't be negative
        LINSERT l foo b x => -ERR syntax error
        LINSERT l AFTER 1 x => :7
        LINSERT l before zz x => :-1
        LINSERT none before zz x => :0
        LREM l -1 b => :1
        LREM l 0 1 => :2
        LRANGE l 0 -1 => [\"a\" \"b\" \"x\" \"a\"]
        LREM l -9223372036854775808 a => :2
        LREM l 1 b => :1
        LREM l 1 x => :1
        EXISTS l => :0
        ",
    );
}

#[test]
fn elements_move_between_lists_and_within_one() {
    Local::default().check(&format!(
        "
        SET s v => +OK
        LMOVE none s LEFT FOO => -ERR syntax error
        LMOVE none s LEFT LEFT => nil
        RPUSH l a b c => :3
        LMOVE l s LEFT LEFT => {WRONG_TYPE}
        LMOVE s l LEFT LEFT => {WRONG_TYPE}
        LLEN l => :3
        LMOVE l l LEFT RIGHT => \"a\"
        RPOPLPUSH l m => \"a\"
        LMOVE l m right right => \"c\"
        LMOVE l m left left => \"b\"
        EXISTS l => :0
        LRANGE m 0 -1 => [\"b\" \"a\" \"c\"]
        LTRIM m 0 0 => +OK
        RPOPLPUSH m m => \"b\"
        LLEN m => :1
        "
    ));
}

#[test]
fn several_keys_are_tried_in_turn() {
    Local::default().check(&format!(
        "
        LMPOP 0 l LEFT => -ERR numkeys should be greater than 0
        LMPOP abc l LEFT => -ERR numkeys should be greater than 0
        LMPOP 9223372036854775807 l LEFT => -ERR syntax error
        LMPOP 2 l LEFT => -ERR syntax error
        LMPOP 1 l FOO => -ERR syntax error
        LMPOP 1 l LEFT COUNT => -ERR syntax error
        LMPOP 1 l LEFT COUNT 0 => -ERR count should be greater than 0
        LMPOP 1 l LEFT COUNT 1 COUNT 1 => -ERR syntax error
        LMPOP 1 l LEFT => nil
        SET s v => +OK
        LMPOP 2 l s LEFT => {WRONG_TYPE}
        RPUSH l a b c => :3
        LMPOP 2 l s RIGHT COUNT 2 => [\"l\" [\"c\" \"b\"]]
        LMPOP 2 none l left count 10 => [\"l\" [\"a\"]]
        EXISTS l => :0
        "
    ));
}

/// A list of many nodes, whatever end it is used from.
#[test]
fn long_lists_keep_their_order() {
    let settings = Settings { list_max_listpack_size: 3, ..Settings::default() };
    let mut local = Local::with_settings(settings);
    for number in 0..50 {
        local.check(&format!("RPUSH l {number} => :{}", 2 * number + 1));
        local.check(&format!("LPUSH l -{number}x => :{}", 2 * number + 2));
    }
    local.check(
        "
        LRANGE l 48 52 => [\"-1x\" \"-0x\" \"0\" \"1\" \"2\"]
        LINDEX l 99 => \"49\"
        LPOS l 20 => :70
        RPOP l 3 => [\"49\" \"48\" \"47\"]
        LPOP l 2 => [\"-49x\" \"-48x\"]
        LINSERT l BEFORE 20 y => :96
        LRANGE l 67 69 => [\"19\" \"y\" \"20\"]
        LTRIM l 60 -20 => +OK
        LRANGE l 0 1 => [\"12\" \"13\"]
        LLEN l => :17
        ",
    );
}
