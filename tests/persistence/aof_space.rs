//! Space that is written ahead in an append-only file, and what a crash leaves in it.

use std::fs;
use std::path::Path;

use support::{TestServer, eventually, run_to_end, start_oracle};

use crate::aof_dataset::{add, digest, files, fill, info, rewrite};
use crate::aof_files::{ALWAYS, last_file, refusal};

/// Bytes of all files, and those that the server says it has written.
fn sizes(server: &TestServer) -> (u64, u64) {
    let folder = server.folder().join("appendonlydir");
    let size = |name: &String| fs::metadata(folder.join(name)).expect("a file").len();
    let written = info(&mut server.client(), "aof_current_size").parse().expect("a number");
    (files(server).iter().map(size).sum(), written)
}

#[test]
fn space_is_there_while_it_is_of_use() {
    let mut server = TestServer::start(&ALWAYS);
    let mut client = server.client();
    fill(&mut client);
    let (file, written) = sizes(&server);
    assert!(file > written + 100_000, "{file} bytes, of which {written} were written");
    let before = digest(&mut client);
    server.kill();
    server.restart();
    let mut client = server.client();
    assert_eq!(digest(&mut client), before);
    let (file, written) = sizes(&server);
    assert_eq!(file, written, "nothing was written yet");
    add(&mut client);
    rewrite(&mut client);
    add(&mut client);
    assert!(client.run("DEBUG LOADAOF").is_ok());
    add(&mut client);
    for (setting, value) in [
        ("aof-space-ahead", "0"),
        ("appendfsync", "everysec"),
        ("no-appendfsync-on-rewrite", "yes"),
    ] {
        let (file, written) = sizes(&server);
        assert!(file > written, "before {setting}");
        let old = client.call(&["CONFIG", "GET", setting]).items()[1].text();
        assert!(client.call(&["CONFIG", "SET", setting, value]).is_ok());
        client.run("SET more 1");
        eventually("the space is given back", || {
            let (file, written) = sizes(&server);
            file == written
        });
        assert!(client.call(&["CONFIG", "SET", setting, &old]).is_ok());
        client.run("SET more 2");
    }
    let before = digest(&mut client);
    server.stop();
    let bytes = fs::read(last_file(&server)).expect("the file");
    assert!(!bytes.ends_with(b"#\n"), "a file that was closed has no space");
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

#[test]
fn redis_loads_what_a_crash_left() {
    let mut server = TestServer::start(&ALWAYS);
    fill(&mut server.client());
    let before = digest(&mut server.client());
    server.kill();
    let manifest = server.folder().join("appendonlydir/appendonly.aof.manifest");
    for (program, more) in
        [("redis-check-aof", None), (env!("CARGO_BIN_EXE_redpoll"), Some("check-aof"))]
    {
        let arguments: Vec<&str> =
            more.into_iter().chain([manifest.to_str().expect("a path")]).collect();
        let (sound, told) = run_to_end(program, &arguments);
        assert!(sound, "{told}");
    }
    let Some(mut other) = start_oracle(&ALWAYS) else { return };
    other.stop();
    let folder = other.folder().join("appendonlydir");
    fs::remove_dir_all(&folder).expect("a folder of ours");
    fs::rename(server.folder().join("appendonlydir"), &folder).expect("a folder of ours");
    other.restart();
    assert_eq!(digest(&mut other.client()), before);
    // It goes on behind the space; what comes of that is loaded here.
    add(&mut other.client());
    let before = digest(&mut other.client());
    other.kill();
    fs::rename(&folder, server.folder().join("appendonlydir")).expect("a folder of ours");
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
    add(&mut server.client());
    let before = digest(&mut server.client());
    server.kill();
    server.restart();
    assert_eq!(digest(&mut server.client()), before);
}

/// Makes what stands there look as if some sectors of the last write had not reached the disk.
fn tear(path: &Path, marker: &[u8]) {
    let mut bytes = fs::read(path).expect("the file");
    let at = bytes.windows(marker.len()).position(|some| some == marker).expect("the last write");
    bytes[at..at + 512].fill(b'#');
    fs::write(path, bytes).expect("the file");
}

#[test]
fn a_write_that_was_torn_is_none() {
    let mut server = TestServer::start(&ALWAYS);
    let mut client = server.client();
    for number in 0..10 {
        client.call(&["SET", "value", &format!("{number}").repeat(4000)]);
    }
    let (_, written) = sizes(&server);
    let base = fs::metadata(server.folder().join("appendonlydir").join(&files(&server)[0]));
    let sealed = written - base.expect("the base").len();
    client.call(&["SET", "value", &"x".repeat(4000)]);
    server.kill();
    let path = last_file(&server);
    tear(&path, &[b'x'; 600]);
    let said = refusal(&server, &["--aof-load-truncated", "no"]);
    assert!(said.contains("torn"), "{said}");
    let spare = server.folder().join("spare.aof");
    fs::copy(&path, &spare).expect("a copy");
    let checker = env!("CARGO_BIN_EXE_redpoll");
    let (sound, told) = run_to_end(checker, &["check-aof", spare.to_str().expect("a path")]);
    assert!(!sound && told.contains(&format!("ok_up_to={sealed}, ")), "{sealed}: {told}");
    server.restart();
    assert_eq!(server.client().run("GET value").text(), "9".repeat(4000));
    let (file, after) = sizes(&server);
    assert!(file == after && (written..written + 64).contains(&after), "{file}, {after}");
    // What was synced is not cut off, whatever has become of it.
    server.client().call(&["SET", "value", &"y".repeat(4000)]);
    server.client().call(&["SET", "value", "z"]);
    server.kill();
    tear(&path, &[b'y'; 600]);
    let said = refusal(&server, &[]);
    assert!(said.contains("is not valid"), "{said}");
}
