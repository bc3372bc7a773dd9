//! Replicas in a cluster: failover by hand and by election, reads from replicas.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use support::Kind::{Redis, Redpoll};
use support::{
    Client, Kind, Stop, TestCluster, TestServer, Value, eventually, forbid_elections,
    nodes_seen_by, suspect_after, wait_until_up,
};

use crate::nodes::{info, settle};

/// A key of the first third of the slots.
const KEY: &str = "b";

/// Three redpoll primaries, and a replica of each kind for the first.
fn cluster() -> (TestCluster, Vec<TestServer>) {
    let cluster = TestCluster::start(3);
    let more = TestCluster::apart(&[Redpoll, Redis]);
    let first = &cluster.nodes[0];
    let id = first.client().run("CLUSTER MYID").text();
    let replicas = more.nodes;
    for replica in &replicas {
        let meet = format!("CLUSTER MEET 127.0.0.1 {}", first.port());
        assert!(replica.client().run(&meet).is_ok());
        let replicate = format!("CLUSTER REPLICATE {id}");
        eventually("it replicates", || replica.client().run(&replicate).is_ok());
    }
    settle(first, &replicas.iter().collect::<Vec<_>>());
    let everyone = |node: &TestServer| {
        let views = nodes_seen_by(node);
        views.iter().filter(|view| view.has_flag("slave")).count() == 2
    };
    eventually("all know the replicas", || cluster.nodes.iter().chain(&replicas).all(everyone));
    wait_until_up(&cluster.nodes.iter().chain(&replicas).collect::<Vec<_>>());
    (cluster, replicas)
}

fn is_primary(node: &TestServer) -> bool {
    info(node, "role") == "master"
}

/// Increments a counter wherever it is served, until told to stop; `counted` is what was
/// acknowledged last.
fn count(ports: &[u16], stop: &AtomicBool, counted: &AtomicI64) {
    let mut at = 0;
    let mut client = Client::try_connect(ports[at]);
    while !stop.load(Ordering::Relaxed) {
        let reply = client.as_mut().ok().and_then(|client| client.try_call(&["INCR", KEY]).ok());
        match reply {
            Some(Value::Int(number)) => {
                let before = counted.swap(number, Ordering::SeqCst);
                assert!(number > before, "acknowledged {before}, then {number}");
            }
            Some(reply) if reply.is_error_of("MOVED") => {
                let port = reply.text().rsplit(':').next().and_then(|port| port.parse().ok());
                client = Client::try_connect(port.expect("a port"));
            }
            // Not now, or not here.
            _ => {
                at = (at + 1) % ports.len();
                client = Client::try_connect(ports[at]);
            }
        }
    }
}

#[test]
fn a_failover_by_hand_loses_nothing() {
    let (cluster, replicas) = cluster();
    let old = &cluster.nodes[0];
    let everyone = || cluster.nodes.iter().chain(&replicas);
    // A primary votes for a replica of the same primary once in two node timeouts, and Redis asks
    // again after four: so Redis is the first to ask, and what follows need not wait for minutes.
    suspect_after(5_000, everyone());
    // Nor is one to take over that nobody asked.
    forbid_elections(everyone());
    let counted = AtomicI64::new(0);
    for new in replicas.iter().rev() {
        let ports: Vec<u16> = [old, &replicas[0], &replicas[1]].map(TestServer::port).to_vec();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| count(&ports, &stop, &counted));
            let ending = Stop(&stop);
            eventually_counts(&counted);
            eventually("it takes over", || {
                is_primary(new) || {
                    new.client().run("CLUSTER FAILOVER");
                    support::until(std::time::Duration::from_secs(2), || is_primary(new))
                }
            });
            eventually("the others follow", || {
                replicas
                    .iter()
                    .chain([old])
                    .all(|node| std::ptr::eq(node, new) || info(node, "master_link_status") == "up")
            });
            eventually_counts(&counted);
            drop(ending);
            writer.join().expect("no write is lost");
        });
        let last = counted.load(Ordering::SeqCst).to_string();
        assert_eq!(new.client().call(&["GET", KEY]).text(), last);
        let others: Vec<&TestServer> =
            replicas.iter().chain([old]).filter(|node| !std::ptr::eq(*node, new)).collect();
        settle(new, &others);
        assert_eq!(info(new, "sync_full"), "0", "{:?} has made a copy", new.kind());
    }
}

/// Waits until one more write was acknowledged.
fn eventually_counts(counted: &AtomicI64) {
    let before = counted.load(Ordering::SeqCst);
    eventually("a write is acknowledged", || counted.load(Ordering::SeqCst) > before);
}

#[test]
fn a_replica_takes_over_from_a_primary_that_is_gone() {
    let (mut cluster, replicas) = cluster();
    assert!(cluster.nodes[0].client().call(&["SET", KEY, "value"]).is_ok());
    let all: Vec<&TestServer> = replicas.iter().collect();
    settle(&cluster.nodes[0], &all);
    for (replica, kind) in replicas.iter().zip([Redpoll, Redis] as [Kind; 2]) {
        assert_eq!(replica.kind(), kind);
        let mut client = replica.client();
        assert!(client.call(&["GET", KEY]).is_error_of("MOVED"));
        assert!(client.run("READONLY").is_ok());
        assert_eq!(client.call(&["GET", KEY]).text(), "value");
        assert!(client.call(&["SET", KEY, "other"]).is_error_of("MOVED"));
    }
    suspect_after(2_000, cluster.nodes.iter().chain(&replicas));
    cluster.nodes[0].kill();
    eventually("one takes over", || replicas.iter().any(is_primary));
    suspect_after(30_000, cluster.nodes.iter().chain(&replicas));
    let takes_writes = |node: &TestServer| node.client().call(&["SET", KEY, "after"]).is_ok();
    let mut new = None;
    eventually("it takes writes", || {
        new = replicas.iter().position(takes_writes);
        new.is_some()
    });
    let new = new.expect("just seen");
    settle(&replicas[new], &[&replicas[1 - new]]);
    cluster.nodes[0].restart();
    eventually("the old one follows", || !is_primary(&cluster.nodes[0]));
    settle(&replicas[new], &[&cluster.nodes[0], &replicas[1 - new]]);
    let mut client = cluster.nodes[0].client();
    client.run("READONLY");
    assert_eq!(client.call(&["GET", KEY]).text(), "after");
}
