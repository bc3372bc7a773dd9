//! Changes of roles: promotion, coming back, handing over.

use support::Kind::{Redis, Redpoll};
use support::{TestServer, eventually};

use crate::nodes::{
    expect_equal, fill, follow, info, number, settle, start, tell, wait_until_linked,
    wait_until_online,
};
use crate::proxy::Proxy;

#[test]
fn a_promoted_replica_is_followed_without_a_new_copy() {
    for kinds in [[Redis, Redpoll, Redis], [Redpoll, Redpoll, Redpoll], [Redpoll, Redis, Redpoll]] {
        // Whoever hears a ping that the new primary does not has another history.
        let silent = ["--repl-ping-replica-period", "2147483647"];
        let nodes = kinds.map(|kind| start(kind, &silent));
        let [old, new, other] = &nodes;
        fill(old, "a:");
        follow(new, old.port());
        follow(other, old.port());
        expect_equal(old, &[new, other]);
        let (name, end) = (info(old, "master_replid"), number(old, "master_repl_offset"));

        tell(new, "REPLICAOF NO ONE");
        assert_eq!(info(new, "role"), "master");
        assert_eq!(info(new, "master_replid2"), name);
        assert!(number(new, "second_repl_offset") > end);
        assert_ne!(info(new, "master_replid"), name);
        fill(new, "b:");
        follow(other, new.port());
        follow(old, new.port());
        expect_equal(new, &[old, other]);
        assert_eq!(number(new, "sync_full"), 0);
        assert_eq!(number(new, "sync_partial_ok"), 2);
        fill(new, "c:");
        expect_equal(new, &[old, other]);
    }
}

#[test]
fn replicas_of_a_promoted_node_hear_of_the_new_name() {
    for kinds in [[Redpoll, Redpoll, Redis], [Redis, Redpoll, Redpoll], [Redpoll, Redis, Redpoll]] {
        let nodes = kinds.map(|kind| start(kind, &[]));
        let [top, middle, bottom] = &nodes;
        fill(top, "a:");
        follow(middle, top.port());
        wait_until_linked(middle);
        follow(bottom, middle.port());
        expect_equal(top, &[middle, bottom]);
        tell(middle, "REPLICAOF NO ONE");
        fill(middle, "b:");
        expect_equal(middle, &[bottom]);
        assert_eq!(number(middle, "sync_full"), 1, "the one of the beginning");
    }
}

#[test]
fn a_primary_hands_its_role_over() {
    for kinds in [[Redpoll, Redis], [Redis, Redpoll], [Redpoll, Redpoll]] {
        let nodes = kinds.map(|kind| start(kind, &[]));
        let [old, new] = &nodes;
        fill(old, "a:");
        follow(new, old.port());
        expect_equal(old, &[new]);
        wait_until_online(old, 1);
        let target = format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 100000", new.port());
        tell(old, &target);
        eventually("the roles have changed", || {
            info(new, "role") == "master" && info(old, "role") == "slave"
        });
        wait_until_linked(old);
        assert_eq!(info(old, "master_failover_state"), "no-failover");
        // What CONFIG REWRITE would write.
        let named = |node: &TestServer| {
            node.client().run("CONFIG GET replicaof").items().pop().map(|value| value.text())
        };
        let expected = [Some(format!("127.0.0.1 {}", new.port())), Some(String::new())];
        eventually("the settings follow", || [named(old), named(new)] == expected);
        fill(new, "b:");
        expect_equal(new, &[old]);
        assert_eq!(number(new, "sync_full"), 0);
        wait_until_online(new, 1);
        tell(new, "FAILOVER");
        eventually("the roles have changed back", || {
            info(old, "role") == "master" && info(new, "role") == "slave"
        });
        settle(old, &[new]);
    }
}

