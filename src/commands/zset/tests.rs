//! The sorted set commands in-process. The expected replies are those of redis-server 7.0.

use crate::engine::testing::Local;

#[test]
fn options_of_zadd_are_judged_before_scores() {
    let mut local = Local::default();
    local.check(
        "
        ZADD z NX XX 1 => -ERR syntax error
        ZADD z NX XX 1 a => -ERR XX and NX options at the same time are not compatible
        ZADD z GT LT 1 a => -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z NX GT 1 a => -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z INCR 1 a 2 b => -ERR INCR option supports a single increment-element pair
        ZADD z INCR NX GT 1 a 2 b => -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z 1 a 2 => -ERR syntax error
        ZADD z NX NX => -ERR syntax error
        ZADD z CH INCR => -ERR syntax error
        ZADD z x a => -ERR value is not a valid float
        ZADD z 1 a x b => -ERR value is not a valid float
        ZADD z nan a => -ERR value is not a valid float
        EXISTS z => :0
        SET str x => +OK
        ZADD str x a => -ERR value is not a valid float
        ZADD str 1 a => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD str NX XX 1 a => -ERR XX and NX options at the same time are not compatible
        ZADD str INCR nan a => -ERR value is not a valid float
        ZINCRBY str abc zero => -ERR value is not a valid float
        ZINCRBY str 1 zero => -WRONGTYPE Operation against a key holding the wrong kind of value
        ",
    );
}

#[test]
fn zadd_sets_adds_to_and_keeps_scores() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z XX INCR 1 a => nil
        ZADD z XX 1 a => :0
        EXISTS z => :0
        ZADD z INCR 1 a => "1"
        ZADD z NX INCR 1 a => nil
        ZADD z GT INCR -1 a => nil
        ZADD z GT INCR 1 a => "2"
        ZADD z LT INCR 1 a => nil
        ZADD z INCR inf a => "inf"
        ZADD z INCR -inf a => -ERR resulting score is not a number (NaN)
        ZADD z 5 n => :1
        ZADD z CH 5 n 6 n 7 n => :2
        ZADD z 5 n 6 n 1 q 2 q => :1
        ZADD z XX CH 5 n 1 none => :1
        ZADD z GT CH 4 n 6 q 1 new => :2
        ZADD z LT CH 4 n 7 q => :1
        ZADD z NX CH 0 n 1 newer => :1
        ZRANGE z 0 -1 WITHSCORES => ["new" "1" "newer" "1" "n" "4" "q" "6" "a" "inf"]
        ZINCRBY z 0.1 n => "4.0999999999999996"
        ZINCRBY z inf i => "inf"
        ZINCRBY z -inf i => -ERR resulting score is not a number (NaN)
        ZADD zero INCR -0 a => "-0"
        ZSCORE zero a => "0"
        ZADD zero CH 0 a => :0
        ZREM z a a a => :1
        ZREM z n q new newer none => :4
        ZREM z i => :1
        EXISTS z => :0
        "#,
    );
}

