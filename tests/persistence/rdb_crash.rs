//! kill -9 while a snapshot is being written leaves the one before.

use std::fs;

use support::TestServer;

const ROUNDS: u64 = 5;

#[test]
fn a_crash_during_a_save_leaves_the_old_file() {
    let mut server = TestServer::start(&[]);
    let mut kept = 0;
    for round in 0..ROUNDS {
        let mut client = server.client();
        assert_eq!(client.run("DBSIZE").int(), kept, "round {round}");
        for number in 0..2000 {
            let name = format!("{round}:{number}");
            client.call(&["SET", &name, &name.repeat(200)]);
        }
        assert!(client.run("SAVE").is_ok());
        kept = client.run("DBSIZE").int();
        let file = server.folder().join("dump.rdb");
        let saved = fs::read(&file).expect("a snapshot");
        // A new key, so that a whole snapshot with it has one key more.
        client.call(&["SET", &format!("more:{round}"), "not saved"]);
        client.run("BGSAVE");
        server.kill();
        let left = fs::read(&file).expect("a snapshot");
        // It may have been complete already; then it is a whole one.
        kept += i64::from(left != saved);
        server.restart();
    }
}
