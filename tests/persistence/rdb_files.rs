//! When snapshots are saved and loaded, what INFO says of it, and what happens when they cannot be.

use std::fs;
use std::process::Command;

use support::{Kind, TestServer, eventually, free_port, run_to_end};

use crate::aof_dataset::info;

const BUSY: &str = "ERR Background save already in progress";

#[test]
fn a_node_with_save_points_saves_before_it_ends() {
    let mut server = TestServer::start(&["--save", "3600 1"]);
    let mut client = server.client();
    client.run("SET kept value");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
    server.stop();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("GET kept").text(), "value");
    assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), "1");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
    client.run("SET lost value");
    drop(client.try_call(&["SHUTDOWN", "NOSAVE"]));
    eventually("the node ends", || server.is_gone());
    server.stop();
    server.restart();
    assert!(server.client().run("GET lost").is_null());
}

#[test]
fn a_save_point_that_is_reached_saves() {
    let server = TestServer::start(&["--save", "1 2"]);
    let mut client = server.client();
    client.run("MSET a 1 b 2 c 3");
    eventually("it is saved", || info(&mut client, "rdb_changes_since_last_save") == "0");
    assert!(server.folder().join("dump.rdb").exists());
    assert!(client.run("LASTSAVE").int() > 1_700_000_000);
    eventually("the save ends", || info(&mut client, "rdb_bgsave_in_progress") == "0");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    assert!(client.run("BGSAVE later").is_error_of("ERR"));
    assert_eq!(client.run("BGSAVE").text(), "Background saving started");
    let second = client.run("BGSAVE").to_string();
    assert!(second.contains(BUSY) || second.contains("started"), "{second}");
}

#[test]
fn what_a_transaction_asks_for_is_saved_after_it() {
    let server = TestServer::start(&[]);
    let mut client = server.client();
    for command in ["MULTI", "SET a 1", "BGREWRITEAOF", "BGSAVE", "BGSAVE SCHEDULE"] {
        client.run(command);
    }
    let replies: Vec<String> =
        client.run("EXEC").items().iter().map(support::Value::text).collect();
    let rewriting = "Background append only file rewriting scheduled";
    let saving = "Background saving scheduled";
    assert_eq!(replies, ["OK", rewriting, saving, saving]);
    eventually("it is saved", || info(&mut client, "rdb_changes_since_last_save") == "0");
    eventually("it is rewritten", || info(&mut client, "aof_rewrites") == "1");
    assert!(server.folder().join("dump.rdb").exists());
}

#[test]
fn writes_are_refused_after_a_background_save_failed() {
    let server = TestServer::start(&["--save", "3600 100", "--dbfilename", "taken"]);
    let mut client = server.client();
    client.run("SET a 1");
    // A folder with something in it cannot be replaced by a file.
    fs::create_dir_all(server.folder().join("taken/inside")).expect("a folder");
    client.run("BGSAVE");
    eventually("it fails", || info(&mut client, "rdb_last_bgsave_status") == "err");
    let refusal = client.run("SET a 2").to_string();
    assert!(refusal.starts_with("-MISCONF Redis is configured to save RDB snapshots"), "{refusal}");
    assert!(client.run("PING").is_error_of("MISCONF"));
    assert_eq!(client.run("GET a").text(), "1");
    assert!(client.run("SAVE").is_error());
    assert!(client.run("SHUTDOWN SAVE").to_string().contains("Errors trying to SHUTDOWN"));
    client.run("CONFIG SET stop-writes-on-bgsave-error no");
    assert!(client.run("SET a 2").is_ok());
    client.run("CONFIG SET stop-writes-on-bgsave-error yes");
    assert!(client.run("SET a 3").is_error_of("MISCONF"));
    fs::remove_dir_all(server.folder().join("taken")).expect("a folder");
    client.run("BGSAVE");
    eventually("it succeeds", || info(&mut client, "rdb_last_bgsave_status") == "ok");
    assert!(client.run("SET a 3").is_ok());
}

