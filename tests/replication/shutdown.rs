//! SHUTDOWN and signals: waiting for replicas that are behind, calling it off, the last save.

use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, TestServer, encode, eventually};

use crate::nodes::{follow, info, settle, start, wait_until_linked};

/// A primary with a replica that does not hear of the last write, as it does not run.
fn behind(kind: Kind, directives: &[&str]) -> (TestServer, TestServer) {
    let (primary, replica) = (start(kind, directives), start(Redpoll, &[]));
    follow(&replica, primary.port());
    wait_until_linked(&replica);
    primary.client().run("SET k old");
    settle(&primary, &[&replica]);
    replica.pause();
    primary.client().run("SET k new");
    (primary, replica)
}

/// Asks and does not wait for the answer.
fn ask(node: &TestServer, words: &[&str]) -> Client {
    let mut client = node.client();
    client.send(&encode(words)).expect("the server reads");
    client
}

fn ends(node: &mut TestServer) {
    eventually("it ends", || node.is_gone());
}

const CALLED_OFF: &str = "ERR Errors trying to SHUTDOWN. Check logs.";

#[test]
fn a_shutdown_waits_until_replicas_have_everything() {
    for kind in [Redis, Redpoll] {
        let (mut primary, replica) = behind(kind, &["--shutdown-timeout", "1000"]);
        let mut first = ask(&primary, &["SHUTDOWN"]);
        eventually("it waits", || !info(&primary, "shutdown_in_milliseconds").is_empty());
        let mut second = ask(&primary, &["SHUTDOWN", "NOW"]);
        assert_eq!(primary.client().run("GET k").text(), "new");
        let mut writer = ask(&primary, &["SET", "k", "newest"]);
        eventually("all wait", || {
            let list = primary.client().run("CLIENT LIST").text();
            list.lines().filter(|line| line.contains(" flags=b ")).count() == 3
        });
        assert!(primary.client().run("SHUTDOWN ABORT NOW").is_error_of("ERR syntax error"));
        assert!(primary.client().run("SHUTDOWN ABORT").is_ok());
        for client in [&mut first, &mut second] {
            assert_eq!(client.read().expect("an answer").text(), CALLED_OFF, "{kind:?}");
        }
        assert!(writer.read().expect("an answer").is_ok());
        let none = primary.client().run("SHUTDOWN ABORT").text();
        assert_eq!(none, "ERR No shutdown in progress.");
        assert_eq!(info(&primary, "shutdown_in_milliseconds"), "");

        let waiting = ask(&primary, &["SHUTDOWN", "NOSAVE"]);
        eventually("it waits", || !info(&primary, "shutdown_in_milliseconds").is_empty());
        replica.resume();
        ends(&mut primary);
        drop(waiting);
        assert_eq!(replica.client().run("GET k").text(), "newest", "{kind:?}");
    }
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    for (kind, directives, how) in [
        (Redis, ["--shutdown-timeout", "1"], "SHUTDOWN"),
        (Redpoll, ["--shutdown-timeout", "1"], "SHUTDOWN"),
        (Redpoll, ["--shutdown-timeout", "0"], "SHUTDOWN"),
        (Redpoll, ["--shutdown-timeout", "1000"], "SHUTDOWN NOW"),
    ] {
        let (mut primary, replica) = behind(kind, &directives);
        let words: Vec<&str> = how.split_whitespace().collect();
        let waiting = ask(&primary, &words);
        ends(&mut primary);
        drop(waiting);
        replica.resume();
    }
}

