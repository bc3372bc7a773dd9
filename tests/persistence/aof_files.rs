//! Rewriting under load, turning the file on and off, and files whose end is missing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Client, Stop, TestServer, eventually, free_port};

use crate::aof_dataset::{add, digest, files, fill, info, rewrite};

pub const ALWAYS: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];

/// Changes keys of several types in several databases until it is told to stop.
fn churn(port: u16, seed: u64, stop: &AtomicBool) {
    let mut client = Client::connect(port);
    let mut rng = fastrand::Rng::with_seed(seed);
    while !stop.load(Ordering::Relaxed) {
        let key = format!("churn:{}", rng.u32(0..500));
        let db = rng.u32(0..3).to_string();
        let value = "v".repeat(rng.usize(0..200));
        let number = rng.u32(0..100).to_string();
        client.call(&["SELECT", &db]);
        // Some meet a key of another type: what fails must not be in the file.
        match rng.u32(0..8) {
            0 => client.call(&["SET", &key, &value]),
            1 => client.call(&["DEL", &key]),
            2 => client.call(&["RPUSH", &key, &value, &number]),
            3 => client.call(&["HSET", &key, &number, &value]),
            4 => client.call(&["ZADD", &key, &number, &number]),
            5 => client.call(&["SADD", &key, &number]),
            6 => client.call(&["SPOP", &key]),
            _ => client.call(&["EXPIRE", &key, "100000"]),
        };
    }
}

fn rewrite_under_load(more: &[&str]) {
    let mut server = TestServer::start(&[&ALWAYS, more].concat());
    let mut client = server.client();
    fill(&mut client);
    let stop = AtomicBool::new(false);
    let port = server.port();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let stop = &stop;
            scope.spawn(move || churn(port, seed, stop));
        }
        let _ending = Stop(&stop);
        for _ in 0..4 {
            rewrite(&mut client);
        }
    });
    let before = digest(&mut client);
    assert_eq!(files(&server).len(), 2);
    server.kill();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

#[test]
fn a_rewrite_under_load_loses_nothing() {
    rewrite_under_load(&[]);
    rewrite_under_load(&["--aof-use-rdb-preamble", "no"]);
}

#[test]
fn the_file_is_turned_on_and_off_while_the_node_runs() {
    let mut server = TestServer::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    fill(&mut client);
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    assert!(client.run("CONFIG SET appendonly yes appendfsync always").is_ok());
    eventually("the first base", || info(&mut client, "aof_rewrites") == "1");
    add(&mut client);
    assert!(client.run("CONFIG SET appendonly no").is_ok());
    client.run("SET unlogged 1");
    assert!(client.run("CONFIG SET appendonly yes").is_ok());
    eventually("another base", || info(&mut client, "aof_rewrites") == "2");
    client.run("SET logged 1");
    let before = digest(&mut client);
    assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
    server.kill();
    server.set_directives(&ALWAYS);
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

/// The working directory may be gone when the first base can be made at last.
#[test]
fn a_file_is_not_begun_in_a_folder_that_was_left() {
    let allowed = ["--enable-protected-configs", "yes", "--enable-debug-command", "yes"];
    let quick = ["--repl-diskless-sync-delay", "0", "--rdbcompression", "no"];
    let mut server = TestServer::start(&[allowed, quick].concat());
    let mut client = server.client();
    assert!(client.run("DEBUG POPULATE 40 key 1000000").is_ok());
    let elsewhere = server.folder().join("elsewhere");
    fs::create_dir(&elsewhere).expect("our own folder");
    let go_to = |client: &mut Client, path: &std::path::Path| {
        let path = path.to_str().expect("text");
        assert!(client.call(&["CONFIG", "SET", "dir", path]).is_ok());
    };
    go_to(&mut client, &elsewhere);
    // A replica that does not read its copy, which no buffers hold: no base is begun meanwhile.
    let mut stalled = server.client();
    assert!(stalled.run("REPLCONF capa eof").is_ok());
    stalled.send(b"SYNC\r\n").expect("the server reads");
    eventually("a copy is made", || server.log().contains("full copy begun"));
    assert!(client.run("CONFIG SET appendonly yes").is_ok());
    fs::remove_dir_all(&elsewhere).expect("our own folder");
    drop(stalled);
    eventually("it is told", || server.log().contains("the append-only file could not be begun"));
    assert!(server.log().contains("could not find ."));
    assert!(!server.folder().join("appendonlydir").exists());
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "err");
    go_to(&mut client, server.folder());
    eventually("it is begun", || info(&mut client, "aof_rewrites") == "1");
    assert!(client.run("SET logged 1").is_ok());
    assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
    server.kill();
    server.set_directives(&ALWAYS);
    server.restart();
    assert_eq!(server.client().run("DBSIZE").int(), 41);
}