#[test]
fn a_corrupt_file_refuses_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.rdb");
    let good = b"REDIS0010\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    for (bytes, reason) in [
        (&good[..14], "the data ends too early"),
        (b"REDIS0099".as_slice(), "version 99 of the format is not known here"),
        (b"something else entirely", "not an RDB file"),
    ] {
        fs::write(&path, bytes).expect("a file");
        let port = free_port().to_string();
        let output = Command::new(env!("CARGO_BIN_EXE_redpoll"))
            .args(["server", "--port", &port, "--dir"])
            .arg(folder.path())
            .output()
            .expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(reason), "{told}");
        assert_eq!(fs::read(&path).expect("the file"), bytes, "it is left as it is");
        let name = path.to_str().expect("a path");
        let (sound, told) = run_to_end(env!("CARGO_BIN_EXE_redpoll"), &["check-rdb", name]);
        assert!(!sound && told.contains("RDB ERROR DETECTED"), "{told}");
    }
}

#[test]
fn keys_that_expired_meanwhile_are_left_out() {
    let mut server = TestServer::start(&["--save", "3600 1"]);
    let mut client = server.client();
    client.run("SET gone v PX 1");
    client.run("SET stays v");
    client.run("SET later v PX 10000000");
    let at = client.run("PEXPIRETIME later").int();
    server.stop();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE").int(), 2);
    assert_eq!(client.run("PEXPIRETIME later").int(), at);
}

#[test]
fn a_file_has_the_version_that_its_values_need() {
    let mut server = TestServer::start(&["--appendonly", "yes"]);
    let mut client = server.client();
    client.run("SET k v");
    let head = |path: &str| {
        let name = server.folder().join(path);
        let (sound, told) = run_to_end(
            env!("CARGO_BIN_EXE_redpoll"),
            &["check-rdb", name.to_str().expect("a path")],
        );
        assert!(sound && told.contains("Checksum OK"), "{told}");
        String::from_utf8_lossy(&fs::read(name).expect("a snapshot")[..9]).into_owned()
    };
    let bases =
        ["appendonlydir/appendonly.aof.2.base.rdb", "appendonlydir/appendonly.aof.3.base.rdb"];
    for (rewrites, expected) in ["REDIS0010", "REDIS0012"].into_iter().enumerate() {
        assert!(client.run("SAVE").is_ok());
        assert_eq!(head("dump.rdb"), expected);
        client.run("BGREWRITEAOF");
        let done = (rewrites + 1).to_string();
        eventually("it is rewritten", || info(&mut client, "aof_rewrites") == done);
        assert_eq!(head(bases[rewrites]), expected);
        client.run("HSET h field value other value");
        client.run("HPEXPIRE h 99999999 FIELDS 1 field");
    }
    for appendonly in ["yes", "no"] {
        server.stop();
        server.set_directives(&["--appendonly", appendonly]);
        server.restart();
        let mut client = server.client();
        eventually("it is loaded", || client.run("DBSIZE").to_string() == "(integer) 2");
        assert!(client.run("HPTTL h FIELDS 1 field").items()[0].int() > 0);
    }
}

#[test]
fn files_are_written_where_dir_says() {
    for kind in [Kind::Redis, Kind::Redpoll] {
        let server = TestServer::start_kind(kind, &["--enable-protected-configs", "yes"]);
        let mut client = server.client();
        let here = server.folder().canonicalize().expect("its folder");
        let there = here.join("there");
        fs::create_dir(&there).expect("a folder of ours");
        let (here, there) = (here.to_str().expect("a path"), there.to_str().expect("a path"));
        let mut set = |dir: &str| client.call(&["CONFIG", "SET", "dir", dir]).text();
        let asked = || server.client().run("CONFIG GET dir").items()[1].text();
        assert_eq!(asked(), here, "{kind:?}");
        let refused = "ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or \
            directory";
        assert_eq!(set("/there/is/none"), refused);
        assert_eq!(asked(), here);
        assert_eq!(set(there), "OK");
        assert_eq!(asked(), there);
        assert!(client.run("SAVE").is_ok());
        assert!(server.folder().join("there/dump.rdb").exists());
        assert!(!server.folder().join("dump.rdb").exists());
        assert!(client.run("CONFIG SET appendonly yes").is_ok());
        eventually("the files are there", || server.folder().join("there/appendonlydir").exists());
        // Redis does not end before its first base is complete.
        eventually("they are complete", || info(&mut client, "aof_rewrite_in_progress") == "0");
        assert!(!server.folder().join("appendonlydir").exists());
    }
    // All or nothing.
    let server = TestServer::start(&["--enable-protected-configs", "yes"]);
    let mut client = server.client();
    let refused = client.run("CONFIG SET dir / bind 203.0.113.1");
    assert!(refused.is_error(), "{refused}");
    assert!(client.run("SAVE").is_ok());
    assert!(server.folder().join("dump.rdb").exists());
}
