//! Full copies and what is served meanwhile: `repl-diskless-load`, `rdb-del-sync-files`, functions.

use support::Kind::{Redis, Redpoll};
use support::{Kind, TestServer, eventually};

use crate::nodes::{expect_equal, fill, follow, info, number, settle, start, tell};
use crate::proxy::Proxy;

/// Bytes of a copy that arrive before a link is held up: the greeting, and the copy's beginning.
const PART: i64 = 3_000;

/// Cuts the replica off, and writes more than the smallest backlog keeps.
fn overrun(primary: &TestServer, proxy: &Proxy) {
    proxy.close();
    // As long as the primary believes in the link it keeps everything for it.
    eventually("the link is gone", || number(primary, "connected_slaves") == 0);
    let mut client = primary.client();
    for index in 0..40 {
        client.call(&["SET", &format!("k{}", index % 5), &"x".repeat(50_000)]);
    }
}

/// A primary and a replica that loads beside its data, in step, with a proxy between them.
fn swapping(primary: Kind) -> (TestServer, Proxy, TestServer) {
    let primary = start(primary, &[]);
    let replica = start(Redpoll, &["--repl-diskless-load", "swapdb"]);
    let proxy = Proxy::to(primary.port());
    fill(&primary, "first:");
    follow(&replica, proxy.port);
    expect_equal(&primary, &[&replica]);
    tell(&primary, "CONFIG SET repl-backlog-size 16384");
    (primary, proxy, replica)
}

fn digest(node: &TestServer) -> String {
    node.client().run("DEBUG DIGEST").to_string()
}

#[test]
fn old_data_of_the_same_history_is_served_until_the_copy_is_complete() {
    for kind in [Redis, Redpoll] {
        let (primary, proxy, replica) = swapping(kind);
        let old = digest(&replica);
        overrun(&primary, &proxy);
        proxy.hold_after(PART);
        proxy.open();
        eventually("the copy is on its way", || proxy.is_holding());
        eventually("it is loaded beside", || info(&replica, "async_loading") == "1");
        assert_eq!(info(&replica, "loading"), "0");
        assert_eq!(info(&replica, "master_sync_in_progress"), "1");
        let mut client = replica.client();
        assert_eq!(client.run("GET first:s").text(), "value");
        assert!(client.run("GET k1").is_null(), "the copy is not seen in part");
        assert_eq!(digest(&replica), old);
        for refused in ["BGSAVE", "SAVE", "BGREWRITEAOF", "REPLICAOF NO ONE", "PSYNC ? -1"] {
            assert!(client.run(refused).is_error_of("LOADING"), "{refused}");
        }
        assert!(client.run("SET k v").is_error_of("READONLY"));
        tell(&replica, "CONFIG SET replica-serve-stale-data no");
        assert!(client.run("GET first:s").is_error_of("MASTERDOWN"));
        tell(&replica, "CONFIG SET replica-serve-stale-data yes");

        // Who waits for an entry gets it from the copy.
        let mut waiting = replica.client();
        let read = support::encode(&["XREAD", "BLOCK", "0", "STREAMS", "new", "0"]);
        waiting.send(&read).expect("the server reads");
        eventually("it waits", || info(&replica, "blocked_clients") == "1");
        proxy.close();
        eventually("the copy is given up", || info(&replica, "async_loading") == "0");
        assert_eq!(digest(&replica), old, "a part of a copy changes nothing");

        primary.client().run("XADD new 1-1 field value");
        proxy.hold_after(PART);
        proxy.open();
        eventually("the next one is on its way", || proxy.is_holding());
        assert_eq!(digest(&replica), old);
        proxy.release();
        assert_eq!(waiting.read().expect("an entry").items().len(), 1);
        expect_equal(&primary, &[&replica]);
        assert_ne!(digest(&replica), old);
    }
}

