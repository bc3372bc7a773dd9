//! Folders that redis-server 7.0 wrote are loaded here, and the other way round.

use std::fs;
use std::path::Path;

use support::{Client, Kind, TestServer, eventually, is_usual_reference, run_to_end, start_oracle};

use crate::aof_dataset::{add, digest, files, fill, info, rewrite};

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

/// What a folder has been through before it is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// Nothing but writes.
    Plain,
    /// Rewrites with writes in between.
    Rewritten,
    /// Rewrites that came to nothing, so that there is a base with several increments.
    Split,
    /// The file was off for a while.
    Paused,
}

impl Past {
    fn live(self, server: &TestServer) {
        let mut client = server.client();
        match self {
            Past::Plain => {}
            Past::Rewritten => {
                for _ in 0..3 {
                    rewrite(&mut client);
                    add(&mut client);
                }
            }
            Past::Split => {
                rewrite(&mut client);
                for attempt in 0..3 {
                    add(&mut client);
                    spoil_a_rewrite(server);
                    client.run("MULTI");
                    client.run("SELECT 5");
                    client.run(&format!("SET attempt {attempt}"));
                    client.run("EXEC");
                    client.run("SELECT 0");
                }
                assert_eq!(files(server).len(), 5, "a base and four increments");
            }
            Past::Paused => {
                assert!(client.run("CONFIG SET appendonly no").is_ok());
                add(&mut client);
                assert!(client.run("CONFIG SET appendonly yes").is_ok());
                let is_quiet = |client: &mut Client| {
                    let mut is = |name: &str| info(client, name);
                    is("aof_rewrite_in_progress") == "0" && is("aof_rewrite_scheduled") == "0"
                };
                eventually("a first base", || is_quiet(&mut client));
                add(&mut client);
            }
        }
    }
}

/// Has a rewrite begin and fail.
fn spoil_a_rewrite(server: &TestServer) {
    let mut client = server.client();
    let parts = files(server).len();
    let obstacle = server.folder().join("appendonlydir/temp-appendonly.aof.base");
    if server.kind() == Kind::Redpoll {
        fs::create_dir(&obstacle).expect("a folder where the base is to be written");
    } else {
        assert!(client.run("CONFIG SET rdb-key-save-delay 10000000").is_ok());
    }
    assert!(!client.run("BGREWRITEAOF").is_error());
    eventually("another increment", || files(server).len() > parts);
    if server.kind() == Kind::Redis {
        let children = format!("/proc/{0}/task/{0}/children", server.pid());
        let mut child = String::new();
        eventually("it has a child", || {
            child = fs::read_to_string(&children).expect("its children");
            !child.trim().is_empty()
        });
        let (killed, told) = run_to_end("kill", &["-9", child.trim()]);
        assert!(killed, "{told}");
        assert!(client.run("CONFIG SET rdb-key-save-delay 0").is_ok());
    }
    eventually("the rewrite fails", || {
        info(&mut client, "aof_rewrite_in_progress") == "0"
            && info(&mut client, "aof_last_bgrewrite_status") == "err"
    });
    if server.kind() == Kind::Redpoll {
        fs::remove_dir(&obstacle).expect("our folder");
    }
}

/// Has `to`, which is not running, load the files of `from`; stops that.
fn pass_on(from: &mut TestServer, to: &mut TestServer) {
    let mut client = from.client();
    eventually("a key expires", || client.run("EXISTS gone").int() == 0);
    let before = digest(&mut client);
    let expiry = client.run("PEXPIRETIME later").int();
    from.stop();
    let manifest = from.folder().join("appendonlydir/appendonly.aof.manifest");
    let manifest = manifest.to_str().expect("a path");
    // Valkey 9's does not know its own files.
    if is_usual_reference() {
        let (sound, told) = run_to_end("redis-check-aof", &[manifest]);
        assert!(sound, "{told}");
    }
    let (sound, told) = run_to_end(env!("CARGO_BIN_EXE_redpoll"), &["check-aof", manifest]);
    assert!(sound, "{told}");
    let folder = |server: &TestServer| server.folder().join("appendonlydir");
    copy(&folder(from), &folder(to));
    to.restart();
    let mut client = to.client();
    assert_eq!(client.run("PEXPIRETIME later").int(), expiry);
    client.run("GET gone");
    assert_eq!(digest(&mut client), before);
    let pending = client.run("XPENDING stream g").to_string();
    assert!(pending.contains("5-0"), "{pending}");
}

