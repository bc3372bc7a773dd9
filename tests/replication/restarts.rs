//! Nodes that go down with a snapshot and come back: replicas go on from where they were.

use support::Kind::{Redis, Redpoll};
use support::{TestCluster, TestServer, eventually, nodes_seen_by};

use crate::PAIRS;
use crate::nodes::{expect_equal, fill, follow, info, number, settle, start};

fn save_and_end(node: &mut TestServer) {
    let save = support::encode(&["SHUTDOWN", "SAVE"]);
    node.client().send(&save).expect("the server reads");
    eventually("it ends", || node.is_gone());
    node.stop();
}

fn save_and_restart(node: &mut TestServer) {
    save_and_end(node);
    node.restart();
}

#[test]
fn a_primary_that_comes_back_is_followed_without_a_new_copy() {
    for (primary, replica) in PAIRS {
        // What a replica has not read when its primary ends would cost it a copy.
        let patient = ["--shutdown-timeout", "100"];
        let (mut primary, replica) = (start(primary, &patient), start(replica, &[]));
        fill(&primary, "a:");
        follow(&replica, primary.port());
        expect_equal(&primary, &[&replica]);
        primary.client().run("SET short 1 PX 1");
        let former = info(&primary, "master_replid");
        save_and_restart(&mut primary);
        expect_equal(&primary, &[&replica]);
        assert_eq!(info(&primary, "master_replid2"), former);
        assert_eq!(number(&primary, "sync_full"), 0);
        assert_eq!(number(&primary, "sync_partial_ok"), 1);
        fill(&primary, "b:");
        expect_equal(&primary, &[&replica]);
    }
}

#[test]
fn a_replica_that_comes_back_goes_on_without_a_new_copy() {
    for (primary, replica) in PAIRS {
        let primary = start(primary, &[]);
        let mut replica =
            start(replica, &["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
        fill(&primary, "a:");
        expect_equal(&primary, &[&replica]);
        save_and_end(&mut replica);
        fill(&primary, "missed:");
        replica.restart();
        expect_equal(&primary, &[&replica]);
        assert_eq!(number(&primary, "sync_full"), 1);
        assert_eq!(number(&primary, "sync_partial_ok"), 1);
        fill(&primary, "b:");
        expect_equal(&primary, &[&replica]);
    }
}

/// In a cluster the folder says that it is a replica, not the settings.
#[test]
fn a_replica_of_a_cluster_goes_on_without_a_new_copy() {
    for (primary, replica) in PAIRS {
        let cluster = TestCluster::of(&[primary]);
        let mut replica = TestCluster::apart(&[replica]).nodes.remove(0);
        let primary = &cluster.nodes[0];
        let id = primary.client().run("CLUSTER MYID").text();
        let meet = format!("CLUSTER MEET 127.0.0.1 {}", primary.port());
        assert!(replica.client().run(&meet).is_ok());
        let replicate = format!("CLUSTER REPLICATE {id}");
        eventually("it replicates", || replica.client().run(&replicate).is_ok());
        assert!(primary.client().run("SET before 1").is_ok());
        settle(primary, &[&replica]);
        let knows_it = || nodes_seen_by(primary).iter().any(|node| node.has_flag("slave"));
        eventually("it is known", knows_it);
        let copies = number(primary, "sync_full");
        save_and_end(&mut replica);
        assert!(primary.client().run("SET missed 1").is_ok());
        replica.restart();
        settle(primary, &[&replica]);
        assert_eq!(info(&replica, "role"), "slave");
        assert_eq!(replica.client().run("DBSIZE").to_string(), "(integer) 2");
        assert_eq!(number(primary, "sync_full"), copies, "{:?}", replica.kind());
        assert_eq!(number(primary, "sync_partial_ok"), 1);
    }
}

#[test]
fn a_flush_with_save_points_empties_the_file_too() {
    for kind in [Redis, Redpoll] {
        let mut server = start(kind, &[]);
        let mut client = server.client();
        assert!(client.call(&["CONFIG", "SET", "save", "3600 1"]).is_ok());
        fill(&server, "a:");
        assert!(client.run("SAVE").is_ok());
        for flush in ["FLUSHALL", "FLUSHALL ASYNC"] {
            client.run("SET k v");
            assert!(client.run(flush).is_ok());
            assert_eq!(info(&server, "rdb_changes_since_last_save"), "0", "{kind:?}");
        }
        assert_eq!(info(&server, "rdb_saves"), "1");
        client.run("MULTI");
        for queued in ["SET x 1", "FLUSHALL", "SET y 1"] {
            assert_eq!(client.run(queued).text(), "QUEUED");
        }
        assert_eq!(client.run("EXEC").items().len(), 3);
        client.run("DEL y");
        client.run("BGSAVE");
        assert!(client.run("FLUSHALL").is_ok());
        eventually("it is given up", || info(&server, "rdb_bgsave_in_progress") == "0");
        assert_eq!(info(&server, "rdb_last_bgsave_status"), "ok");
        server.kill();
        server.restart();
        assert_eq!(server.client().run("DBSIZE").to_string(), "(integer) 0", "{kind:?}");
    }
}
