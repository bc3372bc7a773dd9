//! Client-side caching: who hears of which change, in which form and order.

use super::compare;

const READERS: &[&str] = &[
    "
            ann: HELLO 3
            ann: CLIENT TRACKING ON
            ann: GET k
            ann: MGET k k2
            bob: SET k 1
            ann?
            bob: SET k 2
            ann?
            bob: MSET k2 1 k 1
            ann?
            ann: GET k
            ann: SET k 3
            ann?
            ann: GET k
            bob: EXPIRE k 100
            ann?
            ann: MULTI
            ann: GET k
            ann: SET k 1
            ann: GET k
            ann: EXEC
            ann?
            bob: SET k 9
            ann?
            ann: EXISTS k
            bob: DEL k
            ann?
            ann: LRANGE l 0 -1
            bob: RPUSH l 1 2
            ann?
            ann: LRANGE l 0 -1
            bob: RENAME l m
            ann?
            ann: SELECT 1
            ann: GET k
            bob: SET k other
            ann?
            ann: GET k
            bob: FLUSHALL
            ann?
            ann: FLUSHDB
            ann?
            bob: SWAPDB 0 1
            ann?
            ann: SUBSCRIBE c
            ann: GET k
            bob: SET k 1
            ann?
            ann: CLIENT TRACKING OFF
            ann: GET k
            bob: SET k 1
            ann?
            ",
    "
            ann: HELLO 3
            ann: CLIENT TRACKING ON NOLOOP
            ann: GET k
            ann: SET k 1
            ann?
            bob: SET k 2
            ann?
            ann: GET k
            bob: SET k 2
            ann?
            ",
    "
            ann: CLIENT TRACKING ON
            ann: GET k
            bob: SET k 1
            ann?
            ann: CLIENT TRACKINGINFO
            ann: RESET
            ann: CLIENT TRACKINGINFO
            ",
];

#[test]
fn readers_hear_of_changes() {
    compare(&[], READERS);
}

#[test]
fn connections_choose_what_they_cache() {
    compare(
        &[],
        &[
            "
            ann: HELLO 3
            ann: CLIENT TRACKING ON OPTIN
            ann: GET k
            bob: SET k 1
            ann?
            ann: CLIENT CACHING YES
            ann: CLIENT TRACKINGINFO
            ann: CLIENT CACHING YES
            ann: GET k
            ann: GET k2
            bob: MSET k 1 k2 1
            ann?
            ann: CLIENT CACHING YES
            ann: MULTI
            ann: GET k
            ann: GET k2
            ann: EXEC
            ann: GET k3
            bob: MSET k 1 k2 1 k3 1
            ann?
            ann: MULTI
            ann: CLIENT CACHING YES
            ann: GET k
            ann: EXEC
            ann: GET k3
            bob: MSET k 1 k2 1 k3 1
            ann?
            ",
            "
            ann: HELLO 3
            ann: CLIENT TRACKING ON OPTOUT
            ann: CLIENT CACHING NO
            ann: GET k
            ann: GET k2
            bob: MSET k 1 k2 1
            ann?
            ",
        ],
    );
}

#[test]
fn prefixes_are_broadcast() {
    compare(
        &[],
        &["
            ann: HELLO 3
            ann: CLIENT TRACKING ON BCAST PREFIX x PREFIX y
            ann: CLIENT TRACKINGINFO
            bob: MSET x2 1 x1 1 y1 1 z 1
            ann?
            bob: SET x1 2
            bob: SET x1 3
            ann?
            ann: MSET x1 4 y2 1
            ann?
            ann: MULTI
            ann: SET x1 1
            ann: INCR x1
            ann: SET x2 2
            ann: EXEC
            ann?
            bob: FLUSHALL
            ann?
            ann: CLIENT TRACKING OFF
            ann: CLIENT TRACKING ON BCAST NOLOOP
            ann: SET x1 1
            ann?
            bob: SET x1 1
            ann?
        "],
    );
}

#[test]
fn another_connection_can_be_told_instead() {
    compare(
        &[],
        &[
            "
            ear: PING
            ann: CLIENT TRACKING ON REDIRECT $ear
            ann: CLIENT TRACKINGINFO
            ann: GET k
            bob: SET k 1
            ear?
            ear: SUBSCRIBE __redis__:invalidate
            ann: GET k
            bob: SET k 1
            ear?
            bob: FLUSHALL
            ear?
            ann: GET k
            ann: SET k 1
            ear?
            ann?
            ",
            "
            ear: HELLO 3
            ann: HELLO 3
            ann: CLIENT TRACKING ON REDIRECT $ear
            ann: GET k
            bob: SET k 1
            ann?
            ear?
            ann: GET k
            ear: QUIT
            ear!
            bob: SET k 1
            ann?
            ann: CLIENT TRACKING ON
            ann: CLIENT TRACKINGINFO
            ",
        ],
    );
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    compare(
        &[],
        &["
            a: CLIENT TRACKING
            a: CLIENT TRACKING ON x
            a: CLIENT TRACKING foo
            a: CLIENT GETREDIR
            a: CLIENT CACHING YES
            a: CLIENT TRACKING ON REDIRECT 999999
            a: CLIENT TRACKING ON REDIRECT x
            a: CLIENT TRACKING ON REDIRECT 0
            a: CLIENT TRACKING ON REDIRECT $a REDIRECT $a
            a: CLIENT TRACKING ON PREFIX a
            a: CLIENT TRACKING ON BCAST PREFIX
            a: CLIENT TRACKING ON BCAST PREFIX a PREFIX ab
            a: CLIENT TRACKING ON OPTIN OPTOUT
            a: CLIENT TRACKING ON BCAST OPTIN
            a: CLIENT TRACKING ON NOLOOP
            a: CLIENT TRACKINGINFO
            a: CLIENT TRACKING ON BCAST
            a: CLIENT TRACKING ON OPTIN
            a: CLIENT TRACKING ON OPTOUT
            a: CLIENT CACHING NO
            a: CLIENT CACHING x
            a: CLIENT TRACKING OFF
            a: CLIENT TRACKING ON BCAST PREFIX a PREFIX b
            a: CLIENT TRACKING ON BCAST PREFIX c
            a: CLIENT TRACKINGINFO
            a: CLIENT TRACKING ON BCAST PREFIX aa
            a: CLIENT TRACKING OFF BCAST PREFIX x
            a: CLIENT TRACKINGINFO
        "],
    );
}