#[test]
fn a_signal_shuts_down_as_the_settings_say() {
    for kind in [Redis, Redpoll] {
        let now = ["--shutdown-timeout", "1000", "--shutdown-on-sigterm", "now save"];
        let (mut primary, replica) = behind(kind, &now);
        primary.signal("TERM");
        ends(&mut primary);
        assert!(primary.folder().join("dump.rdb").exists());
        replica.resume();

        let (mut primary, replica) = behind(kind, &["--shutdown-timeout", "1000"]);
        primary.signal("TERM");
        let waits = |primary: &TestServer| !info(primary, "shutdown_in_milliseconds").is_empty();
        eventually("it waits", || waits(&primary));
        primary.signal("TERM");
        eventually("it is asked twice", || primary.log().matches("SIGTERM").count() == 2);
        assert!(primary.client().run("SHUTDOWN ABORT").is_ok(), "asking twice changes nothing");
        assert!(!waits(&primary));
        primary.signal("INT");
        eventually("it waits", || waits(&primary));
        primary.signal("INT");
        ends(&mut primary);
        replica.resume();
    }
}

#[test]
fn a_save_that_fails_calls_the_shutdown_off() {
    for kind in [Redis, Redpoll] {
        let mut server = start(kind, &["--dbfilename", "taken"]);
        std::fs::create_dir_all(server.folder().join("taken/inside")).expect("a folder");
        server.client().run("SET k v");
        let refusal = server.client().run("SHUTDOWN SAVE");
        assert_eq!(refusal.text(), CALLED_OFF, "{kind:?}");
        assert!(server.client().run("SET k w").is_ok());
        let forced = ask(&server, &["SHUTDOWN", "SAVE", "FORCE"]);
        ends(&mut server);
        drop(forced);
    }
}

/// A replica that takes nothing of its full copy keeps the copy under way for `repl-timeout`.
#[test]
fn the_last_save_does_not_wait_for_a_full_copy() {
    let mut primary = start(Redpoll, &["--repl-timeout", "1000", "--rdbcompression", "no"]);
    let mut client = primary.client();
    for index in 0..48 {
        client.call(&["SET", &format!("k{index}"), &"x".repeat(1_000_000)]);
    }
    let mut stalled = primary.client();
    assert!(stalled.run("REPLCONF capa eof").is_ok());
    stalled.send(b"SYNC\r\n").expect("the server reads");
    eventually("the copy is under way", || primary.log().contains("full copy begun"));
    assert!(client.run("SAVE").is_error_of("ERR Background save already in progress"));
    drop(ask(&primary, &["SHUTDOWN", "SAVE", "NOW"]));
    ends(&mut primary);
    drop(stalled);
    primary.stop();
    primary.restart();
    let loaded = || primary.client().run("DBSIZE").to_string() == "(integer) 48";
    eventually("it is loaded", loaded);
}

#[test]
fn the_dataset_is_reloaded_while_snapshots_are_made() {
    let primary = start(Redpoll, &["--repl-diskless-sync", "no", "--rdbcompression", "no"]);
    let mut client = primary.client();
    for index in 0..30 {
        client.call(&["SET", &format!("k{index}"), &"x".repeat(1_000_000)]);
    }
    let replica = start(Redpoll, &[]);
    for round in 0..3 {
        client.run("BGSAVE");
        if round == 1 {
            follow(&replica, primary.port());
        }
        assert!(client.run("DEBUG RELOAD").is_ok());
        assert_eq!(client.run("DBSIZE").to_string(), "(integer) 30");
    }
    wait_until_linked(&replica);
    let loaded = || replica.client().run("DBSIZE").to_string() == "(integer) 30";
    eventually("the copy was made", loaded);
    // What is there is replaced by what is in the file, what is not there is added.
    client.run("SET k0 short");
    client.run("SET more 1");
    assert!(client.run("DEBUG RELOAD NOSAVE NOFLUSH").is_error());
    assert!(client.run("DEBUG RELOAD NOSAVE NOFLUSH MERGE").is_ok());
    assert_eq!(client.run("STRLEN k0").to_string(), "(integer) 1000000");
    assert_eq!(client.run("DBSIZE").to_string(), "(integer) 31");
    assert!(client.run("DEBUG RELOAD NOSAVE").is_ok());
    assert_eq!(client.run("DBSIZE").to_string(), "(integer) 30");
    assert!(client.run("DEBUG RELOAD NOTHING").is_error_of("ERR DEBUG RELOAD only supports"));
}
