//! Primaries and replicas of both kinds: full copies, links that break anywhere, chains, changes of
//! roles, and what replicas refuse.

mod clusters;
mod copies;
mod failures;
mod gate;
mod gates;
mod limits;
mod nodes;
mod own_keys;
mod own_writes;
mod proxy;
mod restarts;
mod roles;
mod shutdown;
mod slots;
mod soak;
mod succession;
mod timed;

use std::sync::atomic::{AtomicBool, Ordering};

use nodes::{expect_equal, fill, follow, info, number, settle, start, wait_until_linked};
use proxy::Proxy;
use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, Stop, TestServer, eventually, is_usual_reference};

/// Who follows whom.
const PAIRS: [(Kind, Kind); 3] = [(Redis, Redpoll), (Redpoll, Redis), (Redpoll, Redpoll)];

#[test]
fn a_full_copy_and_then_the_stream() {
    for (primary, replica) in PAIRS {
        for diskless in ["yes", "no"] {
            let primary = start(primary, &["--repl-diskless-sync", diskless]);
            let replica = start(replica, &[]);
            fill(&primary, "before:");
            fill(&replica, "gone:");
            follow(&replica, primary.port());
            expect_equal(&primary, &[&replica]);
            fill(&primary, "after:");
            expect_equal(&primary, &[&replica]);
            assert_eq!(number(&primary, "sync_full"), 1);
            assert_eq!(info(&replica, "role"), "slave");
            let state = format!("port={},state=online", replica.port());
            eventually("it is online", || info(&primary, "slave0").contains(&state));
        }
    }
}

/// A replica behind a proxy, in step with its primary.
fn behind_proxy(primary: Kind, replica: Kind) -> (TestServer, Proxy, TestServer) {
    let (primary, replica) = (start(primary, &[]), start(replica, &[]));
    let proxy = Proxy::to(primary.port());
    fill(&primary, "first:");
    follow(&replica, proxy.port);
    expect_equal(&primary, &[&replica]);
    (primary, proxy, replica)
}

#[test]
fn a_cut_link_is_made_good_from_the_log() {
    for (primary, replica) in PAIRS {
        let (primary, proxy, replica) = behind_proxy(primary, replica);
        proxy.close();
        eventually("the link is down", || info(&replica, "master_link_status") == "down");
        fill(&primary, "meanwhile:");
        proxy.open();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1);
        assert_eq!(number(&primary, "sync_partial_ok"), 1);
    }
}

#[test]
fn a_link_may_break_inside_a_transaction_and_inside_a_value() {
    for (primary, replica) in PAIRS {
        let (primary, proxy, replica) = behind_proxy(primary, replica);
        let mut client = primary.client();
        // A transaction of some hundred bytes, then values of some hundred thousand.
        for (cut, key) in [(70, "t"), (150, "u"), (300, "v"), (5_000, "w"), (120_000, "x")] {
            settle(&primary, &[&replica]);
            proxy.cut_after(cut);
            client.run("MULTI");
            for index in 0..10 {
                client.call(&["SET", &format!("{key}{index}"), &"v".repeat(20)]);
                client.call(&["SELECT", &(index % 3).to_string()]);
            }
            client.run("EXEC");
            client.call(&["SET", key, &"large".repeat(50_000)]);
            eventually("the link was cut", || !proxy.is_armed());
            expect_equal(&primary, &[&replica]);
        }
        assert_eq!(number(&primary, "sync_full"), 1, "everything was made good from the log");
        assert!(number(&primary, "sync_partial_ok") >= 5);
    }
}

#[test]
fn a_link_may_break_inside_a_full_copy() {
    for (primary, replica) in PAIRS {
        for diskless in ["yes", "no"] {
            let primary = start(primary, &["--repl-diskless-sync", diskless]);
            let replica = start(replica, &[]);
            let proxy = Proxy::to(primary.port());
            fill(&primary, "data:");
            fill(&replica, "old:");
            proxy.cut_after(3_000);
            follow(&replica, proxy.port);
            eventually("the link was cut", || !proxy.is_armed());
            expect_equal(&primary, &[&replica]);
        }
    }
}

#[test]
fn a_replica_that_missed_too_much_gets_a_copy() {
    for (primary, replica) in PAIRS {
        let (primary, proxy, replica) = behind_proxy(primary, replica);
        assert!(primary.client().run("CONFIG SET repl-backlog-size 16384").is_ok());
        proxy.close();
        // As long as the primary believes in the link it keeps everything for it.
        eventually("the link is gone", || number(&primary, "connected_slaves") == 0);
        let mut client = primary.client();
        for index in 0..40 {
            client.call(&["SET", &format!("k{}", index % 5), &"x".repeat(50_000)]);
        }
        proxy.open();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 2);
    }
}