#[test]
fn a_copy_that_is_cut_anywhere_leaves_the_data_as_it_was() {
    let (primary, proxy, replica) = swapping(Redpoll);
    let sub = start(Redpoll, &[]);
    follow(&sub, replica.port());
    expect_equal(&primary, &[&replica, &sub]);
    for (index, bytes) in [250, 2_000, 9_000].into_iter().enumerate() {
        let old = digest(&replica);
        overrun(&primary, &proxy);
        fill(&primary, &format!("more{index}:"));
        proxy.hold_after(bytes);
        proxy.open();
        eventually("it is on its way", || proxy.is_holding());
        proxy.close();
        eventually("it is given up", || info(&replica, "master_sync_in_progress") == "0");
        assert_eq!(digest(&replica), old, "cut after {bytes} bytes");
        proxy.open();
        expect_equal(&primary, &[&replica, &sub]);
    }
    fill(&primary, "last:");
    expect_equal(&primary, &[&replica, &sub]);
}

/// Modes, and whether a replica with data of its own serves that while a foreign copy comes.
const MODES: [(&str, bool); 3] = [("disabled", true), ("on-empty-db", true), ("swapdb", false)];

#[test]
fn data_of_another_history_comes_back_when_the_copy_fails() {
    for (mode, serves) in MODES {
        let primary = start(Redpoll, &[]);
        let replica = start(Redpoll, &["--repl-diskless-load", mode]);
        fill(&primary, "theirs:");
        fill(&replica, "ours:");
        let old = digest(&replica);
        let proxy = Proxy::to(primary.port());
        proxy.hold_after(PART);
        follow(&replica, proxy.port);
        eventually("the copy is on its way", || proxy.is_holding());
        if serves {
            assert_eq!(replica.client().run("GET ours:s").text(), "value", "{mode}");
        } else {
            let refused = || replica.client().run("GET ours:s").is_error_of("LOADING");
            eventually("nothing is served", refused);
            assert_eq!(info(&replica, "loading"), "1");
        }
        proxy.close();
        eventually("it is served again", || {
            replica.client().run("GET ours:s").to_string() == "\"value\""
        });
        assert_eq!(digest(&replica), old, "{mode}");
        assert_eq!(info(&replica, "loading"), "0");
        proxy.open();
        expect_equal(&primary, &[&replica]);
    }
}

#[test]
fn an_empty_replica_loads_from_the_connection() {
    for (primary, diskless) in [(Redis, "yes"), (Redis, "no"), (Redpoll, "yes"), (Redpoll, "no")] {
        for mode in ["on-empty-db", "swapdb"] {
            let primary = start(primary, &["--repl-diskless-sync", diskless]);
            let replica = start(Redpoll, &["--repl-diskless-load", mode]);
            fill(&primary, "a:");
            follow(&replica, primary.port());
            expect_equal(&primary, &[&replica]);
            fill(&primary, "b:");
            expect_equal(&primary, &[&replica]);
            assert!(!replica.folder().join("dump.rdb").exists(), "no file was needed");
            assert_eq!(number(&primary, "sync_full"), 1);
        }
    }
}

#[test]
fn an_append_only_file_begins_anew_with_a_copy_that_was_loaded_beside() {
    let primary = start(Redpoll, &[]);
    let directives = ["--repl-diskless-load", "swapdb", "--appendonly", "yes"];
    let mut replica = start(Redpoll, &directives);
    fill(&primary, "a:");
    fill(&replica, "gone:");
    follow(&replica, primary.port());
    expect_equal(&primary, &[&replica]);
    fill(&primary, "b:");
    settle(&primary, &[&replica]);
    let expected = digest(&primary);
    eventually("there is a new base", || {
        info(&replica, "aof_rewrite_in_progress") == "0" && number(&replica, "aof_rewrites") > 0
    });
    replica.stop();
    replica.restart();
    eventually("it is loaded", || digest(&replica) == expected);
}

