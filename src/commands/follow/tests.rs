//! What replicas and the append-only file get of each command.

use bytes::BytesMut;

use crate::engine::testing::{Local, show};
use crate::replication::Logging;
use crate::resp::client::ReplyDecoder;

/// A server whose effects are logged.
fn logging() -> Local {
    let local = Local::default();
    local.server.log.set_logging(Logging::On);
    local
}

/// The commands logged since `from`, in one line each. Points in time are shown as `<at>`.
fn logged(local: &Local, from: u64) -> Vec<String> {
    let pieces = local.server.log.read(from, usize::MAX).expect("nothing was dropped");
    let mut bytes = BytesMut::from(pieces.concat().as_slice());
    let mut decoder = ReplyDecoder::new();
    let mut lines = Vec::new();
    while let Some(command) = decoder.decode(&mut bytes).expect("well-formed commands") {
        let words = command.items().expect("a command is an array").iter();
        let word = |text: String| if text.len() == 13 { "<at>".to_owned() } else { text };
        let text = words.map(|item| word(show(item).trim_matches('"').to_owned()));
        lines.push(text.collect::<Vec<_>>().join(" "));
    }
    lines
}

/// Runs lines of `command => what is logged`, commands of the latter separated by `|`.
fn check(script: &str) {
    let mut local = logging();
    local.run(&["SET", "init", "1"]);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once(" =>").expect("command => logged");
        let from = local.server.log.end();
        let words: Vec<&str> = command.split_whitespace().collect();
        local.run(&words);
        let expected: Vec<&str> =
            expected.split('|').map(str::trim).filter(|part| !part.is_empty()).collect();
        assert_eq!(logged(&local, from), expected, "{command}");
    }
}

#[test]
fn effects_of_strings_are_absolute() {
    check(
        "
        SET a 1 => SET a 1
        SET a 2 NX =>
        SET a 2 XX => SET a 2
        SET a 1 EX 100 => SET a 1 PXAT <at>
        SET a 3 KEEPTTL GET => SET a 3 KEEPTTL
        SETEX a 10 v => SET a v PXAT <at>
        PSETEX a 10000 v => SET a v PXAT <at>
        GETSET a w => SET a w
        GETEX a =>
        GETEX a EX 10 => PEXPIREAT a <at>
        GETEX a PERSIST => PERSIST a
        GETEX a PXAT 1 => DEL a
        SET f 1.5 => SET f 1.5
        INCRBYFLOAT f 1 => SET f 2.5 KEEPTTL
        GETDEL f => DEL f
        GETDEL f =>
        INCR n => INCR n
        APPEND n x => APPEND n x
        GET n =>
        ",
    );
}

#[test]
fn expiry_is_a_point_in_time_or_a_removal() {
    check(
        "
        SET k v => SET k v
        EXPIRE k 100 => PEXPIREAT k <at>
        EXPIRE k 200 NX =>
        PERSIST k => PERSIST k
        PERSIST k =>
        EXPIRE k -1 => DEL k
        DEL k =>
        HSET h f 1 => HSET h f 1
        HINCRBYFLOAT h f 1 => HSET h f 2
        RENAME h g => RENAME h g
        FLUSHDB => FLUSHDB
        FLUSHALL => FLUSHALL
        SELECT 1 =>
        SET k v => SELECT 1 | SET k v
        MOVE k 2 => MOVE k 2
        SELECT 2 =>
        GET k =>
        COPY k k2 => SELECT 2 | COPY k k2
        ",
    );
}

#[test]
fn what_chance_or_waiting_chose_is_written_out() {
    check(
        "
        RPUSH l a b c => RPUSH l a b c
        LMPOP 1 l LEFT COUNT 2 => LPOP l 2
        BLPOP l 0 => LPOP l
        SADD s a => SADD s a
        SPOP s => SREM s a
        ZADD z 1 a 2 b => ZADD z 1 a 2 b
        BZPOPMIN z 0 => ZPOPMIN z
        ZMPOP 1 z MAX COUNT 5 => ZPOPMAX z 1
        PUBLISH c m => PUBLISH c m
        ",
    );
}

/// A unit of several effects is seen as a whole or not at all.
#[test]
fn transactions_are_wrapped_unless_they_have_one_effect() {
    let mut local = logging();
    local.run(&["SET", "init", "1"]);
    let from = local.server.log.end();
    local.feed(b"MULTI\r\nSET a 1\r\nGET a\r\nEXEC\r\n");
    assert_eq!(logged(&local, from), ["SET a 1"]);
    let from = local.server.log.end();
    local.feed(b"MULTI\r\nSET a 1\r\nGET a\r\nINCR a\r\nLPUSH a x\r\nEXEC\r\n");
    assert_eq!(logged(&local, from), ["MULTI", "SET a 1", "INCR a", "EXEC"]);
    let from = local.server.log.end();
    local.feed(b"MULTI\r\nGET a\r\nEXEC\r\n");
    assert_eq!(logged(&local, from), Vec::<String>::new());
}
