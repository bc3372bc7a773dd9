//! The commands about lifetimes of fields in-process, as Redis 7.4 and 8 have them.

use crate::base::Millis;
use crate::engine::testing::Local;

#[test]
fn fields_are_given_times_one_by_one() {
    Local::default().check(
        "
        HEXPIRE h 10 FIELDS 1 a => [:-2]
        HTTL h FIELDS 2 a b => [:-2 :-2]
        HPERSIST h FIELDS 1 a => [:-2]
        HSET h a 1 b 2 c 3 => :3
        HEXPIRE h 100 FIELDS 3 a b x => [:1 :1 :-2]
        HTTL h FIELDS 4 a b c x => [:100 :100 :-1 :-2]
        HEXPIRE h 200 NX FIELDS 2 a c => [:0 :1]
        HEXPIRE h 300 XX FIELDS 1 x => [:-2]
        HEXPIRE h 50 GT FIELDS 1 a => [:0]
        HEXPIRE h 500 gt FIELDS 1 a => [:1]
        HEXPIRE h 50 LT fields 1 a => [:1]
        HPEXPIREAT h 4102444800500 FIELDS 1 b => [:1]
        HPEXPIRETIME h FIELDS 2 b x => [:4102444800500 :-2]
        HEXPIRETIME h FIELDS 1 b => [:4102444801]
        HEXPIREAT h 4102444800 FIELDS 1 b => [:1]
        HPERSIST h FIELDS 3 b b x => [:1 :-1 :-2]
        HINCRBY h a 1 => :2
        HTTL h FIELDS 1 a => [:50]
        HSET h a 9 => :0
        HTTL h FIELDS 1 a => [:-1]
        OBJECT ENCODING h => \"listpackex\"
        HPERSIST h FIELDS 1 c => [:1]
        OBJECT ENCODING h => \"listpack\"
        ",
    );
}

