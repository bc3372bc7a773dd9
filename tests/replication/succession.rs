//! Primaries of a cluster that come back without their data: a replica that has them takes over.

use support::Kind::{Redis, Redpoll};
use support::{Kind, TestCluster, TestServer, eventually, nodes_seen_by};

use crate::nodes::{info, settle};

/// A key of the first half of the slots.
const KEY: &str = "b";
/// So long that nobody is suspected, and nobody gives up, however slow the machine is.
const PATIENCE: [&str; 6] = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "300000",
    "--cluster-empty-primary-wait",
    "300000",
];

/// Two primaries of which the first, redpoll, has a replica and the key.
fn cluster(other: Kind, replica: Kind) -> (TestCluster, TestServer) {
    let mut cluster = TestCluster::of(&[Redpoll, other]);
    let replica = TestCluster::apart(&[replica]).nodes.remove(0);
    let first = &cluster.nodes[0];
    for node in [first, &cluster.nodes[1], &replica] {
        let set = node.client().run("CONFIG SET cluster-node-timeout 300000");
        assert!(set.is_ok(), "{set}");
    }
    let id = first.client().run("CLUSTER MYID").text();
    assert!(replica.client().run(&format!("CLUSTER MEET 127.0.0.1 {}", first.port())).is_ok());
    let replicate = format!("CLUSTER REPLICATE {id}");
    eventually("it replicates", || replica.client().run(&replicate).is_ok());
    assert!(first.client().call(&["SET", KEY, "value"]).is_ok());
    settle(first, &[&replica]);
    let knows = |node: &&TestServer| nodes_seen_by(node).iter().any(|node| node.has_flag("slave"));
    eventually("all know the replica", || {
        cluster.nodes.iter().chain([&replica]).all(|n| knows(&n))
    });
    cluster.nodes[0].set_directives(&PATIENCE);
    (cluster, replica)
}

#[test]
fn a_replica_keeps_the_data_of_a_primary_that_comes_back_without_them() {
    for (other, replica) in [(Redpoll, Redpoll), (Redis, Redpoll), (Redpoll, Redis)] {
        let (mut cluster, replica) = cluster(other, replica);
        cluster.nodes[0].kill();
        // It can do nothing while we look at its primary.
        replica.pause();
        cluster.nodes[0].restart();
        let old = &cluster.nodes[0];
        let read = old.client().call(&["GET", KEY]);
        assert!(read.is_error_of("CLUSTERDOWN"), "{read}");
        let sync = old.client().run("PSYNC ? -1");
        assert!(sync.is_error_of("LOADING"), "{sync}");
        replica.resume();
        eventually("the replica takes over", || info(&replica, "role") == "master");
        eventually("it serves what it had", || {
            replica.client().call(&["GET", KEY]).to_string() == "\"value\""
        });
        settle(&replica, &[old]);
        let mut client = old.client();
        assert!(client.run("READONLY").is_ok());
        assert_eq!(client.call(&["GET", KEY]).text(), "value");
    }
}

#[test]
fn a_primary_that_comes_back_with_its_data_or_without_replicas_serves() {
    let (mut cluster, mut replica) = cluster(Redpoll, Redpoll);
    assert!(cluster.nodes[0].client().run("SAVE").is_ok());
    cluster.nodes[0].kill();
    cluster.nodes[0].restart();
    let serves = |node: &TestServer, expected: &str| {
        node.client().call(&["GET", KEY]).to_string() == expected
    };
    eventually("it serves what it has saved", || serves(&cluster.nodes[0], "\"value\""));
    settle(&cluster.nodes[0], &[&replica]);
    assert_eq!(info(&cluster.nodes[0], "role"), "master");

    replica.stop();
    let mut other = cluster.nodes[1].client();
    let gone = nodes_seen_by(&cluster.nodes[0]).into_iter().find(|node| node.has_flag("slave"));
    let forget = format!("CLUSTER FORGET {}", gone.expect("the replica").id);
    assert!(other.run(&forget).is_ok());
    cluster.nodes[0].client().run(&forget);
    cluster.nodes[0].kill();
    std::fs::remove_file(cluster.nodes[0].folder().join("dump.rdb")).expect("it was saved");
    cluster.nodes[0].restart();
    eventually("it serves nothing", || serves(&cluster.nodes[0], "(null bulk)"));
}
