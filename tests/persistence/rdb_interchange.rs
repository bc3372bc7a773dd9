//! Snapshots that redis-server 7.0 wrote are loaded here, and the other way round.

use std::fs;

use support::{Client, Kind, TestServer, eventually, knows, reference, run_to_end, start_oracle};

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

/// A small and a large hash of which some fields expire, where the server has such.
fn add_timed(client: &mut Client) {
    if !knows(client, "HPEXPIREAT") {
        return;
    }
    client.run("HSET timed a 1 b 2 c 3");
    client.run("HPEXPIREAT timed 4102444800000 FIELDS 2 a c");
    for number in 0..600 {
        let at = (4_102_444_800_000_u64 + number).to_string();
        client.run(&format!("HSET many field{number} value"));
        if number % 3 == 0 {
            client.run(&format!("HPEXPIREAT many {at} FIELDS 1 field{number}"));
        }
    }
}

/// When the fields that [`add_timed`] made expire.
fn times(client: &mut Client) -> String {
    let small = client.run("HPEXPIRETIME timed FIELDS 4 a b c d").to_string();
    let large = client.run("HPEXPIRETIME many FIELDS 4 field0 field1 field3 field597");
    format!("{small} {large}")
}

/// As [`hand_over`], with fields that expire: to a server that has such.
fn hand_over_timed(from: Kind, to: Kind) {
    let (Some(mut one), Some(mut other)) = (start(from, &[]), start(to, &[])) else { return };
    let both = [&one, &other].iter().all(|server| knows(&mut server.client(), "HPEXPIREAT"));
    if !both {
        return;
    }
    let mut client = one.client();
    add_timed(&mut client);
    let before = (times(&mut client), digest(&mut client));
    assert!(client.run("SAVE").is_ok());
    one.stop();
    other.stop();
    let (from, to) = (one.folder().join("dump.rdb"), other.folder().join("dump.rdb"));
    fs::copy(from, to).expect("a copy");
    other.restart();
    let mut client = other.client();
    assert_eq!((times(&mut client), digest(&mut client)), before);
}

#[test]
fn expiring_fields_are_loaded() {
    hand_over_timed(Kind::Redis, Kind::Redpoll);
    hand_over_timed(Kind::Redpoll, Kind::Redpoll);
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
    let (sound, told) = run_to_end(&reference("check-rdb"), &[name]);
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

#[test]
fn libraries_of_functions_are_left_out() {
    let Some(mut one) = start(Kind::Redis, &["--appendonly", "yes"]) else { return };
    let mut client = one.client();
    let source = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    assert_eq!(client.call(&["FUNCTION", "LOAD", source]).text(), "l");
    client.run("SET k v");
    assert!(client.run("SAVE").is_ok());
    client.run("BGREWRITEAOF");
    eventually("there is a base", || {
        let told = client.run("INFO persistence").text();
        told.contains("aof_rewrites:1") && told.contains("aof_rewrite_in_progress:0")
    });
    one.stop();
    let file = one.folder().join("dump.rdb");
    let name = file.to_str().expect("a path");
    let (sound, told) = run_to_end(env!("CARGO_BIN_EXE_redpoll"), &["check-rdb", name]);
    assert!(sound && told.contains("1 function libraries, which are left out"), "{told}");
    for appendonly in ["no", "yes"] {
        let mut other = TestServer::start(&["--appendonly", appendonly]);
        other.stop();
        if appendonly == "yes" {
            let (from, to) = (one.folder(), other.folder());
            fs::remove_dir_all(to.join("appendonlydir")).expect("a folder");
            fs::rename(from.join("appendonlydir"), to.join("appendonlydir")).expect("a folder");
        } else {
            fs::copy(&file, other.folder().join("dump.rdb")).expect("a copy");
        }
        other.restart();
        eventually("it is loaded", || other.client().run("GET k").to_string() == "\"v\"");
        let is_said = || other.log().contains("function libraries were left out");
        eventually("it is said", is_said);
    }
}
