//! A disk that takes no more: writes are refused, reads are served, and what was acknowledged is
//! written when there is room again.
//!
//! The disk is full when a file may not grow beyond a limit, which can be lifted from outside.
//! Where file systems may be mounted, a small one that really is full is tried, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::{Client, TestServer, Value, eventually, run_to_end};
use tempfile::TempDir;

use crate::aof_dataset::{digest, files, info, rewrite};

/// Blocks of 512 bytes that a file may have.
const LIMIT: &str = "trap '' XFSZ; ulimit -S -f 400; exec \"$@\"";
const REFUSAL: &str = "MISCONF Errors writing to the AOF file: File too large";

fn start(fsync: &str) -> TestServer {
    let directives = ["--appendonly", "yes", "--appendfsync", fsync, "--logfile", "/dev/null"];
    TestServer::start_under(&["sh", "-c", LIMIT, "sh"], &directives)
}

fn make_room(server: &TestServer) {
    let pid = server.pid().to_string();
    let (done, told) = run_to_end("prlimit", &["--pid", &pid, "--fsize=unlimited"]);
    assert!(done, "{told}");
}

/// A connection that notices when it is not answered because the disk is full.
struct Writer {
    client: Client,
    other: Client,
}

impl Writer {
    fn connect(server: &TestServer) -> Writer {
        let (mut client, other) = (server.client(), server.client());
        client.set_read_limit(Duration::from_millis(200));
        Writer { client, other }
    }

    /// `None` if the disk is full and there is no answer.
    fn call(&mut self, words: &[&str]) -> Option<Value> {
        let mut answer = self.client.try_call(words);
        while answer.is_err() && info(&mut self.other, "aof_last_write_status") == "ok" {
            answer = self.client.read();
        }
        answer.ok()
    }
}

/// Sets keys until one is refused, or not answered because the disk is full; how many were
/// acknowledged.
fn fill(server: &TestServer) -> usize {
    let value = "v".repeat(1000);
    let mut writer = Writer::connect(server);
    for number in 0..2000 {
        match writer.call(&["SET", &format!("key:{number}"), &value]) {
            Some(reply) if reply.is_ok() => {}
            Some(reply) => {
                assert!(reply.to_string().contains(REFUSAL), "{reply}");
                return number;
            }
            None => return number,
        }
    }
    panic!("the disk never was full");
}

fn survives(fsync: &str) {
    let mut server = start(fsync);
    let written = fill(&server);
    assert!(written > 50, "{written}");
    let mut client = server.client();
    eventually("refusals", || client.run("SET more 1").to_string().contains(REFUSAL));
    assert!(client.run("PING").to_string().contains(REFUSAL));
    assert!(client.run("GET key:1").text().starts_with("vvv"));
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    client.run("MULTI");
    assert!(client.run("SET more 1").to_string().contains(REFUSAL));
    assert!(client.run("EXEC").is_error_of("EXECABORT"));
    make_room(&server);
    eventually("writes are taken again", || client.run("SET more 1").is_ok());
    eventually("the file is written", || info(&mut client, "aof_last_write_status") == "ok");
    assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
    server.kill();
    server.restart();
    let mut client = server.client();
    assert!(client.run("DBSIZE").int() > written as i64);
    for number in 0..written {
        assert_eq!(client.run(&format!("STRLEN key:{number}")).int(), 1000, "{number}");
    }
}

#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    survives("always");
    survives("everysec");
}

/// Files of a folder, and of the one with the append-only files, that are half written.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let files = |folder: &Path| fs::read_dir(folder).map(Iterator::collect).unwrap_or_default();
    let all: [Vec<_>; 2] = [files(folder), files(&folder.join("appendonlydir"))];
    let paths = all.into_iter().flatten().flatten().map(|entry: fs::DirEntry| entry.path());
    paths.filter(|path| path.to_string_lossy().contains("temp-")).collect()
}

/// Sets `count` keys of a thousand bytes; all are taken.
fn set(client: &mut Client, prefix: &str, count: usize) {
    let value = "v".repeat(1000);
    for number in 0..count {
        let reply = client.call(&["SET", &format!("{prefix}{number}"), &value]);
        assert!(reply.is_ok(), "{reply}");
    }
}

#[test]
fn a_snapshot_without_room_leaves_the_old_one_and_stops_writes() {
    let directives = ["--save", "3600 100000", "--rdbcompression", "no", "--logfile", "/dev/null"];
    let mut server = TestServer::start_under(&["sh", "-c", LIMIT, "sh"], &directives);
    let mut client = server.client();
    set(&mut client, "saved:", 50);
    assert!(client.run("SAVE").is_ok());
    set(&mut client, "more:", 300);
    assert!(!client.run("BGSAVE").is_error());
    eventually("it fails", || info(&mut client, "rdb_last_bgsave_status") == "err");
    assert!(client.run("SET a 1").is_error_of("MISCONF Redis is configured to save RDB snapshots"));
    assert!(client.run("SAVE").is_error());
    assert_eq!(leftovers(server.folder()), Vec::<PathBuf>::new());
    server.kill();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE").int(), 50, "the old snapshot");
    set(&mut client, "more:", 300);
    client.run("BGSAVE");
    eventually("it fails", || info(&mut client, "rdb_last_bgsave_status") == "err");
    make_room(&server);
    client.run("BGSAVE");
    eventually("it succeeds", || info(&mut client, "rdb_last_bgsave_status") == "ok");
    assert!(client.run("SET a 1").is_ok());
    server.kill();
    server.restart();
    assert_eq!(server.client().run("DBSIZE").int(), 350);
    // It would not end before it has saved, for which there is no room.
    server.kill();
}

