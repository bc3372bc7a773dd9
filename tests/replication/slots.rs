//! Slots that go to another primary take their keys with them, also on replicas and in the
//! append-only file.

use support::Kind::{Redis, Redpoll};
use support::{TestCluster, TestServer, Value, eventually};

use crate::nodes::{info, settle};

/// The slot of `{b}`, in the first half.
const SLOT: u16 = 3300;

fn keys(node: &TestServer) -> Vec<Value> {
    let mut keys = node.client().run("KEYS *").items();
    keys.sort();
    keys
}

#[track_caller]
fn tell(node: &TestServer, command: &str) {
    let reply = node.client().run(command);
    assert!(reply.is_ok(), "{command}: {reply}");
}

/// Two primaries, the first with an append-only file and a replica of each kind.
fn cluster() -> (TestCluster, Vec<TestServer>) {
    let cluster = TestCluster::start(2);
    let replicas = TestCluster::apart(&[Redpoll, Redis]).nodes;
    let first = &cluster.nodes[0];
    let id = first.client().run("CLUSTER MYID").text();
    for replica in &replicas {
        tell(replica, &format!("CLUSTER MEET 127.0.0.1 {}", first.port()));
        let replicate = format!("CLUSTER REPLICATE {id}");
        eventually("it replicates", || replica.client().run(&replicate).is_ok());
    }
    tell(first, "CONFIG SET appendonly yes");
    eventually("the file is begun", || {
        info(first, "aof_rewrite_in_progress") == "0" && info(first, "aof_rewrites") == "1"
    });
    (cluster, replicas)
}

#[test]
fn keys_of_a_slot_that_is_lost_go_everywhere() {
    let (mut cluster, replicas) = cluster();
    let (first, second) = (&cluster.nodes[0], &cluster.nodes[1]);
    for index in 0..50 {
        for tag in ["b", "c"] {
            tell(first, &format!("SET {{{tag}}}{index} value"));
        }
    }
    let all: Vec<&TestServer> = replicas.iter().collect();
    settle(first, &all);

    let id = |node: &TestServer| node.client().run("CLUSTER MYID").text();
    tell(second, &format!("CLUSTER SETSLOT {SLOT} IMPORTING {}", id(first)));
    tell(second, &format!("CLUSTER SETSLOT {SLOT} NODE {}", id(second)));
    eventually("the keys are gone", || keys(first).len() == 50);
    settle(first, &all);
    for replica in &replicas {
        assert_eq!(keys(replica), keys(first), "{:?}", replica.kind());
    }

    let expected = keys(first);
    let first = &mut cluster.nodes[0];
    first.stop();
    first.set_directives(&["--cluster-enabled", "yes", "--appendonly", "yes"]);
    first.restart();
    eventually("the file is loaded", || info(first, "loading") == "0");
    assert_eq!(keys(first), expected);
}
