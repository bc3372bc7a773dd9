//! What a replica does when its primary's commands fail, or its disk does.

use support::Kind::{Redis, Redpoll};
use support::eventually;

use crate::nodes::{follow, info, number, settle, start, tell};

#[test]
fn a_command_of_the_primary_that_fails_is_counted_or_ends_the_replica() {
    for kind in [Redis, Redpoll] {
        let primary = start(Redpoll, &[]);
        let mut replica = start(kind, &["--replica-read-only", "no"]);
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        tell(&replica, "SET key string");
        let push = || {
            assert!(primary.client().run("LPUSH key element").to_string().starts_with("(integer)"))
        };
        push();
        eventually("it is counted", || info(&replica, "unexpected_error_replies") == "1");
        let mut client = primary.client();
        for line in ["MULTI", "LPUSH key other", "SET after value", "EXEC"] {
            client.run(line);
        }
        settle(&primary, &[&replica]);
        eventually("it is counted", || info(&replica, "unexpected_error_replies") == "2");
        assert_eq!(replica.client().run("GET after").text(), "value");

        // Clients may write here: that explains it.
        tell(&replica, "CONFIG SET propagation-error-behavior panic");
        push();
        eventually("it is counted", || info(&replica, "unexpected_error_replies") == "3");
        tell(&replica, "CONFIG RESETSTAT");
        assert_eq!(number(&replica, "unexpected_error_replies"), 0);
        tell(&replica, "CONFIG SET propagation-error-behavior panic-on-replicas");
        tell(&replica, "CONFIG SET replica-read-only yes");
        assert!(!replica.is_gone());
        push();
        eventually("it ends", || replica.is_gone());
    }
}

#[test]
fn a_failure_of_the_append_only_file_is_counted() {
    let mut server = start(Redpoll, &["--appendonly", "yes"]);
    tell(&server, "SET key string");
    server.stop();
    let file = server.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut content = std::fs::read(&file).expect("it was written");
    content.extend(b"*3\r\n$5\r\nLPUSH\r\n$3\r\nkey\r\n$1\r\nx\r\n");
    std::fs::write(&file, content).expect("our own folder");
    server.restart();
    eventually("it is loaded", || info(&server, "loading") == "0");
    assert_eq!(number(&server, "unexpected_error_replies"), 1);
}

/// Valkey's primaries tell their replicas of slots that move.
#[test]
fn slots_that_move_are_no_failure() {
    let mut server = start(Redpoll, &["--appendonly", "yes", "--cluster-enabled", "yes"]);
    server.stop();
    let file = server.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
    let told = b"*4\r\n$7\r\nCLUSTER\r\n$7\r\nSETSLOT\r\n$1\r\n5\r\n$6\r\nSTABLE\r\n";
    std::fs::write(&file, told).expect("our own folder");
    server.restart();
    eventually("it is loaded", || info(&server, "loading") == "0");
    assert_eq!(number(&server, "unexpected_error_replies"), 0);
}

/// Goes on without its disk; a folder of that name will be in the way of its snapshots.
const ON_A_FULL_DISK: [&str; 4] =
    ["--replica-ignore-disk-write-errors", "yes", "--dbfilename", "blocked"];

#[test]
fn a_replica_that_cannot_save_ends_unless_it_is_told_to_go_on() {
    for kind in [Redis, Redpoll] {
        let primary = start(Redpoll, &[]);
        let mut replica = start(kind, &ON_A_FULL_DISK);
        follow(&replica, primary.port());
        settle(&primary, &[&replica]);
        // Nothing can be saved under the name of a folder.
        let file = replica.folder().join("blocked");
        drop(std::fs::remove_file(&file));
        std::fs::create_dir(&file).expect("our own folder");
        let set = replica.client().call(&["CONFIG", "SET", "save", "900 1"]);
        assert!(set.is_ok(), "{set}");
        replica.client().run("BGSAVE");
        eventually("it has failed", || info(&replica, "rdb_last_bgsave_status") == "err");
        eventually("it says so", || replica.client().run("PING").is_error_of("MISCONF"));
        tell(&primary, "SET key value");
        settle(&primary, &[&replica]);
        tell(&replica, "CONFIG SET replica-ignore-disk-write-errors no");
        tell(&primary, "SET key other");
        eventually("it ends", || replica.is_gone());
    }
}
