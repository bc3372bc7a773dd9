//! A snapshot under writers is the dataset of one moment.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Client, Stop, TestServer, eventually};

use crate::aof_dataset::info;

const PAIRS: u64 = 3000;
const WRITERS: u64 = 4;
const SNAPSHOTS: usize = 5;

/// Adds to both counters of random pairs, and fields to both hashes, in one transaction each.
fn write(port: u16, writer: u64, done: &AtomicBool) {
    let mut client = Client::connect(port);
    let mut number = writer;
    while !done.load(Ordering::Relaxed) {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(writer + 1);
        let pair = (number >> 33) % PAIRS;
        client.run("MULTI");
        client.run(&format!("INCR left:{pair}"));
        client.run(&format!("INCR right:{pair}"));
        client.run(&format!("HSET left:hash f{number} v"));
        client.run(&format!("HSET right:hash f{number} v"));
        client.run("EXEC");
    }
}

#[test]
fn what_changes_together_is_together_in_every_snapshot() {
    let server = TestServer::start(&["--worker-threads", "2"]);
    let mut copy = TestServer::start(&[]);
    let (port, done) = (server.port(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let done = &done;
            scope.spawn(move || write(port, writer, done));
        }
        let _ending = Stop(&done);
        let mut client = server.client();
        for _ in 0..SNAPSHOTS {
            let saves = info(&mut client, "rdb_saves");
            client.run("BGSAVE");
            eventually("it is saved", || {
                info(&mut client, "rdb_saves") != saves
                    && info(&mut client, "rdb_bgsave_in_progress") == "0"
            });
            copy.stop();
            let file = server.folder().join("dump.rdb");
            fs::copy(file, copy.folder().join("dump.rdb")).expect("a copy");
            copy.restart();
            let mut copied = copy.client();
            for pair in 0..PAIRS {
                let pairs = copied.run(&format!("MGET left:{pair} right:{pair}")).items();
                assert_eq!(pairs[0].to_string(), pairs[1].to_string(), "pair {pair}");
            }
            let fields = |client: &mut Client, name: &str| {
                let items = client.run(&format!("HKEYS {name}:hash")).items();
                let mut names: Vec<String> = items.iter().map(ToString::to_string).collect();
                names.sort();
                names
            };
            assert_eq!(fields(&mut copied, "left"), fields(&mut copied, "right"));
        }
    });
}
