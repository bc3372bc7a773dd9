//! Hashes with fields that expire, between servers that have such.

use support::Kind::{Redis, Redpoll};
use support::{Client, Kind, TestServer, eventually, is_usual_reference, knows};

use crate::nodes::{expect_equal, follow, settle, start};
use crate::{PAIRS, Proxy};

/// Pairs of servers that both know HPEXPIREAT: with redis-server 7.0 only our own.
fn pairs() -> Vec<(Kind, Kind)> {
    let knows_it = |kind| knows(&mut start(kind, &[]).client(), "HPEXPIREAT");
    let redis = knows_it(Kind::Redis);
    let is_known = |kind| kind == Kind::Redpoll || redis;
    PAIRS.into_iter().filter(|pair| is_known(pair.0) && is_known(pair.1)).collect()
}

/// A small and a large hash; two fields of three expire in another century.
fn fill(client: &mut Client, prefix: &str) {
    for group in 0..70_u64 {
        let key = format!("{prefix}{}", if group < 2 { "small" } else { "large" });
        let fields: Vec<String> = (0..10).map(|n| format!("f{}", group * 10 + n)).collect();
        let pairs = fields.iter().flat_map(|field| [field.as_str(), "value"]);
        client.call(&["HSET", &key].into_iter().chain(pairs).collect::<Vec<_>>());
        for third in [1, 2] {
            let at = (4_102_444_800_000 + group * 3 + third).to_string();
            let some = fields.iter().skip(third as usize).step_by(3).map(String::as_str);
            let head = ["HPEXPIREAT", &key, &at, "FIELDS", "3"];
            client.call(&head.into_iter().chain(some).collect::<Vec<_>>());
        }
    }
}

fn times(node: &TestServer, prefix: &str) -> String {
    let mut client = node.client();
    let mut ask = |key: &str, fields: &[&str]| {
        let key = format!("{prefix}{key}");
        let count = fields.len().to_string();
        let head = ["HPEXPIRETIME", &key, "FIELDS", &count];
        client.call(&[&head, fields].concat()).to_string()
    };
    let small = ask("small", &["f0", "f1", "f2", "f3"]);
    format!("{small} {}", ask("large", &["f20", "f21", "f22", "f698", "f699"]))
}

#[test]
fn fields_that_expire_are_copied_and_streamed() {
    for (primary, replica) in pairs() {
        for diskless in ["yes", "no"] {
            let primary = start(primary, &["--repl-diskless-sync", diskless]);
            let replica = start(replica, &[]);
            let proxy = Proxy::to(primary.port());
            let mut client = primary.client();
            fill(&mut client, "copied:");
            follow(&replica, proxy.port);
            expect_equal(&primary, &[&replica]);
            assert_eq!(times(&replica, "copied:"), times(&primary, "copied:"));
            proxy.cut();
            fill(&mut client, "streamed:");
            client.run("HPERSIST copied:small FIELDS 1 f1");
            client.run("HSETEX copied:small PX 1 FIELDS 1 f2 short");
            client.run("HEXPIRE copied:large 0 FIELDS 1 f698");
            expect_equal(&primary, &[&replica]);
            eventually("an expired field goes everywhere", || {
                settle(&primary, &[&replica]);
                let len = |node: &TestServer| node.client().run("HLEN copied:small").int();
                len(&primary) == 19 && len(&replica) == 19
            });
            for prefix in ["copied:", "streamed:"] {
                assert_eq!(times(&replica, prefix), times(&primary, prefix));
            }
        }
    }
}

/// What a stream says that it is before it comes to what not everybody can read.
fn version(primary: &TestServer) -> String {
    let mut client = primary.client();
    assert!(client.run("REPLCONF capa eof rdb-only 1").is_ok());
    client.send(b"SYNC\r\n").expect("the server reads");
    let copy = client.read_to_close().expect("it ends with the copy");
    let at = copy.windows(5).position(|bytes| bytes == b"REDIS").expect("a copy");
    String::from_utf8_lossy(&copy[at..at + 9]).into_owned()
}

#[test]
fn a_stream_is_of_the_version_that_it_needs() {
    let primary = start(Redpoll, &["--repl-diskless-sync", "yes"]);
    let mut client = primary.client();
    client.run("SELECT 3");
    client.run("HSET h f1 v f2 v");
    assert_eq!(version(&primary), "REDIS0010");
    client.run("HPEXPIRE h 99999999 FIELDS 1 f1");
    assert_eq!(version(&primary), "REDIS0012");
    client.run("HPERSIST h FIELDS 1 f1");
    assert_eq!(version(&primary), "REDIS0010");
}

/// Redis 7.0 ends its process over a value that it does not know.
#[test]
fn a_replica_that_cannot_read_a_copy_is_told_so_and_tries_again() {
    if !is_usual_reference() {
        return;
    }
    let (primary, replica) = (start(Redpoll, &[]), start(Redis, &[]));
    let mut client = primary.client();
    client.run("HSET h f1 v f2 v");
    client.run("HPEXPIRE h 99999999 FIELDS 1 f1");
    follow(&replica, primary.port());
    eventually("it refuses", || replica.log().contains("Can't handle RDB format version 12"));
    client.run("HPERSIST h FIELDS 1 f1");
    expect_equal(&primary, &[&replica]);
}
