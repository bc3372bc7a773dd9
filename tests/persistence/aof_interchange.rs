//! Folders that redis-server 7.0 wrote are loaded here, and the other way round.

use std::fs;
use std::path::Path;

use support::{Kind, TestServer, eventually, reference, run_to_end, start_oracle};

use crate::aof_dataset::{add, digest, files, fill, rewrite};

const DEBUG: [&str; 4] = ["--appendonly", "yes", "--enable-debug-command", "yes"];

fn start(kind: Kind, more: &[&str]) -> Option<TestServer> {
    let directives = [&DEBUG, more].concat();
    match kind {
        Kind::Redis => start_oracle(&directives),
        Kind::Redpoll => Some(TestServer::start_kind(kind, &directives)),
    }
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).expect("a folder of ours");
    }
    fs::create_dir(to).expect("a folder of ours");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

/// Fills a server, has another one load its files, and compares.
fn hand_over(from: Kind, to: Kind, more: &[&str], rewritten: bool) {
    let (Some(mut one), Some(mut other)) = (start(from, more), start(to, more)) else { return };
    let mut client = one.client();
    fill(&mut client);
    if rewritten {
        rewrite(&mut client);
        add(&mut client);
    }
    eventually("a key expires", || client.run("EXISTS gone").int() == 0);
    let before = digest(&mut client);
    let expiry = client.run("PEXPIRETIME later").int();
    one.stop();
    other.stop();
    let manifest = one.folder().join("appendonlydir/appendonly.aof.manifest");
    let (sound, told) = run_to_end(&reference("check-aof"), &[manifest.to_str().expect("a path")]);
    assert!(sound, "{told}");
    let folder = |server: &TestServer| server.folder().join("appendonlydir");
    copy(&folder(&one), &folder(&other));
    other.restart();
    let mut client = other.client();
    assert_eq!(client.run("PEXPIRETIME later").int(), expiry);
    client.run("GET gone");
    assert_eq!(digest(&mut client), before);
    let pending = client.run("XPENDING stream g").to_string();
    assert!(pending.contains("5-0"), "{pending}");
    // And it goes on writing what can be loaded again.
    add(&mut client);
    let after = digest(&mut client);
    other.stop();
    other.restart();
    assert_eq!(digest(&mut other.client()), after);
}

#[test]
fn what_redis_wrote_is_loaded() {
    hand_over(Kind::Redis, Kind::Redpoll, &[], false);
    hand_over(Kind::Redis, Kind::Redpoll, &["--aof-timestamp-enabled", "yes"], true);
    hand_over(Kind::Redis, Kind::Redpoll, &["--aof-use-rdb-preamble", "no"], true);
}

#[test]
fn what_we_wrote_is_loaded_by_redis() {
    hand_over(Kind::Redpoll, Kind::Redis, &[], false);
    hand_over(Kind::Redpoll, Kind::Redis, &["--aof-timestamp-enabled", "yes"], true);
    hand_over(Kind::Redpoll, Kind::Redis, &["--aof-use-rdb-preamble", "no"], true);
}

/// Versions before 7.0 had one file next to dump.rdb.
#[test]
fn the_single_file_of_older_versions_is_taken_over() {
    let mut server = TestServer::start(&DEBUG);
    let mut client = server.client();
    fill(&mut client);
    let before = digest(&mut client);
    server.stop();
    let folder = server.folder().join("appendonlydir");
    let only = files(&server).pop().expect("an incremental file");
    fs::rename(folder.join(only), server.folder().join("appendonly.aof")).expect("a file");
    fs::remove_dir_all(&folder).expect("a folder of ours");
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
    assert_eq!(files(&server), ["appendonly.aof", "appendonly.aof.1.incr.aof"]);
    rewrite(&mut server.client());
    assert_eq!(files(&server), ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"]);
    server.stop();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}
