//! What the replication log gets of commands that leave something to chance or to the clock.

use crate::engine::testing::Local;

#[test]
fn ids_and_trims_are_written_out() {
    let lines = Local::logged(
        "
        XADD x 1-1 a b
        XADD x 1-* a b
        XADD x MAXLEN ~ 1000 LIMIT 5 5 a b
        XADD x MAXLEN 3 6 a b
        XADD x MINID ~ 0 7-* a b
        XADD none NOMKSTREAM * a b
        XTRIM x MAXLEN ~ 100
        XTRIM x MAXLEN ~ 0
        ",
    );
    let expected = [
        "SELECT 0",
        "XADD x 1-1 a b",
        "XADD x 1-2 a b",
        "XADD x MAXLEN = 3 5-0 a b",
        "XADD x MAXLEN 3 6 a b",
        "XADD x MINID = 1-2 7-0 a b",
        "XTRIM x MAXLEN = 0",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn deliveries_are_claims() {
    let lines = Local::logged(
        "
        XADD x 1 a b
        XADD x 2 a b
        XADD x 3 a b
        XGROUP CREATE x g 0
        XREADGROUP GROUP g c COUNT 2 STREAMS x >
        XREADGROUP GROUP g c STREAMS x 0
        XREADGROUP GROUP g d NOACK STREAMS x >
        XREADGROUP GROUP g d STREAMS x >
        XDEL x 1
        XAUTOCLAIM x g c 0 0
        XCLAIM x g d 0 2 JUSTID
        XCLAIM x g d 1000000 2 LASTID 9
        XCLAIM x g d 1000000 2 LASTID 9
        ",
    );
    let expected = [
        "SELECT 0",
        "XADD x 1 a b",
        "XADD x 2 a b",
        "XADD x 3 a b",
        "XGROUP CREATE x g 0",
        "MULTI",
        "XGROUP CREATECONSUMER x g c",
        "XCLAIM x g c 0 1-0 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 1-0",
        "XCLAIM x g c 0 2-0 TIME T RETRYCOUNT 1 FORCE JUSTID LASTID 2-0",
        "XGROUP SETID x g 2-0 ENTRIESREAD 2",
        "EXEC",
        "MULTI",
        "XCLAIM x g c 0 1-0 TIME T RETRYCOUNT 2 FORCE JUSTID LASTID 2-0",
        "XCLAIM x g c 0 2-0 TIME T RETRYCOUNT 2 FORCE JUSTID LASTID 2-0",
        "EXEC",
        "MULTI",
        "XGROUP CREATECONSUMER x g d",
        "XGROUP SETID x g 3-0 ENTRIESREAD 3",
        "EXEC",
        "XDEL x 1",
        "MULTI",
        "XACK x g 1-0",
        "XCLAIM x g c 0 2-0 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 3-0",
        "EXEC",
        "XCLAIM x g d 0 2-0 TIME T RETRYCOUNT 3 FORCE JUSTID LASTID 3-0",
        "XGROUP SETID x g 9-0 ENTRIESREAD 3",
    ];
    assert_eq!(lines, expected);
}
