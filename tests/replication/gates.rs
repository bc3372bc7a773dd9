//! What replicas, and primaries without enough of them, refuse.

use std::time::Duration;

use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, eventually, is_usual_reference, until};

use crate::nodes::{follow, info, settle, start, tell, wait_until_linked};
use crate::proxy::Proxy;

/// What a replica of a kind answers in all situations, as one text.
fn answers(kind: Kind) -> Vec<String> {
    let primary = start(Redis, &[]);
    let replica = start(kind, &[]);
    let proxy = Proxy::to(primary.port());
    primary.client().run("SET k v");
    follow(&replica, proxy.port);
    wait_until_linked(&replica);
    let (mut client, mut said) = (replica.client(), Vec::new());
    let mut ask = |client: &mut Client, lines: &[&str]| {
        for line in lines {
            said.push(format!("{line} => {}", client.run(line)));
        }
    };
    ask(&mut client, &["SET k w", "GET k", "DEL nothing", "WAIT 0 0", "PING", "BLPOP l 1"]);
    ask(&mut client, &["MULTI", "GET k", "SET k w", "EXEC"]);
    ask(&mut client, &["REPLICAOF a b", "REPLICAOF 127.0.0.1 99999", "FAILOVER"]);
    ask(&mut client, &["PSYNC ? -1 FAILOVER", "REPLCONF a", "REPLCONF a b"]);
    ask(&mut client, &["REPLCONF rdb-filter-only some", "SLAVEOF 127.0.0.1"]);
    assert!(client.run("CONFIG SET replica-serve-stale-data no").is_ok());
    proxy.close();
    eventually("the link is down", || info(&replica, "master_link_status") == "down");
    ask(&mut client, &["GET k", "SET k w", "PING", "ECHO a", "PSYNC ? -1", "EVAL x 0"][..5]);
    assert!(client.run("CONFIG SET replica-serve-stale-data yes").is_ok());
    ask(&mut client, &["GET k", "SYNC"]);
    assert!(client.run("CONFIG SET replica-read-only no").is_ok());
    ask(&mut client, &["SET k w", "GET k", "REPLICAOF NO ONE", "REPLICAOF NO ONE", "SET k x"]);
    ask(&mut client, &["PSYNC ? -1 FAILOVER", "FAILOVER"]);
    said
}

#[test]
fn replicas_refuse_what_redis_refuses() {
    let ours = answers(Redpoll);
    let theirs = answers(Redis);
    // Other versions refuse the same in other words.
    if is_usual_reference() {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn writes_need_enough_replicas() {
    let primary = start(Redpoll, &["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]);
    let mut client = primary.client();
    let refusal = "NOREPLICAS Not enough good replicas to write.";
    assert_eq!(client.run("SET k v").text(), refusal);
    assert!(client.run("GET k").is_null());
    let replica = start(Redis, &[]);
    follow(&replica, primary.port());
    eventually("writes are taken", || client.run("SET k v").is_ok());
    eventually("it is counted", || info(&primary, "min_slaves_good_slaves") == "1");
    replica.pause();
    eventually("writes are refused again", || client.run("SET k v").text() == refusal);
    replica.resume();
    eventually("writes are taken", || client.run("SET k v").is_ok());
}

#[test]
fn wait_counts_replicas_that_have_it() {
    for kind in [Redis, Redpoll] {
        let (primary, replica) = (start(Redpoll, &[]), start(kind, &[]));
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        let mut client = primary.client();
        client.run("SET k v");
        assert_eq!(client.run("WAIT 1 100000").to_string(), "(integer) 1");
        assert_eq!(client.run("WAIT 2 100").to_string(), "(integer) 1");
        replica.pause();
        client.run("SET k w");
        assert_eq!(client.run("WAIT 1 100").to_string(), "(integer) 0");
        replica.resume();
        assert_eq!(client.run("WAIT 1 100000").to_string(), "(integer) 1");
    }
}

#[test]
fn who_waits_for_keys_is_let_go_when_the_node_becomes_a_replica() {
    let (primary, replica) = (start(Redis, &[]), start(Redpoll, &[]));
    let mut waiting = replica.client();
    waiting.send(b"BLPOP list 0\r\n").expect("the server reads");
    eventually("it waits", || info(&replica, "blocked_clients") == "1");
    follow(&replica, primary.port());
    let reply = waiting.read().expect("an answer");
    assert!(reply.is_error_of("UNBLOCKED force unblock"), "{reply}");
    assert!(waiting.is_closed_after_draining());
}

#[test]
fn links_are_listed_and_can_be_killed() {
    let (primary, replica) = (start(Redpoll, &[]), start(Redpoll, &[]));
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    let list =
        |client: &mut Client, class: &str| client.run(&format!("CLIENT LIST TYPE {class}")).text();
    assert!(list(&mut primary.client(), "replica").contains("flags=S "));
    assert!(list(&mut replica.client(), "master").contains("flags=M "));
    assert_eq!(primary.client().run("CLIENT KILL TYPE replica").to_string(), "(integer) 1");
    eventually("it is back", || info(&primary, "sync_partial_ok") == "1");
    settle(&primary, &[&replica]);
    assert_eq!(replica.client().run("CLIENT KILL TYPE master").to_string(), "(integer) 1");
    eventually("it is back", || info(&primary, "sync_partial_ok") == "2");
    settle(&primary, &[&replica]);
}

#[test]
fn a_password_is_given_to_the_primary() {
    for (one, other) in [(Redis, Redpoll), (Redpoll, Redis)] {
        let primary = start(one, &["--requirepass", "secret"]);
        let replica = start(other, &[]);
        follow(&replica, primary.port());
        let linked = || info(&replica, "master_link_status") == "up";
        assert!(!until(Duration::from_millis(300), linked));
        tell(&replica, "CONFIG SET masterauth secret");
        wait_until_linked(&replica);
    }
}

#[test]
fn a_replica_goes_with_the_user_that_it_came_as() {
    for kind in [Redis, Redpoll] {
        let (primary, replica) = (start(Redpoll, &[]), start(kind, &[]));
        tell(&primary, "ACL SETUSER copier on >secret +psync +replconf +ping");
        tell(&replica, "CONFIG SET masteruser copier masterauth secret");
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        tell(&primary, "ACL SETUSER other on");
        tell(&primary, "ACL SETUSER copier >another");
        assert_eq!(info(&primary, "connected_slaves"), "1");
        assert_eq!(primary.client().run("ACL DELUSER copier").int(), 1);
        eventually("it is cut off", || info(&replica, "master_link_status") == "down");
        eventually("it is gone", || info(&primary, "connected_slaves") == "0");
    }
}

/// How far the history before was on the disk says nothing of the one that takes its place.
#[test]
fn what_a_replica_has_on_its_disk_is_counted_anew_with_a_copy() {
    let aof = ["--appendonly", "yes", "--appendfsync", "always"];
    let (primary, replica) = (start(Redpoll, &[]), start(Redpoll, &aof));
    let large = "x".repeat(100_000);
    assert!(replica.client().call(&["SET", "own", &large]).is_ok());
    // From now on nobody syncs what is written.
    tell(&replica, "CONFIG SET appendfsync no");
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    eventually("the file is begun anew", || {
        replica.log().contains("append-only file rewritten")
            && info(&replica, "aof_rewrite_in_progress") == "0"
    });
    let mut client = primary.client();
    assert!(client.run("SET a 1").is_ok());
    assert_eq!(client.run("WAIT 1 100000").int(), 1);
    assert_eq!(client.run("WAITAOF 0 1 1500").items()[1].int(), 0);
}
