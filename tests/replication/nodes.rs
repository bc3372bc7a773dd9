//! What the stories ask of servers: roles, offsets, data.

use std::time::Duration;

use support::{Client, Kind, TestServer, Value, eventually, until};

/// A server that is quick to make full copies and lets itself be asked for digests.
///
/// It does not ping its replicas: pings are bytes of the history, and two nodes that are to have
/// the same one must not write them on their own. Nor does it give up a link that is silent.
#[track_caller]
pub fn start(kind: Kind, directives: &[&str]) -> TestServer {
    let common = [
        "--repl-diskless-sync-delay",
        "0",
        "--enable-debug-command",
        "yes",
        "--repl-ping-replica-period",
        "3600",
        "--repl-timeout",
        "3600",
    ];
    TestServer::start_kind(kind, &[&common[..], directives].concat())
}

/// A field of INFO; empty if there is none.
pub fn info(node: &TestServer, field: &str) -> String {
    let Ok(mut client) = Client::try_connect(node.port()) else { return String::new() };
    let Ok(Value::Bulk(text)) = client.try_call(&["INFO", "everything"]) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let found = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    found.unwrap_or_default().trim().to_owned()
}

pub fn number(node: &TestServer, field: &str) -> i64 {
    info(node, field).parse().unwrap_or_else(|_| panic!("{field} of {:?}", node.kind()))
}

/// Expects `OK`.
#[track_caller]
pub fn tell(node: &TestServer, command: &str) {
    let reply = node.client().run(command);
    assert!(reply.is_ok(), "{command}: {reply}");
}

#[track_caller]
pub fn follow(replica: &TestServer, port: u16) {
    let reply = replica.client().run(&format!("REPLICAOF 127.0.0.1 {port}"));
    assert!(reply.text().starts_with("OK"), "{reply}");
}

pub fn is_linked(replica: &TestServer) -> bool {
    info(replica, "master_link_status") == "up"
}

#[track_caller]
pub fn wait_until_linked(replica: &TestServer) {
    eventually("the link is up", || is_linked(replica));
}

/// Waits until the primary has so many replicas to which it sends its stream.
#[track_caller]
pub fn wait_until_online(primary: &TestServer, count: usize) {
    eventually("replicas are online", || {
        (0..count).all(|index| info(primary, &format!("slave{index}")).contains("state=online"))
    });
}

/// Waits until all have the primary's history to its end.
#[track_caller]
pub fn settle(primary: &TestServer, replicas: &[&TestServer]) {
    eventually("every replica has everything", || {
        let (offset, id) = (info(primary, "master_repl_offset"), info(primary, "master_replid"));
        replicas.iter().all(|replica| {
            is_linked(replica)
                && info(replica, "master_repl_offset") == offset
                && info(replica, "master_replid") == id
        })
    });
}

/// Everything settled, and the same data everywhere, as soon as what has expired is gone.
#[track_caller]
pub fn expect_equal(primary: &TestServer, replicas: &[&TestServer]) {
    let digest = |node: &TestServer| support::digest(&mut node.client());
    let are_equal = || {
        settle(primary, replicas);
        let expected = digest(primary);
        replicas.iter().all(|replica| digest(replica) == expected)
    };
    settle(primary, replicas);
    if until(EXPIRY_LIMIT, are_equal) {
        return;
    }
    for replica in replicas {
        let (left, right) = (primary, replica);
        let names =
            format!("{:?} {}, {:?} {}", left.kind(), left.port(), right.kind(), right.port());
        eprintln!("{names}: {:?}", differences(left, right));
    }
    panic!("the data differs");
}

/// How long expired keys may stay.
const EXPIRY_LIMIT: Duration = Duration::from_secs(120);

/// The first keys that differ, for whoever has to find out why.
fn differences(one: &TestServer, other: &TestServer) -> Vec<String> {
    let (mut one, mut other) = (one.client(), other.client());
    let mut found = Vec::new();
    for db in 0..16 {
        for client in [&mut one, &mut other] {
            client.run(&format!("SELECT {db}"));
        }
        let mut names: Vec<Value> = one.run("KEYS *").items();
        names.extend(other.run("KEYS *").items());
        names.sort();
        names.dedup();
        for name in names.iter().map(Value::text) {
            let ask = |client: &mut Client| {
                let ask = ["DEBUG", "DIGEST-VALUE", &name];
                let ttl = client.call(&["PEXPIRETIME", &name]).to_string();
                format!("{:?} until {ttl}", client.call(&ask).items().first().map(Value::text))
            };
            let (left, right) = (ask(&mut one), ask(&mut other));
            if left != right {
                found.push(format!("{db}/{name}: {left} and {right}"));
            }
        }
    }
    found.truncate(10);
    found
}

/// Some data of every type in two databases.
pub fn fill(node: &TestServer, prefix: &str) {
    let mut client = node.client();
    for db in [0, 3] {
        client.run(&format!("SELECT {db}"));
        for line in [
            "SET {}s value",
            "SET {}n 12345",
            "SET {}e soon EX 1000",
            "RPUSH {}l 1 2 3 four",
            "SADD {}i 1 2 3",
            "SADD {}S a b c",
            "HSET {}h field value other 2",
            "ZADD {}z 1 a 2 b 3.5 c",
            "XADD {}x 1-1 field value",
            "XGROUP CREATE {}x group 0",
            "SETBIT {}b 100 1",
            "PFADD {}p a b c",
        ] {
            let reply = client.run(&line.replace("{}", prefix));
            assert!(!matches!(reply, Value::Error(_)), "{line}: {reply}");
        }
        let large = "x".repeat(200_000);
        client.call(&["SET", &format!("{prefix}large"), &large]);
        for index in 0..500 {
            let (key, field) = (format!("{prefix}H"), index.to_string());
            client.call(&["HSET", &key, &field, &field.repeat(5)]);
        }
    }
}
