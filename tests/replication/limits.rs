//! Limits: replicas that are too far behind, links that are silent, backlogs nobody needs, values
//! that are large.

use support::Kind::{Redis, Redpoll};
use support::{Kind, TestServer, eventually, is_usual_reference};

use crate::PAIRS;
use crate::nodes::{
    expect_equal, fill, follow, info, number, settle, start, tell, wait_until_linked,
};
use crate::proxy::Proxy;

/// A primary and its replica, in step.
fn pair(kinds: (Kind, Kind), of_primary: &[&str], of_replica: &[&str]) -> (TestServer, TestServer) {
    let (primary, replica) = (start(kinds.0, of_primary), start(kinds.1, of_replica));
    fill(&primary, "a:");
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    (primary, replica)
}

/// Runs a story for all pairs at the same time: most of it is waiting.
fn for_each_pair(story: impl Fn((Kind, Kind)) + Sync) {
    let story = &story;
    std::thread::scope(|scope| {
        PAIRS.into_iter().for_each(|kinds| _ = scope.spawn(move || story(kinds)));
    });
}

fn write_megabytes(node: &TestServer, count: usize) {
    let mut client = node.client();
    for index in 0..count {
        client.call(&["SET", &format!("m{}", index % 4), &"x".repeat(1_000_000)]);
    }
}

/// The limit is reached soon; the backlog is smaller.
const HARD_LIMIT: [&str; 2] = ["--client-output-buffer-limit", "replica 2mb 0 0"];

fn client_of_replica(primary: &TestServer) -> String {
    primary.client().run("CLIENT LIST TYPE replica").text()
}

#[test]
fn a_replica_that_is_too_far_behind_is_dropped_and_goes_on_later() {
    for_each_pair(|kinds| {
        // Valkey keeps a replica that its backlog can still serve.
        if kinds.0 == Kind::Redis && !is_usual_reference() {
            return;
        }
        // The backlog has all that is missed.
        let directives = ["--repl-backlog-size", "64mb"];
        let (primary, replica) = pair(kinds, &directives, &[]);
        let set_limit = |limit| {
            let set = ["CONFIG", "SET", "client-output-buffer-limit", limit];
            assert!(primary.client().call(&set).is_ok());
        };
        set_limit("replica 0 1mb 1");
        replica.pause();
        write_megabytes(&primary, 40);
        eventually("it is dropped", || info(&primary, "connected_slaves") == "0");
        if kinds.0 == Redpoll {
            assert_eq!(number(&primary, "client_output_buffer_limit_disconnections"), 1);
        }
        // What it has missed may take it longer than that.
        set_limit("replica 0 0 0");
        replica.resume();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
        assert_eq!(number(&primary, "sync_partial_ok"), 1);
    });
}

/// Writes more than the system keeps for a replica that reads nothing, 36 megabytes on some
/// machines, and than the limit.
fn write_until_it_is_dropped(primary: &TestServer) {
    write_megabytes(primary, 45);
    eventually("it is dropped", || {
        let is_dropped = || info(primary, "connected_slaves") == "0";
        support::until(std::time::Duration::from_secs(5), is_dropped) || {
            write_megabytes(primary, 10);
            false
        }
    });
}

/// What it needs to go on is kept for a while, though the backlog has no room for it. Redis makes a
/// full copy.
#[test]
fn a_replica_beyond_the_hard_limit_goes_on_where_it_was() {
    for_each_pair(|kinds| {
        if kinds.0 == Redis {
            return;
        }
        let (primary, replica) = pair(kinds, &HARD_LIMIT, &[]);
        for round in 1..=2 {
            replica.pause();
            write_until_it_is_dropped(&primary);
            write_megabytes(&primary, 3);
            replica.resume();
            // It catches up although it is further behind than the limit, and more comes.
            write_megabytes(&primary, 10);
            expect_equal(&primary, &[&replica]);
            assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
            assert_eq!(number(&primary, "sync_partial_ok"), round);
            assert_eq!(number(&primary, "client_output_buffer_limit_disconnections"), round);
        }
    });
}