#[test]
fn a_time_that_is_past_removes_the_field() {
    Local::default().check(
        "
        HSET h a 1 b 2 => :2
        HEXPIREAT h 1 FIELDS 2 a x => [:2 :-2]
        HGETALL h => [\"b\" \"2\"]
        HPEXPIRE h 0 FIELDS 1 b => [:2]
        EXISTS h => :0
        HSET h a 1 => :1
        HGETEX h PXAT 1 FIELDS 1 a => [\"1\"]
        EXISTS h => :0
        HSETEX h EXAT 1 FIELDS 1 a 1 => :1
        EXISTS h => :0
        ",
    );
}

#[test]
fn mistakes_are_named() {
    Local::default().check(
        "
        HSET h a 1 => :1
        HEXPIRE h -1 FIELDS 1 a => -ERR invalid expire time, must be >= 0
        HEXPIRE h x FIELDS 1 a => -ERR value is not an integer or out of range
        HPEXPIREAT h 281474976710655 FIELDS 1 a => -ERR invalid expire time in 'hpexpireat' command
        HEXPIRE h 10 FIELDS 2 a => -ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 10 FIELDS 0 a => -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 NX XX FIELDS 1 a => -ERR Mandatory argument FIELDS is missing or not at the \
            right position
        HTTL h FIELDS 2 a => -ERR The `numfields` parameter must match the number of arguments
        HGETEX h EX 10 PX 10 FIELDS 1 a => -ERR Mandatory argument FIELDS is missing or not at \
            the right position
        HGETEX h EX 9223372036854775807 FIELDS x a => -ERR invalid expire time in 'hgetex' command
        HGETEX h EX x FIELDS 1 a => -ERR value is not an integer or out of range
        HGETEX h EX -1 FIELDS 1 a => -ERR invalid expire time, must be >= 0
        HGETEX h FIELDS 0 a => -ERR Number of fields must be a positive integer
        HGETDEL h FIELDS x a => -ERR Number of fields must be a positive integer
        HTTL h FIELDS x a => -ERR Number of fields must be a positive integer
        HPERSIST h FIELDS 0 a => -ERR Number of fields must be a positive integer
        HSETEX h FNX FXX FIELDS 1 a 1 => -ERR Only one of FXX or FNX arguments can be specified
        HSETEX h EX -1 FIELDS 1 a 1 => -ERR invalid expire time, must be >= 0
        HSETEX h PXAT 70368744177664 FIELDS 1 a 1 => -ERR invalid expire time in 'hsetex' command
        HSETEX h EX 5 EX 5 FIELDS 1 a 1 => -ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL \
            arguments can be specified
        HSETEX h FIELDS 0 a 1 => -ERR invalid number of fields
        HSETEX h FIELDS 2147483648 a 1 => -ERR invalid number of fields
        HSETEX h EX 1 FXX FIELDS => -ERR wrong number of arguments for 'hsetex' command
        HSETEX h KEEPTTL EX 5 FIELDS 1 a 1 => -ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL \
            arguments can be specified
        HGETEX h FOO 1 FIELDS 1 a => -ERR Mandatory argument FIELDS is missing or not at the \
            right position
        HSETEX h FOO 1 FIELDS 1 a => -ERR unknown argument: FOO
        HSETEX h FIELDS 1 a 1 b => -ERR wrong number of arguments for 'hsetex' command
        HPEXPIREAT h 70368744177664 FIELDS 1 a => -ERR invalid expire time in 'hpexpireat' command
        HPEXPIREAT h 70368744177663 FIELDS 1 a => [:1]
        SET s v => +OK
        HSETEX s EX x FIELDS 1 a 1 => -ERR value is not an integer or out of range
        ",
    );
}

#[test]
fn another_kind_of_value_is_refused_before_mistakes_in_the_arguments() {
    let mut local = Local::default();
    local.check("SET s v => +OK");
    for request in [
        "HTTL s FOO 1 a",
        "HPERSIST s FIELDS x a",
        "HEXPIRE s x FIELDS 1 a",
        "HGETEX s EX x FIELDS 1 a",
        "HGETDEL s FOO 1 a",
    ] {
        let refused = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        local.check(&format!("{request} => {refused}"));
    }
}

#[test]
fn a_field_that_is_taken_is_gone_at_once() {
    Local::default().check(
        "
        HSET h a 1 b 2 c 3 d 4 => :4
        HGETDEL h FIELDS 3 a a z => [\"1\" nil nil]
        HGETEX h PX 0 FIELDS 3 b b z => [\"2\" nil nil]
        HGETEX h EX 100 FIELDS 2 c c => [\"3\" \"3\"]
        HSETEX h EX 0 FIELDS 2 c 5 d 5 => :1
        EXISTS h => :0
        ",
    );
}

#[test]
fn values_and_lifetimes_change_together() {
    Local::default().check(
        "
        HGETEX h EX 10 FIELDS 2 a b => [nil nil]
        HSETEX h FXX FIELDS 1 a 1 => :0
        EXISTS h => :0
        HSETEX h FNX EX 100 FIELDS 2 a 1 b 2 => :1
        HSETEX h FNX FIELDS 2 a 3 c 3 => :0
        HTTL h FIELDS 3 a b c => [:100 :100 :-2]
        HSETEX h KEEPTTL FXX FIELDS 1 a 4 => :1
        HTTL h FIELDS 1 a => [:100]
        HSETEX h FIELDS 1 a 5 => :1
        HTTL h FIELDS 1 a => [:-1]
        HGETEX h PERSIST FIELDS 3 a b x => [\"5\" \"2\" nil]
        HTTL h FIELDS 2 a b => [:-1 :-1]
        HGETEX h EX 60 FIELDS 2 a x => [\"5\" nil]
        HTTL h FIELDS 1 a => [:60]
        HGETDEL h FIELDS 2 a x => [\"5\" nil]
        HGETDEL h FIELDS 1 b => [\"2\"]
        EXISTS h => :0
        HGETDEL h FIELDS 1 b => [nil]
        ",
    );
}

#[test]
fn an_expired_field_is_gone_for_every_command() {
    let mut local = Local::default();
    local.check(
        "
        HSET h a 1 b 2 c 3 => :3
        HPEXPIRE h 1 FIELDS 2 a b => [:1 :1]
        ",
    );
    local.pass(Millis(2));
    local.check(
        "
        HLEN h => :1
        HGETALL h => [\"c\" \"3\"]
        HTTL h FIELDS 2 a c => [:-2 :-1]
        HPEXPIRE h 1 FIELDS 1 c => [:1]
        ",
    );
    local.pass(Millis(2));
    local.check(
        "
        EXISTS h => :0
        HSET h a 1 => :1
        ",
    );
}

#[test]
fn lifetimes_of_fields_are_absolute() {
    let lines = Local::logged(
        "
        HSET h a 1 b 2 c 3
        HPEXPIREAT h 4102444800000 FIELDS 2 a x
        HEXPIREAT h 4102444800 GT FIELDS 1 a
        HEXPIREAT h 1 FIELDS 2 b x
        HGETEX h FIELDS 1 a
        HGETEX h PXAT 4102444800001 FIELDS 2 a x
        HGETEX h PERSIST FIELDS 2 a c
        HSETEX h PXAT 4102444800000 FIELDS 1 a 5
        HGETDEL h FIELDS 2 a x
        ",
    );
    let expected = [
        "SELECT 0",
        "HSET h a 1 b 2 c 3",
        "HPEXPIREAT h 4102444800000 FIELDS 1 a",
        "HDEL h b",
        "HPEXPIREAT h 4102444800001 FIELDS 1 a",
        "HPERSIST h FIELDS 1 a",
        "MULTI",
        "HSET h a 5",
        "HPEXPIREAT h 4102444800000 FIELDS 1 a",
        "EXEC",
        "HDEL h a",
    ];
    assert_eq!(lines, expected);
}