/// Whether a primary and its replica keep the files that copies are made and received by.
fn expect_files(kind: Kind, (save, remove, kept): (&str, &str, bool)) {
    let has_file = |node: &TestServer| node.folder().join("dump.rdb").exists();
    let directives = ["--repl-diskless-sync", "no", "--rdb-del-sync-files", remove];
    let (primary, replica) = (start(kind, &directives), start(kind, &directives));
    for node in [&primary, &replica] {
        assert!(node.client().call(&["CONFIG", "SET", "save", save]).is_ok());
        // Whatever was there before is replaced by the copy's file.
        tell(node, "SAVE");
        assert!(has_file(node));
    }
    fill(&primary, "a:");
    follow(&replica, primary.port());
    expect_equal(&primary, &[&replica]);
    eventually("files are as they are to be", || {
        has_file(&primary) == kept && has_file(&replica) == kept
    });
    tell(&primary, "SAVE");
    assert!(has_file(&primary));
}

#[test]
fn snapshots_made_for_copies_are_removed_where_nothing_is_persisted() {
    let cases =
        [("", "yes", false), ("", "no", true), ("3600 1", "yes", true), ("3600 1", "no", true)];
    std::thread::scope(|scope| {
        for kind in [Redis, Redpoll] {
            cases.into_iter().for_each(|case| _ = scope.spawn(move || expect_files(kind, case)));
        }
    });
}

#[test]
fn a_copy_is_counted_as_what_was_loaded_last() {
    for kind in [Redis, Redpoll] {
        for mode in ["disabled", "swapdb"] {
            let primary = start(Redpoll, &[]);
            let replica = start(kind, &["--repl-diskless-load", mode]);
            assert!(primary.client().run("MSET a 1 b 2 c 3").is_ok());
            follow(&replica, primary.port());
            settle(&primary, &[&replica]);
            assert_eq!(info(&replica, "rdb_last_load_keys_loaded"), "3", "{kind:?} {mode}");
        }
    }
}

#[test]
fn functions_in_a_copy_are_left_out() {
    let source = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    for mode in ["disabled", "swapdb"] {
        let (primary, replica) =
            (start(Redis, &[]), start(Redpoll, &["--repl-diskless-load", mode]));
        primary.client().call(&["FUNCTION", "LOAD", source]);
        fill(&primary, "a:");
        follow(&replica, primary.port());
        expect_equal(&primary, &[&replica]);
        let is_said = || replica.log().contains("function libraries were left out");
        eventually("it is said", is_said);
        fill(&primary, "b:");
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1);
    }
}

#[test]
fn who_wants_no_keys_gets_a_copy_without() {
    for kind in [Redis, Redpoll] {
        let primary = start(kind, &["--repl-diskless-sync", "no"]);
        fill(&primary, "a:");
        tell(&primary, "SAVE");
        let file = std::fs::read(primary.folder().join("dump.rdb")).expect("a snapshot");
        for filter in ["", "functions"] {
            let mut client = primary.client();
            let filter = ["REPLCONF", "capa", "eof", "rdb-only", "1", "rdb-filter-only", filter];
            assert!(client.call(&filter).is_ok());
            client.send(b"SYNC\r\n").expect("the server reads");
            let copy = client.read_to_close().expect("it ends with the copy");
            let text = String::from_utf8_lossy(&copy).into_owned();
            assert!(text.contains("$EOF:") && text.contains("REDIS00"), "{text:?}");
            assert!(!text.contains("a:s"), "{kind:?}");
        }
        let after = std::fs::read(primary.folder().join("dump.rdb")).expect("a snapshot");
        assert_eq!(after, file, "it is not the snapshot's file");
        let refused =
            |client: &str| primary.client().call(&["REPLCONF", "rdb-filter-only", client]);
        for bad in ["keys", "\"functions", "'functions", "functions x"] {
            assert!(refused(bad).is_error(), "{bad}");
        }
    }
}