#[test]
fn replicas_of_replicas_read_the_same_bytes() {
    for kinds in [[Redis, Redpoll, Redis, Redpoll], [Redpoll, Redis, Redpoll, Redpoll]] {
        let nodes = kinds.map(|kind| start(kind, &[]));
        let [top, first, second, third] = &nodes;
        fill(top, "a:");
        let (near, far) = (Proxy::to(top.port()), Proxy::to(first.port()));
        follow(first, near.port);
        wait_until_linked(first);
        follow(second, far.port);
        wait_until_linked(second);
        follow(third, second.port());
        expect_equal(top, &[first, second, third]);
        fill(top, "b:");
        expect_equal(top, &[first, second, third]);
        for (proxy, prefix) in [(&near, "c:"), (&far, "d:")] {
            proxy.cut();
            fill(top, prefix);
            expect_equal(top, &[first, second, third]);
        }
        let fulls = [top, first, second].map(|node| number(node, "sync_full"));
        assert_eq!(fulls, [1, 1, 1], "cuts were made good from logs");
    }
}

#[test]
fn several_replicas_share_one_copy() {
    // It waits until all three have asked.
    let waits = ["--repl-diskless-sync-delay", "600", "--repl-diskless-sync-max-replicas", "3"];
    let primary = start(Redpoll, &waits);
    fill(&primary, "a:");
    // Valkey 9 gets one of its own, in another form.
    let third = if is_usual_reference() { Redis } else { Redpoll };
    let replicas = [third, Redpoll, Redpoll].map(|kind| start(kind, &[]));
    replicas.iter().for_each(|replica| follow(replica, primary.port()));
    let all: Vec<&TestServer> = replicas.iter().collect();
    expect_equal(&primary, &all);
    fill(&primary, "b:");
    expect_equal(&primary, &all);
    let made = || primary.log().matches("full copy made").count();
    eventually("it is said", || made() > 0);
    assert_eq!(made(), 1);
    assert_eq!(number(&primary, "sync_full"), 3);
}

#[test]
fn what_expires_goes_when_the_primary_says_so() {
    for (primary, replica) in PAIRS {
        let (primary, replica) = (start(primary, &[]), start(replica, &[]));
        follow(&replica, primary.port());
        wait_until_linked(&replica);
        let mut client = primary.client();
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        client.run("SET short 1 PX 300");
        client.run("SET long 1 EX 1000");
        settle(&primary, &[&replica]);
        let mut reader = replica.client();
        eventually("it is hidden", || reader.run("GET short").is_null());
        // It is there until the primary says otherwise.
        assert_eq!(reader.run("DBSIZE").to_string(), "(integer) 2");
        // Each has a clock of its own, read at other moments.
        eventually("the primary sees it, too", || client.run("GET short").is_null());
        expect_equal(&primary, &[&replica]);
        assert_eq!(reader.run("DBSIZE").to_string(), "(integer) 1");
    }
}

/// What the stream brings meanwhile comes after what is loaded, not between.
#[test]
fn a_replica_loads_its_dataset_again_under_the_stream() {
    let aof = ["--appendonly", "yes"];
    let (primary, replica) = (start(Redpoll, &[]), start(Redpoll, &aof));
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    let (port, stop) = (primary.port(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::connect(port);
            for number in 0.. {
                client.run(&format!("RPUSH list:{} {number}", number % 10));
                client.run(&format!("INCR counter:{}", number % 10));
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let _ending = Stop(&stop);
        for command in ["DEBUG LOADAOF", "DEBUG RELOAD"].repeat(6) {
            let is_quiet = || info(&replica, "aof_rewrite_in_progress") == "0";
            eventually("the file is complete", is_quiet);
            // A snapshot of this moment may have to wait for another.
            eventually("it is loaded", || replica.client().run(command).is_ok());
        }
    });
    expect_equal(&primary, &[&replica]);
    assert_eq!(number(&primary, "sync_full"), 1);
}

/// What is loaded again may have expired meanwhile; replicas are told when it goes.
#[test]
fn what_expires_before_a_reload_goes_from_replicas_too() {
    let (primary, replica) = (start(Redpoll, &[]), start(Redpoll, &[]));
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    let mut client = primary.client();
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    client.run("SET gone 1 PX 1");
    client.run("SET stays 1");
    settle(&primary, &[&replica]);
    assert!(client.run("DEBUG RELOAD").is_ok());
    client.run("DEBUG SET-ACTIVE-EXPIRE 1");
    eventually("it is gone everywhere", || {
        [&primary, &replica].iter().all(|node| node.client().run("DBSIZE").int() == 1)
    });
    expect_equal(&primary, &[&replica]);
}