#[test]
fn a_rewrite_without_room_leaves_the_old_files() {
    let directives = [
        ["--appendonly", "yes", "--appendfsync", "always", "--rdbcompression", "no"],
        ["--logfile", "/dev/null", "--auto-aof-rewrite-percentage", "0", "--databases", "16"],
    ];
    let debug = ["--enable-debug-command", "yes"];
    let directives = [&directives.concat()[..], &debug].concat();
    let mut server = TestServer::start_under(&["sh", "-c", LIMIT, "sh"], &directives);
    let mut client = server.client();
    set(&mut client, "first:", 140);
    rewrite(&mut client);
    set(&mut client, "second:", 140);
    for attempt in 1..4 {
        assert!(!client.run("BGREWRITEAOF").is_error());
        eventually("it fails", || {
            info(&mut client, "aof_rewrite_in_progress") == "0"
                && info(&mut client, "aof_last_bgrewrite_status") == "err"
        });
        set(&mut client, &format!("attempt {attempt}:"), 20);
        assert_eq!(files(&server).len(), 2 + attempt, "a base and what came after it");
    }
    assert_eq!(leftovers(server.folder()), Vec::<PathBuf>::new());
    let before = digest(&mut client);
    server.kill();
    server.restart();
    let mut client = server.client();
    assert_eq!(digest(&mut client), before);
    make_room(&server);
    rewrite(&mut client);
    assert_eq!(files(&server).len(), 2);
    server.kill();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

/// A file system of two megabytes; gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().to_str().expect("a path");
        let (mounted, told) = run_to_end("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", path]);
        if !mounted {
            println!("skipped: {told}");
        }
        mounted.then_some(SmallDisk(folder))
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let ballast = vec![b'x'; 4096];
        let mut file = fs::File::options().append(true).create(true).open(self.ballast());
        let file = file.as_mut().expect("a file");
        while std::io::Write::write_all(file, &ballast).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("the file is there");
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let (done, told) = run_to_end("umount", &["-l", self.0.path().to_str().expect("a path")]);
        assert!(done || std::thread::panicking(), "{told}");
    }
}

fn survives_a_full_file_system(fsync: &str) {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = disk.0.path().to_str().expect("a path");
    let directives = ["--dir", path, "--appendonly", "yes", "--appendfsync", fsync];
    let mut server = TestServer::start(&directives);
    let refusal = "MISCONF Errors writing to the AOF file: No space left on device";
    for round in 0..3 {
        let mut client = server.client();
        set(&mut client, &format!("{round}:"), 50);
        // Under `everysec` an answered write is in the file a little later.
        assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
        disk.fill();
        // What is not in a file yet is not acknowledged, or is in the log.
        let (mut writer, mut taken) = (Writer::connect(&server), 0);
        while writer.call(&["INCR", &format!("{round}:count")]).is_some_and(|r| !r.is_error()) {
            taken += 1;
        }
        let mut client = server.client();
        eventually("refusals", || client.run("SET more 1").is_error_of(refusal));
        drop(client.run("BGREWRITEAOF"));
        eventually("no rewrite", || info(&mut client, "aof_rewrite_in_progress") == "0");
        if round == 1 {
            // Only what was acknowledged under `always` is sure to be there.
            server.kill();
            server.restart();
            assert!(server.client().run("DBSIZE").int() >= 100, "{fsync}");
            disk.make_room();
            continue;
        }
        disk.make_room();
        eventually("writes are taken again", || client.run("SET more 1").is_ok());
        rewrite(&mut client);
        assert_eq!(client.run("WAITAOF 1 0 0").items()[0].int(), 1);
        server.kill();
        server.restart();
        let counted = server.client().run(&format!("GET {round}:count"));
        let counted = if counted.is_null() { 0 } else { counted.text().parse().expect("a number") };
        assert!((taken..=taken + 1).contains(&counted), "{counted} of {taken}");
        assert_eq!(leftovers(disk.0.path()), Vec::<PathBuf>::new());
    }
    let mut client = server.client();
    let keys = (0..3).flat_map(|round| (0..50).map(move |number| format!("{round}:{number}")));
    let missing: Vec<String> =
        keys.filter(|key| client.call(&["EXISTS", key]).int() == 0).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_full_file_system_costs_nothing_that_was_acknowledged() {
    survives_a_full_file_system("always");
    survives_a_full_file_system("everysec");
}
