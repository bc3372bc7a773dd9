//! A disk that takes no more: writes are refused, reads are served, and what was acknowledged is
//! written when there is room again.
//!
//! The disk is full when a file may not grow beyond a limit, which can be lifted from outside.

use std::time::Duration;

use support::{TestServer, eventually, run_to_end};

use crate::aof_dataset::info;

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

/// Sets keys until one is refused, or not answered because the disk is full; how many were
/// acknowledged.
fn fill(server: &TestServer) -> usize {
    let value = "v".repeat(1000);
    let (mut client, mut other) = (server.client(), server.client());
    client.set_read_limit(Duration::from_millis(200));
    for number in 0..2000 {
        let mut answer = client.try_call(&["SET", &format!("key:{number}"), &value]);
        while answer.is_err() && info(&mut other, "aof_last_write_status") == "ok" {
            answer = client.read();
        }
        match answer {
            Ok(reply) if reply.is_ok() => {}
            Ok(reply) => {
                assert!(reply.to_string().contains(REFUSAL), "{reply}");
                return number;
            }
            Err(_) => return number,
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