#[test]
fn a_handover_that_cannot_be_is_refused_or_given_up() {
    let (primary, replica) = (start(Redpoll, &[]), start(Redis, &[]));
    let refused = |command: &str| primary.client().run(command).text();
    assert_eq!(refused("FAILOVER"), "ERR FAILOVER requires connected replicas.");
    assert_eq!(refused("FAILOVER ABORT"), "ERR No failover in progress.");
    assert_eq!(refused("FAILOVER TIMEOUT 0"), "ERR FAILOVER timeout must be greater than 0");
    assert_eq!(refused("FAILOVER NOW"), "ERR syntax error");
    assert_eq!(refused("FAILOVER FORCE"), "ERR FAILOVER requires connected replicas.");
    for line in ["FAILOVER FORCE FORCE", "FAILOVER ABORT FORCE", "FAILOVER FORCE ABORT"] {
        assert_eq!(refused(line), "ERR syntax error");
    }
    assert_eq!(refused("REPLCONF rdb-only x"), "ERR value is not an integer or out of range");
    follow(&replica, primary.port());
    settle(&primary, &[&replica]);
    wait_until_online(&primary, 1);
    assert_eq!(
        refused("FAILOVER TO 127.0.0.1 1"),
        "ERR FAILOVER target HOST and PORT is not a replica."
    );
    assert_eq!(
        refused("FAILOVER TO 127.0.0.1 1 FORCE"),
        "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
    );
    replica.pause();
    primary.client().run("SET k v");
    tell(&primary, "FAILOVER TIMEOUT 500000");
    assert_eq!(info(&primary, "master_failover_state"), "waiting-for-sync");
    let mut writer = primary.client();
    writer.send(b"SET k x\r\n").expect("the server reads");
    eventually("it waits", || primary.client().run("CLIENT LIST").text().contains("flags=b"));
    tell(&primary, "FAILOVER ABORT");
    assert_eq!(info(&primary, "master_failover_state"), "no-failover");
    assert!(writer.read().expect("a reply").is_ok());
    // Writes wait and go on when the time is over.
    tell(&primary, "FAILOVER TIMEOUT 500");
    assert!(primary.client().run("SET k w").is_ok());
    eventually("it is given up", || info(&primary, "master_failover_state") == "no-failover");
    assert_eq!(info(&primary, "role"), "master");
    replica.resume();
    settle(&primary, &[&replica]);
}

/// By the time it can be asked it is a primary itself.
#[test]
fn a_handover_that_the_replica_refuses_ends_and_writes_go_on() {
    for kinds in [[Redpoll, Redis], [Redis, Redpoll], [Redpoll, Redpoll]] {
        let (old, new) = (start(kinds[0], &[]), start(kinds[1], &[]));
        let proxy = Proxy::to(new.port());
        proxy.close();
        tell(&new, &format!("CONFIG SET replica-announce-port {}", proxy.port));
        follow(&new, old.port());
        settle(&old, &[&new]);
        wait_until_online(&old, 1);
        tell(&old, &format!("FAILOVER TO 127.0.0.1 {} FORCE TIMEOUT 1", proxy.port));
        eventually("it is asked", || info(&old, "master_failover_state") == "failover-in-progress");
        let mut writer = old.client();
        writer.send(b"SET k w\r\n").expect("the server reads");
        tell(&new, "REPLICAOF NO ONE");
        proxy.open();
        eventually("it is over", || {
            info(&old, "role") == "master" && info(&old, "master_failover_state") == "no-failover"
        });
        // It has waited, or met a replica.
        let reply = writer.read().expect("a reply");
        assert!(reply.is_ok() || reply.is_error_of("READONLY"), "{reply}");
        assert!(old.client().run("SET k x").is_ok());
    }
}

#[test]
fn data_is_kept_when_the_primary_comes_back_empty() {
    let (mut primary, replica) =
        (start(Redpoll, &[]), start(Redpoll, &["--replica-refuse-empty-primary", "yes"]));
    fill(&primary, "a:");
    follow(&replica, primary.port());
    expect_equal(&primary, &[&replica]);
    let keys = replica.client().run("DBSIZE");
    primary.kill();
    primary.restart();
    eventually("the copy is refused", || {
        replica.log().contains("replica-refuse-empty-primary is set")
    });
    assert_eq!(replica.client().run("DBSIZE"), keys);
    fill(&primary, "b:");
    expect_equal(&primary, &[&replica]);
}

/// From the first moment on: what it took before it knew its primary nobody else would have.
#[test]
fn a_node_that_starts_as_a_replica_takes_no_writes() {
    let mut node = start(Redpoll, &[]);
    fill(&node, "a:");
    tell(&node, "SAVE");
    node.stop();
    let nobody = support::free_port().to_string();
    node.set_directives(&["--replicaof", "127.0.0.1", &nobody]);
    for _ in 0..3 {
        node.restart();
        let reply = node.client().run("SET taken 1");
        assert!(reply.is_error_of("READONLY"), "{reply}");
        assert_eq!(info(&node, "role"), "slave");
        node.kill();
    }
}

#[test]
fn a_replica_that_is_asked_for_a_count_keeps_the_bytes_of_its_primary() {
    let (primary, replica) = (start(Redpoll, &[]), start(Redpoll, &[]));
    follow(&replica, primary.port());
    primary.client().run("PFADD visitors one two three");
    settle(&primary, &[&replica]);
    assert_eq!(replica.client().run("PFCOUNT visitors").to_string(), "(integer) 3");
    let bytes = |node: &TestServer| node.client().run("GET visitors").to_string();
    assert_eq!(bytes(&replica), bytes(&primary), "the count is not kept");
    assert_eq!(primary.client().run("PFCOUNT visitors").to_string(), "(integer) 3");
    settle(&primary, &[&replica]);
    assert_eq!(bytes(&replica), bytes(&primary), "the primary's is");
}
