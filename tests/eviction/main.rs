//! `maxmemory` on a live server: the limit holds while several connections write, whatever the
//! policy, and refusals are those of redis-server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::{Client, Kind, Stop, TestServer, encode, eventually, start_oracle};

const MIB: u64 = 1 << 20;
/// One per cent of it is more than what four connections may have been sent and not yet run, which
/// counts as memory in use, too.
const LIMIT: u64 = 192 * MIB;
const OOM: &str = "-OOM command not allowed when used memory > \\'maxmemory\\'.";
const WRITERS: u64 = 4;
/// Written per policy: the limit is reached several times over.
const WRITTEN: u64 = 400 * MIB;
const PIPELINE: u64 = 32;
/// Sizes of values; every connection mixes them.
const SIZES: [usize; 5] = [10, 100, 1000, 3000, 30_000];

fn figure(client: &mut Client, section: &str, name: &str) -> u64 {
    let info = client.run(&format!("INFO {section}")).to_string();
    let line = info.split("\\r\\n").flat_map(|part| part.split("\r\n"));
    let found = line.filter_map(|line| line.strip_prefix(&format!("{name}:"))).next();
    found.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {info}"))
}

fn used(client: &mut Client) -> u64 {
    figure(client, "memory", "used_memory")
}

/// Sets keys of mixed sizes in pipelines; how many were refused.
fn write(port: u16, writer: u64, bytes: u64, extra: &[&str]) -> u64 {
    let mut client = Client::connect(port);
    let values = SIZES.map(|size| "v".repeat(size));
    let (mut number, mut written, mut refused) = (writer << 32, 0, 0);
    while written < bytes {
        let mut pipeline = Vec::new();
        for _ in 0..PIPELINE {
            number += 1;
            let value = &values[number as usize % values.len()];
            let name = format!("key:{writer}:{}", number % 1_000_000);
            written += value.len() as u64;
            pipeline.extend(encode(&[&["SET", &name, value], extra].concat()));
        }
        client.send(&pipeline).expect("the server reads");
        for _ in 0..PIPELINE {
            let reply = client.read().expect("a reply").to_string();
            assert!(reply == "+OK" || reply == OOM, "{reply}");
            refused += u64::from(reply == OOM);
        }
    }
    refused
}

/// Lets all writers write; (the most memory seen in use meanwhile, refusals).
fn write_together(server: &TestServer, extra: &[&str]) -> (u64, u64) {
    let (port, done, refused) = (server.port(), AtomicBool::new(false), AtomicU64::new(0));
    let mut peak = 0;
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut client, mut peak) = (Client::connect(port), 0);
            while !done.load(Ordering::Relaxed) {
                peak = used(&mut client).max(peak);
            }
            peak.max(used(&mut client))
        });
        let ending = Stop(&done);
        let write = |writer| {
            let count = write(port, writer, WRITTEN / WRITERS, extra);
            refused.fetch_add(count, Ordering::Relaxed);
        };
        let writers: Vec<_> = (0..WRITERS).map(|n| scope.spawn(move || write(n))).collect();
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
        drop(ending);
        peak = watcher.join().expect("the watcher");
    });
    (peak, refused.into_inner())
}

const POLICIES: [&str; 9] = [
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "allkeys-s3fifo",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "noeviction",
];

#[test]
fn the_limit_holds_while_several_connections_write() {
    let server = TestServer::start(&["--maxmemory", "192mb", "--worker-threads", "2"]);
    let mut client = server.client();
    for policy in POLICIES {
        if policy != "allkeys-s3fifo" {
            // It has to take in the keys of the policy before it.
            assert_eq!(client.call(&["FLUSHALL"]).to_string(), "+OK");
        }
        let set = client.call(&["CONFIG", "SET", "maxmemory-policy", policy]);
        assert_eq!(set.to_string(), "+OK");
        let before = figure(&mut client, "stats", "evicted_keys");
        let extra: &[&str] = if policy.starts_with("volatile") { &["EX", "9999"] } else { &[] };
        let (peak, refused) = write_together(&server, extra);
        assert!(peak <= LIMIT + LIMIT / 100, "{policy}: {peak} bytes were used");
        assert!(used(&mut client) > LIMIT - LIMIT / 20, "{policy}: the limit is made use of");
        let evicted = figure(&mut client, "stats", "evicted_keys") - before;
        let evicts = policy != "noeviction";
        assert_eq!((refused == 0, evicted > 0), (evicts, evicts), "{policy}");
        eprintln!("{policy}: peak {:.2} %, {evicted} evicted", peak as f64 / LIMIT as f64 * 100.0);
    }
}