#[test]
fn a_large_file_is_rewritten_by_itself() {
    let growth = ["--auto-aof-rewrite-min-size", "100kb", "--auto-aof-rewrite-percentage", "0"];
    let server = TestServer::start(&[&growth[..], &["--appendonly", "yes"]].concat());
    let mut client = server.client();
    let value = "v".repeat(1000);
    for _ in 0..300 {
        client.call(&["SET", "same", &value]);
    }
    assert_eq!(info(&mut client, "aof_rewrites"), "0");
    assert!(client.run("CONFIG SET auto-aof-rewrite-percentage 100").is_ok());
    eventually("a rewrite", || info(&mut client, "aof_rewrites") == "1");
    let size: u64 = info(&mut client, "aof_current_size").parse().expect("a number");
    assert!(size < 200_000, "{size}");
}

#[test]
fn debug_loadaof_brings_the_same_dataset_back() {
    let mut server = TestServer::start(&ALWAYS);
    let mut client = server.client();
    fill(&mut client);
    rewrite(&mut client);
    add(&mut client);
    let before = digest(&mut client);
    assert!(client.run("DEBUG LOADAOF").is_ok());
    assert_eq!(digest(&mut client), before);
    client.run("SET more 1");
    let before = digest(&mut client);
    server.kill();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

/// The last file of a stopped server.
pub fn last_file(server: &TestServer) -> PathBuf {
    let name = files(server).pop().expect("a file");
    server.folder().join("appendonlydir").join(name)
}

/// Runs a server on a folder that it must refuse; what it says.
pub fn refusal(server: &TestServer, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redpoll"));
    command.args(["server", "--port", &free_port().to_string(), "--bind", "127.0.0.1"]);
    command.arg("--dir").arg(server.folder()).args(["--save", "", "--appendonly", "yes"]);
    let output = command.args(more).stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Both would write to one place.
#[test]
fn no_other_process_writes_to_the_files() {
    let mut server = TestServer::start(&ALWAYS);
    let mut client = server.client();
    let refused = |server: &TestServer| {
        let said = refusal(server, &["--appendfsync", "always"]);
        assert!(said.contains("another process"), "{said}");
    };
    fill(&mut client);
    refused(&server);
    rewrite(&mut client);
    add(&mut client);
    refused(&server);
    assert!(client.run("DEBUG LOADAOF").is_ok());
    add(&mut client);
    let before = digest(&mut client);
    server.kill();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
    refused(&server);
}

#[test]
fn a_cut_off_end_is_dropped_or_refused() {
    let mut server = TestServer::start(&[&ALWAYS[..], &["--aof-space-ahead", "0"]].concat());
    let mut client = server.client();
    client.run("SET first 1");
    client.run("MULTI");
    client.run("SET second 1");
    client.run("SET third 1");
    client.run("EXEC");
    server.stop();
    let path = last_file(&server);
    let whole = fs::read(&path).expect("the file");
    let multi = whole.windows(5).position(|word| word == b"MULTI").expect("a transaction") - 8;
    for cut in [1, 10, whole.len() - multi - 5, whole.len() - multi] {
        fs::write(&path, &whole[..whole.len() - cut]).expect("the file");
        if cut < whole.len() - multi {
            let said = refusal(&server, &["--aof-load-truncated", "no"]);
            assert!(said.contains("aof-load-truncated"), "{said}");
        }
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("EXISTS first second third").int(), 1, "{cut} bytes are missing");
        assert_eq!(fs::metadata(&path).expect("the file").len(), multi as u64);
        server.kill();
    }
    // Only the end of the last file may be missing.
    fs::write(&path, &whole).expect("the file");
    server.restart();
    rewrite(&mut server.client());
    server.stop();
    let base = server.folder().join("appendonlydir").join(&files(&server)[0]);
    let bytes = fs::read(&base).expect("the base");
    fs::write(&base, &bytes[..bytes.len() - 9]).expect("the base");
    assert!(refusal(&server, &[]).contains("RDB"));
}

#[test]
fn spoilt_files_are_refused() {
    let mut server = TestServer::start(&ALWAYS);
    server.client().run("SET a 1");
    server.stop();
    let path = last_file(&server);
    let whole = fs::read(&path).expect("the file");
    for (bytes, expected) in [
        ([whole.as_slice(), b"garbage"].concat(), "is not valid"),
        ([whole.as_slice(), b"*1\r\n$8\r\nnonsense\r\n"].concat(), "nonsense"),
        ([whole.as_slice(), b"*1\r\n$4\r\nPINGxx"].concat(), "is not valid"),
    ] {
        fs::write(&path, bytes).expect("the file");
        let said = refusal(&server, &[]);
        assert!(said.contains(expected), "{said}");
    }
    let manifest = server.folder().join("appendonlydir/appendonly.aof.manifest");
    fs::write(&path, &whole).expect("the file");
    let sound = fs::read(&manifest).expect("the manifest");
    fs::write(&manifest, "").expect("the manifest");
    assert!(refusal(&server, &[]).contains("Found an empty AOF manifest"));
    fs::write(&manifest, "file gone seq 1 type b\n").expect("the manifest");
    assert!(refusal(&server, &[]).contains("gone"));
    fs::write(&manifest, sound).expect("the manifest");
    server.restart();
    assert_eq!(server.client().run("GET a").text(), "1");
}
