//! Messages across nodes, and connections that wait when a slot moves.

use support::{Client, TestCluster, TestServer, eventually};

/// A key and shard channel of the last third, and its slot.
const NAME: &str = "a";
const SLOT: usize = 15495;

fn id_of(node: &TestServer) -> String {
    node.client().run("CLUSTER MYID").text()
}

/// Gives the slot, which has no keys, to another node.
fn hand_over(from: &TestServer, to: &TestServer) {
    // Who imports a slot takes it with a new epoch, which the old owner cannot contest.
    let import = format!("CLUSTER SETSLOT {SLOT} IMPORTING {}", id_of(from));
    assert!(to.client().run(&import).is_ok());
    let command = format!("CLUSTER SETSLOT {SLOT} NODE {}", id_of(to));
    assert!(to.client().run(&command).is_ok());
    assert!(from.client().run(&command).is_ok());
}

fn subscribed(client: &mut Client, command: &str) {
    let reply = client.run(command).to_string();
    assert!(reply.contains("subscribe"), "{reply}");
}

#[test]
fn a_message_reaches_the_subscribers_of_every_node() {
    let cluster = TestCluster::start(3);
    let mut listeners: Vec<Client> = cluster.nodes.iter().map(TestServer::client).collect();
    for client in &mut listeners {
        subscribed(client, "SUBSCRIBE news");
    }
    let reply = cluster.nodes[1].client().run("PUBLISH news hello");
    assert_eq!(reply.int(), 1, "only local subscribers are counted");
    for client in &mut listeners {
        let message = client.read().expect("the message arrives");
        assert_eq!(message.to_string(), "[\"message\", \"news\", \"hello\"]");
    }
}

#[test]
fn shard_channels_belong_to_slots() {
    let cluster = TestCluster::start(3);
    let owner = cluster.first_owner(SLOT);
    let other = cluster.nodes.iter().find(|node| node.port() != owner.port()).expect("another");
    let refused = other.client().call(&["SSUBSCRIBE", NAME]);
    assert_eq!(refused.text(), format!("MOVED {SLOT} 127.0.0.1:{}", owner.port()));
    let crossing = owner.client().call(&["SSUBSCRIBE", "a", "b"]);
    assert!(crossing.is_error_of("CROSSSLOT"), "{crossing}");

    let mut listener = owner.client();
    subscribed(&mut listener, "SSUBSCRIBE a");
    assert_eq!(owner.client().run("SPUBLISH a hi").int(), 1);
    let message = listener.read().expect("the message arrives");
    assert_eq!(message.to_string(), "[\"smessage\", \"a\", \"hi\"]");

    hand_over(owner, other);
    let gone = listener.read().expect("word of the end of the subscription");
    assert_eq!(gone.to_string(), "[\"sunsubscribe\", \"a\", (integer) 0]");
    subscribed(&mut other.client(), "SSUBSCRIBE a");
}

#[test]
fn who_waits_for_a_key_is_sent_where_its_slot_went() {
    let cluster = TestCluster::start(3);
    let owner = cluster.first_owner(SLOT);
    let other = cluster.nodes.iter().find(|node| node.port() != owner.port()).expect("another");
    let mut waiting = owner.client();
    waiting.send(b"BLPOP a 0\r\n").expect("sent");
    eventually("it waits", || {
        owner.client().run("INFO clients").text().contains("blocked_clients:1\r\n")
    });
    hand_over(owner, other);
    let reply = waiting.read().expect("an answer");
    assert_eq!(reply.text(), format!("MOVED {SLOT} 127.0.0.1:{}", other.port()));
}

#[test]
fn a_transaction_stays_within_one_slot() {
    let cluster = TestCluster::start(3);
    let owner = cluster.first_owner(SLOT);
    let mut client = owner.client();
    client.run("MULTI");
    assert_eq!(client.run("SET a 1").to_string(), "+QUEUED");
    assert_eq!(client.run("SET {a}x 2").to_string(), "+QUEUED");
    assert_eq!(client.run("EXEC").to_string(), "[+OK, +OK]");

    client.run("MULTI");
    assert_eq!(client.run("SET a 1").to_string(), "+QUEUED");
    let refused = client.run("SET b 1");
    assert!(refused.is_error_of("MOVED"), "{refused}");
    assert!(client.run("EXEC").is_error_of("EXECABORT"));
}