/// Its copy takes longer than it takes to write more than the limit; with Redis that has no end.
#[test]
fn a_copy_is_not_given_up_for_what_is_written_meanwhile() {
    for_each_pair(|kinds| {
        if kinds.0 == Redis {
            return;
        }
        let (primary, replica) = (start(kinds.0, &HARD_LIMIT), start(kinds.1, &[]));
        let mut client = primary.client();
        for index in 0..80 {
            client.call(&["SETRANGE", &format!("large:{index}"), "1000000", "end"]);
        }
        follow(&replica, primary.port());
        let is_begun = || info(&primary, "slave0").contains("state=wait_bgsave");
        eventually("it is to have a copy", is_begun);
        replica.pause();
        write_megabytes(&primary, 40);
        // Replicas are looked at once a second.
        let looked_at = || client_of_replica(&primary).contains("cmd=psync");
        support::until(std::time::Duration::from_secs(3), || !looked_at());
        assert!(looked_at(), "it is not dropped");
        replica.resume();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
        assert_eq!(number(&primary, "client_output_buffer_limit_disconnections"), 0);
    });
}

/// Nothing is kept for ever.
#[test]
fn a_replica_that_missed_much_more_than_the_limit_gets_a_copy() {
    for_each_pair(|kinds| {
        let (primary, replica) = pair(kinds, &HARD_LIMIT, &[]);
        replica.pause();
        write_until_it_is_dropped(&primary);
        write_megabytes(&primary, 150);
        replica.resume();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 2, "{kinds:?}: the first one, and one more");
    });
}

#[test]
fn a_silent_primary_is_given_up() {
    for_each_pair(|kinds| {
        let (primary, replica) = pair(kinds, &["--repl-ping-replica-period", "1"], &[]);
        tell(&replica, "CONFIG SET repl-timeout 3");
        primary.pause();
        eventually("the link is down", || info(&replica, "master_link_status") == "down");
        primary.resume();
        wait_until_linked(&replica);
        fill(&primary, "b:");
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
    });
}

#[test]
fn a_silent_replica_is_given_up() {
    for_each_pair(|kinds| {
        let (primary, replica) = pair(kinds, &[], &[]);
        tell(&primary, "CONFIG SET repl-timeout 3");
        replica.pause();
        eventually("it is dropped", || info(&primary, "connected_slaves") == "0");
        fill(&primary, "b:");
        replica.resume();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
    });
}

#[test]
fn a_backlog_without_replicas_is_dropped_and_the_history_renamed() {
    for kind in [Redis, Redpoll] {
        let (primary, mut replica) = pair((kind, Redpoll), &["--repl-backlog-ttl", "1"], &[]);
        assert_eq!(info(&primary, "repl_backlog_active"), "1");
        let (name, end) = (info(&primary, "master_replid"), number(&primary, "master_repl_offset"));
        replica.stop();
        eventually("the backlog is gone", || info(&primary, "repl_backlog_active") == "0");
        assert_ne!(info(&primary, "master_replid"), name, "{kind:?}");
        assert_eq!(info(&primary, "master_replid2"), "0".repeat(40));
        assert_eq!(info(&primary, "second_repl_offset"), "-1");
        assert!(number(&primary, "master_repl_offset") >= end);
        assert_eq!(info(&primary, "repl_backlog_histlen"), "0");
        primary.client().run("SET k v");
        replica.restart();
        follow(&replica, primary.port());
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 2);
    }
}

#[test]
fn a_link_may_break_inside_a_hundred_megabytes() {
    for_each_pair(|kinds| {
        let (primary, replica) = (start(kinds.0, &[]), start(kinds.1, &[]));
        tell(&primary, "CONFIG SET repl-backlog-size 256mb");
        // Half of it may be on its way for longer than a replica may be behind.
        let unlimited = ["CONFIG", "SET", "client-output-buffer-limit", "replica 0 0 0"];
        assert!(primary.client().call(&unlimited).is_ok());
        let proxy = Proxy::to(primary.port());
        follow(&replica, proxy.port);
        settle(&primary, &[&replica]);
        proxy.cut_after(50_000_000);
        primary.client().call(&["SET", "large", &"x".repeat(100_000_000)]);
        eventually("the link was cut", || !proxy.is_armed());
        let has_it = || replica.client().run("STRLEN large").to_string() == "(integer) 100000000";
        eventually("it arrives", has_it);
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1, "{kinds:?}");
        assert_eq!(number(&primary, "sync_partial_ok"), 1);
    });
}
