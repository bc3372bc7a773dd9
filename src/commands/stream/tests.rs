//! The stream commands in-process, where redis-server 7.0 has something to say that one would not
//! guess. The expected replies are its own.

use crate::engine::testing::Local;

#[test]
fn an_added_entry_is_past_all_others() {
    Local::default().check(
        "
        XADD x abc f v => -ERR Invalid stream ID specified as stream command argument
        XADD x 0-0 f v => -ERR The ID specified in XADD must be greater than 0-0
        XADD x 0-* f v => \"0-1\"
        XADD x 7-3 f v => \"7-3\"
        XADD x 7-* f v => \"7-4\"
        XADD x 7 f v => -ERR The ID specified in XADD is equal or smaller than the target stream \
            top item
        XADD x 5-* f v => -ERR The ID specified in XADD is equal or smaller than the target \
            stream top item
        XADD y NOMKSTREAM 1 f v => nil
        EXISTS y => :0
        XADD x 8 f v g => -ERR wrong number of arguments for 'xadd' command
        XADD s 1 f => -ERR wrong number of arguments for 'xadd' command
        SET s v => +OK
        XADD s 1 f v => -WRONGTYPE Operation against a key holding the wrong kind of value
        XADD s abc f v => -ERR Invalid stream ID specified as stream command argument
        XADD y 5-18446744073709551615 f v => \"5-18446744073709551615\"
        XADD y 5-* f v => -ERR Elements are too large to be stored
        XADD y 18446744073709551615-18446744073709551615 f v => \
            \"18446744073709551615-18446744073709551615\"
        XADD y * f v => -ERR The stream has exhausted the last possible ID, unable to add more \
            items
        XADD y 5 f v => -ERR The stream has exhausted the last possible ID, unable to add more \
            items
        XRANGE x - + => [[\"0-1\" [\"f\" \"v\"]] [\"7-3\" [\"f\" \"v\"]] [\"7-4\" [\"f\" \"v\"]]]
        ",
    );
}

#[test]
fn trims_are_read_before_the_id() {
    Local::default().check(
        "
        XADD x MAXLEN 5 1-1 a b => \"1-1\"
        XADD x LIMIT 5 MAXLEN ~ 3 1-2 a b => \"1-2\"
        XADD x LIMIT 5 1-3 a b => -ERR syntax error, LIMIT cannot be used without specifying a \
            trimming strategy
        XADD x LIMIT 5 MAXLEN = 3 1-3 a b => -ERR syntax error, LIMIT cannot be used without the \
            special ~ option
        XADD x LIMIT -1 1-3 a b => -ERR The LIMIT argument must be >= 0.
        XADD x MAXLEN -1 1-3 a b => -ERR The MAXLEN argument must be >= 0.
        XADD x MAXLEN 1 f v => -ERR Invalid stream ID specified as stream command argument
        XADD x MAXLEN 3 MINID abc 1-3 a b => -ERR syntax error, MAXLEN and MINID options at the \
            same time are not compatible
        XADD x MAXLEN = = 1-3 a b => -ERR value is not an integer or out of range
        XADD x MAXLEN = 5 LIMIT 4 1-3 f => -ERR syntax error, LIMIT cannot be used without the \
            special ~ option
        XADD x MINID 1-2 1-3 a b => \"1-3\"
        XLEN x => :2
        XADD x MAXLEN 0 1-4 a b => \"1-4\"
        XLEN x => :0
        EXISTS x => :1
        XTRIM x MAXLEN ~ => -ERR value is not an integer or out of range
        XTRIM x MAXLEN 5 = => -ERR syntax error
        XTRIM x LIMIT 5 MAXLEN => -ERR syntax error
        XTRIM x NOMKSTREAM MAXLEN 3 => -ERR syntax error
        XTRIM x MAXLEN 3 LIMIT 5 => -ERR syntax error, LIMIT cannot be used without the special \
            ~ option
        XTRIM none MAXLEN 0 => :0
        XADD x 2 a b => \"2-0\"
        XADD x 3 a b => \"3-0\"
        XTRIM x MINID 3 => :1
        XTRIM x MAXLEN 0 => :1
        ",
    );
}

#[test]
fn intervals_and_deletions() {
    Local::default().check(
        "
        XADD x 1-0 a 1 => \"1-0\"
        XADD x 1-1 b 2 => \"1-1\"
        XADD x 2-0 c 3 => \"2-0\"
        XRANGE x (1 2 => [[\"1-1\" [\"b\" \"2\"]] [\"2-0\" [\"c\" \"3\"]]]
        XRANGE x - (1-1 COUNT 1 COUNT 5 => [[\"1-0\" [\"a\" \"1\"]]]
        XRANGE x - + COUNT -1 => nil
        XRANGE none - + COUNT 0 => []
        XRANGE x - + COUNT => -ERR syntax error
        XRANGE x (- + => -ERR Invalid stream ID specified as stream command argument
        XRANGE x - (0-0 => -ERR invalid end ID for the interval
        XREVRANGE x (2-0 (1-0 => [[\"1-1\" [\"b\" \"2\"]]]
        XREVRANGE x 1 1 => [[\"1-1\" [\"b\" \"2\"]] [\"1-0\" [\"a\" \"1\"]]]
        XREVRANGE x - + => []
        XDEL x 1-0 abc => -ERR Invalid stream ID specified as stream command argument
        XDEL none abc => :0
        XDEL x 1-0 1-0 9-9 => :1
        XSETID x 1 => -ERR The ID specified in XSETID is smaller than the target stream top item
        XSETID x 9 ENTRIESADDED 1 => -ERR The entries_added specified in XSETID is smaller than \
            the target stream length
        XSETID x 9 MAXDELETEDID 10 => -ERR The ID specified in XSETID is smaller than the \
            provided max_deleted_entry_id
        XSETID x 9 ENTRIESADDED -1 => -ERR entries_added must be positive
        XSETID none 9 => -ERR no such key
        XSETID x 9 ENTRIESADDED 7 MAXDELETEDID 0 => +OK
        XINFO STREAM x => [\"length\" :2 \"radix-tree-keys\" :1 \"radix-tree-nodes\" :2 \
            \"last-generated-id\" \"9-0\" \"max-deleted-entry-id\" \"1-0\" \"entries-added\" :7 \
            \"recorded-first-entry-id\" \"1-1\" \"groups\" :0 \"first-entry\" [\"1-1\" [\"b\" \
            \"2\"]] \"last-entry\" [\"2-0\" [\"c\" \"3\"]]]
        XINFO STREAM x FOO => -ERR unknown subcommand or wrong number of arguments for 'STREAM'. \
            Try XINFO HELP.
        XINFO STREAM none FOO => -ERR no such key
        XINFO STREAM x FULL COUNT -1 => [\"length\" :2 \"radix-tree-keys\" :1 \
            \"radix-tree-nodes\" :2 \"last-generated-id\" \"9-0\" \"max-deleted-entry-id\" \
            \"1-0\" \"entries-added\" :7 \"recorded-first-entry-id\" \"1-1\" \"entries\" \
            [[\"1-1\" [\"b\" \"2\"]] [\"2-0\" [\"c\" \"3\"]]] \"groups\" []]
        ",
    );
}

#[test]
fn reading_looks_at_each_stream_in_turn() {
    Local::default().check(
        "
        XADD x 1-0 a 1 => \"1-0\"
        XADD x 2-0 b 2 => \"2-0\"
        SET s v => +OK
        XREAD STREAMS x 0 => [[\"x\" [[\"1-0\" [\"a\" \"1\"]] [\"2-0\" [\"b\" \"2\"]]]]]
        XREAD COUNT 1 STREAMS x none 0 0 => [[\"x\" [[\"1-0\" [\"a\" \"1\"]]]]]
        XREAD COUNT -1 STREAMS x 1 => [[\"x\" [[\"2-0\" [\"b\" \"2\"]]]]]
        XREAD STREAMS x $ => nil
        XREAD STREAMS x + => [[\"x\" [[\"2-0\" [\"b\" \"2\"]]]]]
        XREAD COUNT 5 STREAMS none x + + => [[\"x\" [[\"2-0\" [\"b\" \"2\"]]]]]
        XREAD STREAMS none + => nil
        XREAD STREAMS x s 0 0 => -WRONGTYPE Operation against a key holding the wrong kind of \
            value
        XREAD STREAMS s abc => -WRONGTYPE Operation against a key holding the wrong kind of value
        XREAD STREAMS x y 0 => -ERR Unbalanced XREAD list of streams: for each stream key an ID \
            or '$' must be specified.
        XREAD STREAMS x > => -ERR The > ID can be specified only when calling XREADGROUP using \
            the GROUP <group> <consumer> option.
        XREAD GROUP g c STREAMS x 0 => -ERR The GROUP option is only supported by XREADGROUP. \
            You called XREAD instead.
        XREAD NOACK STREAMS x 0 => -ERR The NOACK option is only supported by XREADGROUP. You \
            called XREAD instead.
        XREAD BLOCK abc STREAMS x 0 => -ERR timeout is not an integer or out of range
        XREAD BLOCK -1 STREAMS x 0 => -ERR timeout is negative
        XREAD COUNT 1 STREAMS => -ERR syntax error
        XREAD COUNT STREAMS x 0 => -ERR value is not an integer or out of range
        XREAD STREAMS x 18446744073709551615-18446744073709551615 => nil
        XGROUP CREATE x plus 0 => +OK
        XREADGROUP GROUP plus c STREAMS x + => -ERR The + ID is meaningless in the context of \
            XREADGROUP: you want to read the history of this consumer by specifying a proper ID, \
            or use the > ID to get new messages. The + ID would just return an empty result set.
        XGROUP DESTROY x plus => :1
        XREADGROUP COUNT 1 STREAMS x > 0 0 => -ERR Missing GROUP option for XREADGROUP
        XREADGROUP COUNT 1 GROUP STREAMS c STREAMS x > => -NOGROUP No such key 'x' or consumer \
            group 'STREAMS' in XREADGROUP with GROUP option
        XREADGROUP GROUP g c STREAMS x > => -NOGROUP No such key 'x' or consumer group 'g' in \
            XREADGROUP with GROUP option
        XGROUP CREATE x STREAMS 0 => +OK
        XREADGROUP COUNT 1 GROUP STREAMS c STREAMS x > => [[\"x\" [[\"1-0\" [\"a\" \"1\"]]]]]
        XREADGROUP COUNT 1 GROUP STREAMS c STREAMS x $ => -ERR The $ ID is meaningless in the \
            context of XREADGROUP: you want to read the history of this consumer by specifying a \
            proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
            result set.
        XREADGROUP GROUP STREAMS d STREAMS x 18446744073709551615-18446744073709551615 => \
            [[\"x\" [[\"2-0\" [\"b\" \"2\"]]]]]
        XREADGROUP GROUP STREAMS d STREAMS x > => nil
        XREADGROUP GROUP STREAMS e STREAMS x 0 => [[\"x\" []]]
        XDEL x 1 => :1
        XREADGROUP GROUP STREAMS c STREAMS x 0 => [[\"x\" [[\"1-0\" nil]]]]
        XPENDING x STREAMS => [:2 \"1-0\" \"2-0\" [[\"c\" \"1\"] [\"d\" \"1\"]]]
        XINFO GROUPS x => [[\"name\" \"STREAMS\" \"consumers\" :3 \"pending\" :2 \
            \"last-delivered-id\" \"2-0\" \"entries-read\" :2 \"lag\" :0]]
        ",
    );
}

#[test]
fn groups_are_made_and_removed() {
    Local::default().check(
        "
        XGROUP CREATE x g $ => -ERR The XGROUP subcommand requires the key to exist. Note that \
            for CREATE you may want to use the MKSTREAM option to create an empty stream \
            automatically.
        XGROUP CREATE x g abc MKSTREAM => -ERR Invalid stream ID specified as stream command \
            argument
        EXISTS x => :0
        XGROUP CREATE x g $ MKSTREAM MKSTREAM => +OK
        XGROUP CREATE x g 0 => -BUSYGROUP Consumer Group name already exists
        XGROUP CREATE x h 0 ENTRIESREAD -2 => -ERR value for ENTRIESREAD must be positive or -1
        XGROUP CREATE x h 0 ENTRIESREAD => -ERR unknown subcommand or wrong number of arguments \
            for 'CREATE'. Try XGROUP HELP.
        XGROUP CREATE x h 0 ENTRIESREAD 1 ENTRIESREAD 2 => -ERR unknown subcommand or wrong \
            number of arguments for 'CREATE'. Try XGROUP HELP.
        XGROUP CREATE x h 5-2 ENTRIESREAD 7 => +OK
        XGROUP SetId x g 0 MKSTREAM => -ERR unknown subcommand or wrong number of arguments for \
            'SetId'. Try XGROUP HELP.
        XGROUP SETID x nog abc => -NOGROUP No such consumer group 'nog' for key name 'x'
        XGROUP SETID x g abc => -ERR Invalid stream ID specified as stream command argument
        XGROUP SETID none g 0 => -ERR The XGROUP subcommand requires the key to exist. Note that \
            for CREATE you may want to use the MKSTREAM option to create an empty stream \
            automatically.
        XGROUP CREATECONSUMER x g c => :1
        XGROUP CREATECONSUMER x g c => :0
        XGROUP CREATECONSUMER x nog c => -NOGROUP No such consumer group 'nog' for key name 'x'
        XGROUP DELCONSUMER x g d => :0
        XGROUP DELCONSUMER x g c => :0
        XGROUP FOO => -ERR unknown subcommand 'FOO'. Try XGROUP HELP.
        XGROUP CREATE x => -ERR wrong number of arguments for 'xgroup|create' command
        XINFO GROUPS x => [[\"name\" \"g\" \"consumers\" :0 \"pending\" :0 \"last-delivered-id\" \
            \"0-0\" \"entries-read\" nil \"lag\" :0] [\"name\" \"h\" \"consumers\" :0 \
            \"pending\" :0 \"last-delivered-id\" \"5-2\" \"entries-read\" :7 \"lag\" :0]]
        XINFO CONSUMERS x nog => -NOGROUP No such consumer group 'nog' for key name 'x'
        XGROUP DESTROY x h => :1
        XGROUP DESTROY x h => :0
        XGROUP DESTROY none h => -ERR The XGROUP subcommand requires the key to exist. Note that \
            for CREATE you may want to use the MKSTREAM option to create an empty stream \
            automatically.
        ",
    );
}

#[test]
fn what_is_pending_can_be_taken_over() {
    Local::default().check(
        "
        XADD x 1-0 a 1 => \"1-0\"
        XADD x 2-0 b 2 => \"2-0\"
        XADD x 3-0 c 3 => \"3-0\"
        XADD x 4-0 d 4 => \"4-0\"
        XGROUP CREATE x g 0 => +OK
        XREADGROUP GROUP g c COUNT 3 STREAMS x > => [[\"x\" [[\"1-0\" [\"a\" \"1\"]] [\"2-0\" \
            [\"b\" \"2\"]] [\"3-0\" [\"c\" \"3\"]]]]]
        XCLAIM x g d abc 1 => -ERR Invalid min-idle-time argument for XCLAIM
        XCLAIM x nog d abc 1 => -NOGROUP No such key 'x' or consumer group 'nog'
        XCLAIM x g d 0 1 2 FOO => -ERR Unrecognized XCLAIM option 'FOO'
        XCLAIM x g d 0 1 IDLE => -ERR Unrecognized XCLAIM option 'IDLE'
        XCLAIM x g d 0 1 TIME abc => -ERR Invalid TIME option argument for XCLAIM
        XCLAIM x g d 0 1 LASTID abc => -ERR Invalid stream ID specified as stream command argument
        XCLAIM x g d 100000 1 => []
        XCLAIM x g d -5 1 => [[\"1-0\" [\"a\" \"1\"]]]
        XCLAIM x g d 0 1 JUSTID => [\"1-0\"]
        XCLAIM x g d 0 4 => []
        XCLAIM x g d 0 4 FORCE => [[\"4-0\" [\"d\" \"4\"]]]
        XCLAIM x g d 0 2 RETRYCOUNT 7 LASTID 9 => [[\"2-0\" [\"b\" \"2\"]]]
        XDEL x 3 => :1
        XCLAIM x g d 0 3 => []
        XPENDING x g => [:3 \"1-0\" \"4-0\" [[\"d\" \"3\"]]]
        XPENDING x g - + 10 c => []
        XPENDING x g IDLE 100000 - + 10 => []
        XPENDING x g IDLE 5 - + => -ERR syntax error
        XPENDING x g - + abc => -ERR value is not an integer or out of range
        XPENDING x g - + => -ERR syntax error
        XPENDING x nog => -NOGROUP No such key 'x' or consumer group 'nog'
        XINFO GROUPS x => [[\"name\" \"g\" \"consumers\" :2 \"pending\" :3 \"last-delivered-id\" \
            \"9-0\" \"entries-read\" :3 \"lag\" :1]]
        XAUTOCLAIM x g e abc abc => -ERR Invalid min-idle-time argument for XAUTOCLAIM
        XAUTOCLAIM x g e 0 0 COUNT 0 => -ERR COUNT must be > 0
        XAUTOCLAIM x nog e 0 0 => -NOGROUP No such key 'x' or consumer group 'nog'
        XAUTOCLAIM x g e 0 0 COUNT 1 => [\"2-0\" [[\"1-0\" [\"a\" \"1\"]]] []]
        XAUTOCLAIM x g e 0 (1 COUNT 1 JUSTID => [\"4-0\" [\"2-0\"] []]
        XAUTOCLAIM x g e 100000 - => [\"0-0\" [] []]
        XDEL x 1 2 => :2
        XAUTOCLAIM x g e 0 0 COUNT 1 => [\"2-0\" [] [\"1-0\"]]
        XAUTOCLAIM x g e 0 0 => [\"0-0\" [[\"4-0\" [\"d\" \"4\"]]] [\"2-0\"]]
        XACK x g 1 4 4 => :1
        XACK x g 1 abc => -ERR Invalid stream ID specified as stream command argument
        XACK x nog abc => :0
        XPENDING x g => [:0 nil nil nil]
        ",
    );
}

#[test]
fn resp3_has_maps() {
    let mut local = Local::default();
    local.run(&["HELLO", "3"]);
    local.check(
        "
        XADD x 1-0 a 1 => \"1-0\"
        XGROUP CREATE x g 0 => +OK
        XREAD STREAMS x 0 => {\"x\" [[\"1-0\" [\"a\" \"1\"]]]}
        XREAD STREAMS x 1 => nil
        XREADGROUP GROUP g c STREAMS x > => {\"x\" [[\"1-0\" [\"a\" \"1\"]]]}
        XDEL x 1 => :1
        XREADGROUP GROUP g c STREAMS x 0 => {\"x\" [[\"1-0\" nil]]}
        XINFO GROUPS x => [{\"name\" \"g\" \"consumers\" :1 \"pending\" :1 \"last-delivered-id\" \
            \"1-0\" \"entries-read\" :1 \"lag\" :0}]
        XPENDING x g => [:1 \"1-0\" \"1-0\" [[\"c\" \"1\"]]]
        ",
    );
}
