//! Snapshots that redis-server 7.0 wrote are loaded here, and the other way round.

use std::fs;

use support::{Client, Kind, TestServer, run_to_end, start_oracle};

use crate::aof_dataset::{digest, fill};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn start(kind: Kind, more: &[&str]) -> Option<TestServer> {
    let directives = [&DEBUG, more].concat();
    match kind {
        Kind::Redis => start_oracle(&directives),
        Kind::Redpoll => Some(TestServer::start_kind(kind, &directives)),
    }
}

/// Values too large to be packed, and keys of other databases.
fn add_large(client: &mut Client) {
    for number in 0..3000 {
        let (field, value) = (format!("field {number}"), "value ".repeat(number % 20));
        client.call(&["HSET", "large hash", &field, &value]);
        client.call(&["SADD", "large set", &value, &field]);
        client.call(&["ZADD", "large zset", &(number as f64 / 7.0).to_string(), &field]);
        client.call(&["RPUSH", "large list", &value]);
    }
    client.call(&["SET", "large string", &"compressible ".repeat(50_000)]);
    client.run("SELECT 7");
    client.run("SET elsewhere 1 PX 99999999");
    client.run("SELECT 0");
}

fn hand_over(from: Kind, to: Kind, more: &[&str]) {
    let (Some(mut one), Some(mut other)) = (start(from, more), start(to, &[])) else { return };
    let mut client = one.client();
    fill(&mut client);
    add_large(&mut client);
    client.run("DEL gone");
    let before = digest(&mut client);
    assert!(client.run("SAVE").is_ok());
    one.stop();
    other.stop();
    let file = one.folder().join("dump.rdb");
    let name = file.to_str().expect("a path");
    let (sound, told) = run_to_end("redis-check-rdb", &[name]);
    assert!(sound && told.contains("RDB looks OK"), "{told}");
    let (sound, told) = run_to_end(env!("CARGO_BIN_EXE_redpoll"), &["check-rdb", name]);
    assert!(sound && told.contains("RDB looks OK"), "{told}");
    fs::copy(&file, other.folder().join("dump.rdb")).expect("a copy");
    other.restart();
    let mut client = other.client();
    assert_eq!(digest(&mut client), before);
    // And once more through its own form.
    assert!(client.run("DEBUG RELOAD").is_ok());
    assert_eq!(digest(&mut client), before);
}

#[test]
fn redis_loads_what_is_saved_here() {
    hand_over(Kind::Redpoll, Kind::Redis, &[]);
    hand_over(Kind::Redpoll, Kind::Redis, &["--rdbcompression", "no", "--rdbchecksum", "no"]);
    hand_over(Kind::Redpoll, Kind::Redis, &["--maxmemory-policy", "allkeys-lfu"]);
}

#[test]
fn what_redis_saved_is_loaded_here() {
    hand_over(Kind::Redis, Kind::Redpoll, &[]);
    hand_over(Kind::Redis, Kind::Redpoll, &["--maxmemory-policy", "allkeys-lru"]);
}