/// Fills a server with keys that expire, then with keys that do not; the last reply, and how many
/// keys that expire are left.
fn outgrow(server: &TestServer) -> (String, u64) {
    let mut client = server.client();
    let limit = (used(&mut client) + 3 * MIB).to_string();
    assert_eq!(client.call(&["CONFIG", "SET", "maxmemory", &limit]).to_string(), "+OK");
    let value = "v".repeat(1000);
    for n in 0..1000 {
        let name = format!("volatile:{n}");
        assert_eq!(client.call(&["SET", &name, &value, "EX", "9999"]).to_string(), "+OK");
    }
    let mut last = String::new();
    for n in 0..10_000 {
        last = client.call(&["SET", &format!("lasting:{n}"), &value]).to_string();
        if last != "+OK" {
            break;
        }
    }
    let keyspace = client.run("INFO keyspace").to_string();
    let expires = keyspace.split("expires=").nth(1).and_then(|rest| rest.split(',').next());
    (last, expires.and_then(|count| count.parse().ok()).expect("a database has keys"))
}

#[test]
fn volatile_policies_refuse_writes_when_nothing_volatile_is_left() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
        let directives = ["--maxmemory-policy", policy];
        let ours = outgrow(&TestServer::start(&directives));
        assert_eq!(ours, (OOM.to_owned(), 0), "{policy}");
        if let Some(oracle) = start_oracle(&directives) {
            assert_eq!(oracle.kind(), Kind::Redis);
            assert_eq!(outgrow(&oracle), ours, "{policy}");
        }
    }
}

/// A connection that is sending an argument of a little more than so many bytes.
fn hoarder(server: &TestServer, bytes: usize, protected: bool) -> Client {
    let mut client = server.client();
    if protected {
        assert_eq!(client.call(&["CLIENT", "NO-EVICT", "ON"]).to_string(), "+OK");
    }
    let head = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", bytes + 100);
    client.send(head.as_bytes()).expect("the server reads");
    client.send(&vec![b'x'; bytes]).expect("the server reads");
    client
}

#[test]
fn the_largest_connections_go_when_all_together_take_too_much() {
    let oracle = start_oracle(&["--maxmemory-clients", "8mb"]);
    let ours = TestServer::start(&["--maxmemory-clients", "8mb"]);
    for server in oracle.iter().chain([&ours]) {
        let mut admin = server.client();
        assert_eq!(admin.call(&["CLIENT", "NO-EVICT", "ON"]).to_string(), "+OK");
        let evicted = |admin: &mut Client| figure(admin, "stats", "evicted_clients");
        let mut small = hoarder(server, 1_000_000, false);
        let mut large = hoarder(server, 4_000_000, false);
        let mut protected = hoarder(server, 5_000_000, true);
        eventually("the largest that may go is gone", || evicted(&mut admin) == 1);
        assert!(large.is_closed_after_draining());
        for client in [&mut small, &mut protected] {
            client.set_read_limit(Duration::from_millis(100));
            assert!(!client.is_closed_after_draining());
        }
        eventually("the server has read what it was sent", || {
            figure(&mut admin, "memory", "mem_clients_normal") > 5_000_000
        });
        // A reply that nobody reads counts, too.
        assert_eq!(admin.call(&["SET", "big", &"v".repeat(1 << 20)]).to_string(), "+OK");
        let mut deaf = server.client();
        deaf.send(&encode(&["GET", "big"]).repeat(40)).expect("the server reads");
        eventually("it does not get far", || evicted(&mut admin) >= 2);
        assert_eq!(admin.call(&["CONFIG", "SET", "maxmemory-clients", "0"]).to_string(), "+OK");
        assert_eq!(server.client().call(&["PING"]).to_string(), "+PONG");
    }
}
