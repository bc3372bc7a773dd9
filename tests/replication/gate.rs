//! Writes that wait for replicas: what ends the wait, and what does not.

use support::Kind::Redpoll;
use support::{TestServer, eventually};

use crate::nodes::{follow, info, settle, start, tell};

const REFUSAL: &str =
    "NOACK The write was applied here, but not acknowledged by enough replicas in time";

/// A connection that waits for its write to be acknowledged.
fn writer(node: &TestServer, request: &[u8]) -> support::Client {
    let mut client = node.client();
    client.send(request).expect("the server reads");
    eventually("it waits", || client_waits(node));
    client
}

fn client_waits(node: &TestServer) -> bool {
    node.client().run("CLIENT LIST").text().lines().any(|line| line.contains("flags=b "))
}

/// Nobody else has the write, so nobody says that it is safe: whether the node was started with
/// the setting or was told later.
#[test]
fn a_write_is_not_acknowledged_before_there_is_a_replica() {
    let primary =
        start(Redpoll, &["--min-replicas-to-ack", "1", "--min-replicas-ack-timeout", "50"]);
    let mut client = primary.client();
    assert_eq!(client.run("SET k v").text(), REFUSAL);
    tell(&primary, "CONFIG SET min-replicas-to-ack 0");
    assert!(client.run("SET k v").is_ok());
    tell(&primary, "CONFIG SET min-replicas-to-ack 1");
    assert_eq!(client.run("SET k v").text(), REFUSAL);
    tell(&primary, "CONFIG SET min-replicas-ack-timeout 0");
    let mut waiting = writer(&primary, b"SET k w\r\n");
    let replica = start(Redpoll, &[]);
    follow(&replica, primary.port());
    assert!(waiting.read().expect("an answer").is_ok(), "the copy has it");
    settle(&primary, &[&replica]);
    assert_eq!(replica.client().run("GET k").text(), "w");
}

#[test]
fn who_waits_for_ever_is_let_go_when_nothing_is_to_be_waited_for() {
    let primary =
        start(Redpoll, &["--min-replicas-to-ack", "1", "--min-replicas-ack-timeout", "0"]);
    let mut waiting = writer(&primary, b"SET k v\r\n");
    tell(&primary, "CONFIG SET min-replicas-to-ack 0");
    assert!(waiting.read().expect("an answer").is_ok());
    tell(&primary, "CONFIG SET min-replicas-to-ack 1");
    let mut waiting = writer(&primary, b"SET k w\r\n");
    let other = start(Redpoll, &[]);
    follow(&primary, other.port());
    assert_eq!(waiting.read().expect("an answer").text(), REFUSAL);
    eventually("it is a replica", || info(&primary, "role") == "slave");
}

#[test]
fn who_waits_for_a_file_is_told_that_there_is_none_any_more() {
    let primary = start(Redpoll, &["--appendonly", "yes"]);
    let mut waiting = writer(&primary, b"WAITAOF 1 1 0\r\n");
    tell(&primary, "CONFIG SET appendonly no");
    let reply = waiting.read().expect("an answer").text();
    assert_eq!(
        reply,
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    );
}