#[test]
fn scores_and_ranks() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2.5 b inf c => :3
        SET str x => +OK
        ZSCORE z b => "2.5"
        ZSCORE z none => nil
        ZSCORE none a => nil
        ZSCORE str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZMSCORE z c none a => ["inf" nil "1"]
        ZMSCORE none a b => [nil nil]
        ZMSCORE str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANK z b => :1
        ZREVRANK z a => :2
        ZRANK z none => nil
        ZRANK none a => nil
        ZREVRANK str a => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANK z a b c => -ERR wrong number of arguments for 'zrank' command
        ZCARD z => :3
        ZCARD none => :0
        ZCARD str => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn counting_between_bounds() {
    let mut local = Local::default();
    local.check(
        "
        ZADD z 1 a 2 b 3 c 5 d => :4
        SET str x => +OK
        ZCOUNT z x 1 => -ERR min or max is not a float
        ZCOUNT str x 1 => -ERR min or max is not a float
        ZCOUNT str 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZCOUNT none 1 2 => :0
        ZCOUNT z (1 (5 => :2
        ZCOUNT z -inf +inf => :4
        ZCOUNT z ( 5 => :4
        ZCOUNT z '' 5 => :4
        ZCOUNT z nan 5 => -ERR min or max is not a float
        ZCOUNT z 3 2 => :0
        ZLEXCOUNT z - + => :4
        ZLEXCOUNT z + - => :0
        ZLEXCOUNT z a b => -ERR min or max not valid string range item
        ZLEXCOUNT none a b => -ERR min or max not valid string range item
        ZLEXCOUNT str [a [b => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZLEXCOUNT z '' + => -ERR min or max not valid string range item
        ZLEXCOUNT z -x + => -ERR min or max not valid string range item
        ZLEXCOUNT z [b (d => :2
        ZLEXCOUNT z [ ( => :0
        ",
    );
}

#[test]
fn members_out_of_order_end_a_range_by_member() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 e 2 d 3 c 4 b 5 a => :5
        ZRANGEBYLEX z [b [d => []
        ZREVRANGEBYLEX z [d [b => []
        ZLEXCOUNT z [a [c => :0
        ZRANGEBYLEX z - [e => ["e" "d" "c" "b" "a"]
        ZRANGEBYLEX z - (e => []
        ZREVRANGEBYLEX z [e [b => []
        ZREMRANGEBYLEX z (c [e => :0
        ZADD y 0 new 1 a 2 b => :3
        ZRANGEBYLEX y [a (c => []
        ZREVRANGEBYLEX y + [b => ["b"]
        ZREVRANGEBYLEX y + (a => ["b"]
        "#,
    );
}

#[test]
fn zrange_has_every_form() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        SET str x => +OK
        ZRANGE z a 1 => -ERR value is not an integer or out of range
        ZRANGE str a 1 => -ERR value is not an integer or out of range
        ZRANGE str 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGE z 0 -1 WITHSCORES WITHSCORES => ["a" "1" "b" "2" "c" "3" "d" "4" "e" "5"]
        ZRANGE z 0 -1 LIMIT 0 1 => -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZRANGE z 0 -1 LIMIT 1 -1 => ["a" "b" "c" "d" "e"]
        ZRANGE z 0 -1 LIMIT x 1 => -ERR value is not an integer or out of range
        ZRANGE z 0 -1 LIMIT 1 => -ERR syntax error
        ZRANGE z 0 -1 BYLEX WITHSCORES => -ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGE z 0 -1 BYLEX BYSCORE => -ERR syntax error
        ZRANGE z - + BYLEX LIMIT 0 2 => ["a" "b"]
        ZRANGE z + - BYLEX LIMIT 0 2 REV => ["e" "d"]
        ZRANGE z 0 -1 FOO => -ERR syntax error
        ZRANGE z 0 -1 REV REV => -ERR syntax error
        ZRANGE z 5 1 BYSCORE REV LIMIT 1 2 WITHSCORES => ["d" "4" "c" "3"]
        ZRANGE z 1 5 BYSCORE LIMIT -1 2 => []
        ZRANGE z 1 5 BYSCORE LIMIT 1 -1 => ["b" "c" "d" "e"]
        ZRANGE z 1 5 BYSCORE LIMIT 1 0 => []
        ZRANGE z 1 5 BYSCORE LIMIT 100 1 => []
        ZRANGE z 1 5 BYSCORE LIMIT 0 1 LIMIT 1 1 => ["b"]
        ZRANGE z 1 5 BYSCORE LIMIT 9223372036854775807 9223372036854775807 => []
        ZRANGE str x 5 BYSCORE LIMIT 0 1 => -ERR min or max is not a float
        ZRANGE str 1 5 BYSCORE => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGE none 1 5 BYSCORE => []
        ZRANGE none x 5 => -ERR value is not an integer or out of range
        ZRANGE z -100 100 => ["a" "b" "c" "d" "e"]
        ZRANGE z 3 1 => []
        ZRANGE z -2 -1 WITHSCORES => ["d" "4" "e" "5"]
        ZRANGE z 0 1 REV WITHSCORES => ["e" "5" "d" "4"]
        ZRANGE z -9223372036854775808 9223372036854775807 REV => ["e" "d" "c" "b" "a"]
        "#,
    );
}

#[test]
fn what_a_name_says_is_no_option() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        ZREVRANGE z 0 1 REV => -ERR syntax error
        ZREVRANGE z 0 1 withscores => ["e" "5" "d" "4"]
        ZREVRANGE z 0 1 LIMIT 0 1 => -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZREVRANGE z 0 1 BYSCORE => -ERR syntax error
        ZRANGEBYSCORE z 1 5 LIMIT 0 2 => ["a" "b"]
        ZRANGEBYSCORE z 1 5 LIMIT 0 2 WITHSCORES => ["a" "1" "b" "2"]
        ZRANGEBYSCORE z 1 5 LIMIT 0 => -ERR syntax error
        ZRANGEBYSCORE z 1 5 REV => -ERR syntax error
        ZRANGEBYSCORE z 1 5 BYLEX => -ERR syntax error
        ZREVRANGEBYSCORE z 5 1 LIMIT 0 2 => ["e" "d"]
        ZREVRANGEBYSCORE z (5 (1 => ["d" "c" "b"]
        ZRANGEBYLEX z - + WITHSCORES => -ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZREVRANGEBYLEX z + - LIMIT 0 2 => ["e" "d"]
        ZRANGESTORE d z 0 1 WITHSCORES => -ERR syntax error
        "#,
    );
}

#[test]
fn ranges_are_stored() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        SET str x => +OK
        ZRANGESTORE d z 0 1 => :2
        OBJECT ENCODING d => "listpack"
        ZRANGESTORE d none 0 1 => :0
        EXISTS d => :0
        ZRANGESTORE d none 0 1 => :0
        ZRANGESTORE d str 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGESTORE d z 1 2 BYSCORE => :2
        ZRANGESTORE d z 3 1 BYSCORE REV LIMIT 0 1 => :1
        ZRANGE d 0 -1 WITHSCORES => ["c" "3"]
        ZRANGESTORE str z 4 6 => :1
        TYPE str => +zset
        ZRANGESTORE z z 0 2 => :3
        ZRANGE z 0 -1 => ["a" "b" "c"]
        "#,
    );
}

#[test]
fn ranges_are_removed() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        SET str x => +OK
        ZREMRANGEBYRANK z x 1 => -ERR value is not an integer or out of range
        ZREMRANGEBYRANK str x 1 => -ERR value is not an integer or out of range
        ZREMRANGEBYRANK str 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREMRANGEBYRANK z 5 1 => :0
        ZREMRANGEBYRANK z 0 0 => :1
        ZREMRANGEBYSCORE z x 1 => -ERR min or max is not a float
        ZREMRANGEBYSCORE z (2 3 => :1
        ZREMRANGEBYSCORE str x 1 => -ERR min or max is not a float
        ZREMRANGEBYSCORE str 0 1 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREMRANGEBYLEX z x 1 => -ERR min or max not valid string range item
        ZRANGE z 0 -1 => ["b" "d" "e"]
        ZREMRANGEBYLEX z - + => :3
        EXISTS z => :0
        ZREMRANGEBYLEX z - + => :0
        "#,
    );
}

#[test]
fn members_are_popped_from_either_end() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        SET str x => +OK
        ZPOPMIN z 0 => []
        ZPOPMIN z -1 => -ERR value is out of range, must be positive
        ZPOPMIN str -1 => -ERR value is out of range, must be positive
        ZPOPMIN str 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZPOPMIN str => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZPOPMIN none => []
        ZPOPMIN none 2 => []
        ZPOPMIN none x => -ERR value is out of range, must be positive
        ZPOPMIN z => ["a" "1"]
        ZPOPMAX z 2 => ["e" "5" "d" "4"]
        ZPOPMAX z 1 2 => -ERR syntax error
        ZPOPMIN z 100 => ["b" "2" "c" "3"]
        EXISTS z => :0
        "#,
    );
}

#[test]
fn zmpop_takes_from_the_first_key_that_has_any() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e => :5
        SET str x => +OK
        ZMPOP x z MIN => -ERR numkeys should be greater than 0
        ZMPOP 0 z MIN => -ERR numkeys should be greater than 0
        ZMPOP -1 z MIN => -ERR numkeys should be greater than 0
        ZMPOP 1 z FOO => -ERR syntax error
        ZMPOP 2 z MIN => -ERR syntax error
        ZMPOP 3 z MIN => -ERR syntax error
        ZMPOP 1 z MIN COUNT => -ERR syntax error
        ZMPOP 1 z MIN COUNT 0 => -ERR count should be greater than 0
        ZMPOP 1 z MIN COUNT 2 COUNT 2 => -ERR syntax error
        ZMPOP 1 z MIN MAX => -ERR syntax error
        ZMPOP 1 z COUNT 1 MIN => -ERR syntax error
        ZMPOP 9223372036854775807 z MIN => -ERR syntax error
        ZMPOP 99999999999999999999 z MIN => -ERR numkeys should be greater than 0
        ZMPOP 2 none str MAX COUNT 0 => -ERR count should be greater than 0
        ZMPOP 2 none str MAX => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZMPOP 2 none z MIN => ["z" [["a" "1"]]]
        ZMPOP 2 z str MAX COUNT 2 => ["z" [["e" "5"] ["d" "4"]]]
        ZMPOP 1 z MAX COUNT 100 => ["z" [["c" "3"] ["b" "2"]]]
        ZMPOP 1 z MAX => nil
        "#,
    );
}

#[test]
fn combinations_check_keys_before_options() {
    let mut local = Local::default();
    local.check(
        "
        ZADD z 1 a 2 b 3 c => :3
        ZADD y 10 b 20 c 30 d => :3
        SET str x => +OK
        ZUNION 0 z => -ERR at least 1 input key is needed for 'zunion' command
        ZUNION x z => -ERR value is not an integer or out of range
        ZUNION -1 z => -ERR at least 1 input key is needed for 'zunion' command
        ZUNION 3 z y => -ERR syntax error
        ZUNION 9223372036854775807 z y => -ERR syntax error
        ZUNION 2 z str FOO => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNION 2 str z WEIGHTS 1 x => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNION 2 z y WEIGHTS 1 => -ERR syntax error
        ZUNION 2 z y WEIGHTS 1 x => -ERR weight value is not a float
        ZUNION 2 z y WEIGHTS 1 nan => -ERR weight value is not a float
        ZUNION 2 z y WEIGHTS 1 2 3 => -ERR syntax error
        ZUNION 2 z y AGGREGATE => -ERR syntax error
        ZUNION 2 z y AGGREGATE foo => -ERR syntax error
        ZUNION 2 z y LIMIT 1 => -ERR syntax error
        ZDIFF 2 z y WEIGHTS 1 2 => -ERR syntax error
        ZDIFF 2 z y AGGREGATE MIN => -ERR syntax error
        ZDIFF 3 none z str => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZINTER 2 none str => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNIONSTORE d 2 z y WITHSCORES => -ERR syntax error
        ZUNIONSTORE d 0 z y => -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d x z y => -ERR value is not an integer or out of range
        ZINTERSTORE d 3 z y => -ERR syntax error
        ZDIFFSTORE d 0 z => -ERR at least 1 input key is needed for 'zdiffstore' command
        ZINTERCARD 0 z => -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD x z => -ERR value is not an integer or out of range
        ZINTERCARD 3 z y => -ERR syntax error
        ZINTERCARD 2 z y LIMIT -1 => -ERR LIMIT can't be negative
        ZINTERCARD 2 z y LIMIT x => -ERR LIMIT can't be negative
        ZINTERCARD 2 z y LIMIT => -ERR syntax error
        ZINTERCARD 2 z y WITHSCORES => -ERR syntax error
        ZINTERCARD 2 none str LIMIT x => -WRONGTYPE Operation against a key holding the wrong kind of value
        ",
    );
}

#[test]
fn sorted_sets_are_combined() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c => :3
        ZADD y 10 b 20 c 30 d => :3
        ZUNION 2 z y AGGREGATE min AGGREGATE max WITHSCORES => ["a" "1" "b" "10" "c" "20" "d" "30"]
        ZUNION 2 z z => ["a" "b" "c"]
        ZINTER 2 z y WITHSCORES => ["b" "12" "c" "23"]
        ZINTER 2 z none WITHSCORES => []
        ZINTER 2 z y AGGREGATE MIN WITHSCORES => ["b" "2" "c" "3"]
        ZDIFF 2 z y WITHSCORES => ["a" "1"]
        ZDIFF 2 z z => []
        ZDIFF 2 none z => []
        ZINTERCARD 2 z y => :2
        ZINTERCARD 2 z y LIMIT 1 => :1
        ZINTERCARD 2 z y LIMIT 0 => :2
        ZINTERCARD 2 z y LIMIT 1 LIMIT 2 => :2
        ZUNIONSTORE d 2 z y => :4
        ZRANGE d 0 -1 WITHSCORES => ["a" "1" "b" "12" "c" "23" "d" "30"]
        OBJECT ENCODING d => "listpack"
        ZDIFFSTORE z 2 z y => :1
        ZRANGE z 0 -1 WITHSCORES => ["a" "1"]
        ZINTERSTORE d 2 z none => :0
        EXISTS d => :0
        "#,
    );
}

#[test]
fn infinities_that_cancel_out_are_zero() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD a inf m => :1
        ZADD b 1 m 2 n => :2
        ZINTER 2 a b WEIGHTS 0 1 WITHSCORES => ["m" "1"]
        ZINTER 2 b a WEIGHTS 1 0 WITHSCORES => ["m" "1"]
        ZADD a 1 n 3 q => :2
        ZINTER 2 b a WEIGHTS 1 0 WITHSCORES => ["m" "0" "n" "2"]
        ZINTER 2 b a WEIGHTS 1 0 AGGREGATE MIN WITHSCORES => ["n" "0" "m" "1"]
        ZINTER 2 b a WEIGHTS 1 0 AGGREGATE MAX WITHSCORES => ["m" "1" "n" "2"]
        ZUNION 2 b a WEIGHTS 1 0 AGGREGATE MAX WITHSCORES => ["q" "0" "m" "1" "n" "2"]
        ZINTER 2 a a WEIGHTS 1 0 AGGREGATE MAX WITHSCORES => ["n" "1" "q" "3" "m" "inf"]
        ZUNIONSTORE d 2 a b WEIGHTS inf -inf => :3
        ZRANGE d 0 -1 WITHSCORES => ["m" "0" "n" "0" "q" "inf"]
        ZUNION 2 a b WEIGHTS -inf inf AGGREGATE MIN WITHSCORES => ["m" "-inf" "n" "-inf" "q" "-inf"]
        ZADD zero 0 a -5 b 3 c => :3
        ZUNION 1 zero WEIGHTS -0 WITHSCORES => ["a" "-0" "b" "0" "c" "-0"]
        "#,
    );
}

#[test]
fn random_members_and_steps() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a => :1
        SET str x => +OK
        ZRANDMEMBER z => "a"
        ZRANDMEMBER none => nil
        ZRANDMEMBER none 1 => []
        ZRANDMEMBER z 0 => []
        ZRANDMEMBER z 10 WITHSCORES => ["a" "1"]
        ZRANDMEMBER z -2 WITHSCORES => ["a" "1" "a" "1"]
        ZRANDMEMBER str x => -ERR value is not an integer or out of range
        ZRANDMEMBER str => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANDMEMBER none 1 WITHSCORES FOO => -ERR syntax error
        ZRANDMEMBER none -9223372036854775808 => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        ZRANDMEMBER none 4611686018427387904 WITHSCORES => -ERR value is out of range
        ZRANDMEMBER none -4611686018427387904 WITHSCORES => -ERR value is out of range
        ZSCAN none x => -ERR invalid cursor
        ZSCAN none 0 FOO => ["0" []]
        ZSCAN z 0 FOO => -ERR syntax error
        ZSCAN z 0 MATCH a => ["0" ["a" "1"]]
        ZSCAN z 0 NOVALUES => -ERR NOVALUES option can only be used in HSCAN
        ZSCAN str 0 => -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn replies_in_resp3() {
    let mut local = Local::default();
    local.run(&["HELLO", "3"]);
    local.check(
        r#"
        ZADD z 1 a 2 b 3.5 c 4 d 5 e => :5
        ZRANGE z 0 1 WITHSCORES => [["a" Double(1.0)] ["b" Double(2.0)]]
        ZADD z INCR 1.5 a => Double(2.5)
        ZADD z NX INCR 1 a => nil
        ZINCRBY z 1.5 a => Double(4.0)
        ZMSCORE z a x => [Double(4.0) nil]
        ZPOPMIN z => ["b" Double(2.0)]
        ZPOPMIN z 1 => [["c" Double(3.5)]]
        ZPOPMIN none => []
        ZMPOP 1 z MIN COUNT 1 => ["z" [["a" Double(4.0)]]]
        ZMPOP 1 none MIN COUNT 1 => nil
        ZUNION 1 z WITHSCORES => [["d" Double(4.0)] ["e" Double(5.0)]]
        ZUNION 1 z => ["d" "e"]
        ZINTER 1 none WITHSCORES => []
        ZDIFF 1 z WITHSCORES => [["d" Double(4.0)] ["e" Double(5.0)]]
        ZREM z e => :1
        ZRANDMEMBER z 1 WITHSCORES => [["d" Double(4.0)]]
        ZRANDMEMBER none => nil
        ZRANK z x => nil
        ZSCAN z 0 => ["0" ["d" "4"]]
        "#,
    );
}

#[test]
fn ranks_come_with_scores_if_asked_for() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1.5 a 2 b => :2
        ZRANK z b WITHSCORE => [:1 "2"]
        ZREVRANK z b withscore => [:0 "2"]
        ZRANK z none WITHSCORE => nil
        "#,
    );
}
#[test]
fn sets_and_sorted_sets_are_combined() {
    let mut local = Local::default();
    local.check(
        r#"
        ZADD z 1 a 2 b 3 c => :3
        ZADD y 10 b 20 c 30 d => :3
        SADD s c d x => :3
        ZUNION 2 z y AGGREGATE min AGGREGATE max WITHSCORES => ["a" "1" "b" "10" "c" "20" "d" "30"]
        ZUNION 3 z y s WITHSCORES => ["a" "1" "x" "1" "b" "12" "c" "24" "d" "31"]
        ZUNION 3 z y s WEIGHTS 2 3 4 WITHSCORES => ["a" "2" "x" "4" "b" "34" "c" "70" "d" "94"]
        ZUNION 3 z y s WEIGHTS 2 3 4 WEIGHTS 1 1 1 AGGREGATE MAX WITHSCORES => ["a" "1" "x" "1" "b" "10" "c" "20" "d" "30"]
        ZUNION 2 z z => ["a" "b" "c"]
        ZINTER 2 z y WITHSCORES => ["b" "12" "c" "23"]
        ZINTER 3 z y s WITHSCORES => ["c" "24"]
        ZINTER 2 z none WITHSCORES => []
        ZINTER 2 z y AGGREGATE MIN WITHSCORES => ["b" "2" "c" "3"]
        ZDIFF 2 z y WITHSCORES => ["a" "1"]
        ZDIFF 1 s WITHSCORES => ["c" "1" "d" "1" "x" "1"]
        ZDIFF 2 z z => []
        ZDIFF 2 none z => []
        ZINTERCARD 2 z y => :2
        ZINTERCARD 2 z y LIMIT 1 => :1
        ZINTERCARD 2 z y LIMIT 0 => :2
        ZINTERCARD 2 z y LIMIT 1 LIMIT 2 => :2
        ZINTERCARD 2 z s => :1
        ZUNIONSTORE d 2 z y => :4
        ZRANGE d 0 -1 WITHSCORES => ["a" "1" "b" "12" "c" "23" "d" "30"]
        OBJECT ENCODING d => "listpack"
        ZDIFFSTORE z 2 z y => :1
        ZRANGE z 0 -1 WITHSCORES => ["a" "1"]
        ZINTERSTORE d 2 z none => :0
        EXISTS d => :0
        ZINTERSTORE s 2 s y => :2
        ZRANGE s 0 -1 WITHSCORES => ["c" "21" "d" "31"]
        "#,
    );
}
#[test]
fn blocking_commands_judge_their_arguments() {
    let mut local = Local::default();
    local.check(
        r#"
        SET str x => +OK
        BZPOPMIN z x => -ERR timeout is not a float or out of range
        BZPOPMIN z -1 => -ERR timeout is negative
        BZPOPMIN str x => -ERR timeout is not a float or out of range
        BZMPOP x 0 z MIN => -ERR numkeys should be greater than 0
        BZMPOP -1 0 z MIN => -ERR numkeys should be greater than 0
        BZMPOP x 1 z MID => -ERR syntax error
        BZMPOP x 1 z MIN COUNT 0 => -ERR count should be greater than 0
        BZMPOP x 1 z MIN COUNT 1 => -ERR timeout is not a float or out of range
        BZMPOP -1 1 z MIN COUNT 1 => -ERR timeout is negative
        BZMPOP 0 2 z MIN => -ERR syntax error
        BZMPOP 0 3 z MIN => -ERR syntax error
        BZPOPMIN z str 0.01 => -WRONGTYPE Operation against a key holding the wrong kind of value
        BZMPOP 0.01 2 z str MIN => -WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD w 1 a 2 b 3 c 4 d 5 e => :5
        BZPOPMAX z w str 0 => ["w" "e" "5"]
        BZPOPMIN w w 0 => ["w" "a" "1"]
        BZMPOP 0 2 z w MIN COUNT 2 => ["w" [["b" "2"] ["c" "3"]]]
        BZMPOP 0 2 z w MAX COUNT 10 => ["w" [["d" "4"]]]
        EXISTS w => :0
        "#,
    );
}

#[test]
fn an_increment_that_reads_as_an_option_is_one() {
    let mut local = Local::default();
    local.check(
        "
        ZINCRBY z XX 1 => -ERR syntax error
        ZINCRBY z NX XX => -ERR syntax error
        ZINCRBY z gt a => -ERR syntax error
        ZINCRBY z abc a => -ERR value is not a valid float
        ",
    );
}

/// What Redis answers to a range by member though scores differ, where it does not hang on chance.
#[test]
fn a_bound_that_all_members_keep_or_none_counts_in_a_big_set_too() {
    let mut local = Local::default();
    for number in 0..300 {
        local.check(&format!("ZADD z {number} m{number} => :1"));
    }
    local.check(
        r#"
        OBJECT ENCODING z => "skiplist"
        ZLEXCOUNT z [a + => :300
        ZLEXCOUNT z - [z => :300
        ZLEXCOUNT z - (b => :0
        ZLEXCOUNT z [n + => :0
        ZRANGEBYLEX z [c + LIMIT 298 -1 => ["m298" "m299"]
        ZREMRANGEBYLEX z (b + => :300
        "#,
    );
}