/// Fills a server, has another one load its files, go on with them, and the first one load what
/// became of them.
fn hand_over(from: Kind, to: Kind, more: &[&str], past: Past) {
    println!("{from:?} to {to:?}, {more:?}, {past:?}");
    let (Some(mut one), Some(mut other)) = (start(from, more), start(to, more)) else { return };
    other.stop();
    fill(&mut one.client());
    past.live(&one);
    pass_on(&mut one, &mut other);
    add(&mut other.client());
    past.live(&other);
    pass_on(&mut other, &mut one);
    add(&mut one.client());
    let after = digest(&mut one.client());
    one.stop();
    one.restart();
    assert_eq!(digest(&mut one.client()), after);
}

fn hand_over_all(from: Kind, to: Kind) {
    let (stamped, plain) = (["--aof-timestamp-enabled", "yes"], ["--aof-use-rdb-preamble", "no"]);
    let both = [stamped, plain].concat();
    hand_over(from, to, &[], Past::Plain);
    hand_over(from, to, &stamped, Past::Rewritten);
    hand_over(from, to, &plain, Past::Rewritten);
    hand_over(from, to, &[], Past::Split);
    hand_over(from, to, &both, Past::Split);
    hand_over(from, to, &both, Past::Paused);
}

#[test]
fn what_redis_wrote_is_loaded() {
    hand_over_all(Kind::Redis, Kind::Redpoll);
}

#[test]
fn what_we_wrote_is_loaded_by_redis() {
    hand_over_all(Kind::Redpoll, Kind::Redis);
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

/// No commands would bring that back.
#[test]
fn what_is_pending_although_it_was_deleted_survives_a_rewrite() {
    for to in [Kind::Redpoll, Kind::Redis] {
        let plain = ["--aof-use-rdb-preamble", "no"];
        let (one, other) = (start(Kind::Redpoll, &plain), start(to, &plain));
        let (Some(mut one), Some(mut other)) = (one, other) else { return };
        other.stop();
        let mut client = one.client();
        for line in [
            "XADD stream 5-0 f v",
            "XADD stream 6-0 f v",
            "XGROUP CREATE stream g 0",
            "XREADGROUP GROUP g c STREAMS stream >",
            "XDEL stream 5-0",
            "EXPIRE stream 100000",
        ] {
            assert!(!client.run(line).is_error(), "{line}");
        }
        rewrite(&mut client);
        pass_on(&mut one, &mut other);
        assert_eq!(other.client().run("XLEN stream").int(), 1);
        assert!(other.client().run("TTL stream").int() > 0);
    }
}

/// There are no functions here: the data beside them is loaded all the same.
#[test]
fn functions_in_the_file_are_left_out() {
    let library = "#!lua name=l\nredis.register_function('f', function() return 1 end)";
    for preamble in ["yes", "no"] {
        let directives = ["--aof-use-rdb-preamble", preamble];
        let Some(theirs) = start(Kind::Redis, &directives) else { return };
        let mut client = theirs.client();
        client.run("SET before 1");
        assert!(!client.call(&["FUNCTION", "LOAD", library]).is_error());
        rewrite(&mut client);
        assert!(!client.call(&["FUNCTION", "LOAD", "REPLACE", library]).is_error());
        client.run("SET after 2");
        drop(client);
        let mut theirs = theirs;
        theirs.stop();
        let mut ours = TestServer::stopped(Kind::Redpoll, &DEBUG);
        copy(&theirs.folder().join("appendonlydir"), &ours.folder().join("appendonlydir"));
        ours.restart();
        eventually("it is loaded", || ours.client().run("PING").text() == "PONG");
        let mut client = ours.client();
        assert_eq!(client.run("MGET before after").to_string(), "[\"1\", \"2\"]");
        assert!(ours.log().contains("functions were left out"));
    }
}
