//! CONFIG SET of what the node listens on.

use std::fs;
use std::net::{TcpListener, TcpStream};

use support::{TestServer, encode, eventually, free_port};

fn listens(address: &str, port: u16) -> bool {
    TcpStream::connect((address, port)).is_ok()
}

#[test]
fn the_node_listens_where_it_is_told_while_clients_stay() {
    let server = TestServer::start(&[]);
    let (old, new) = (server.port(), free_port());
    let mut client = server.client();
    assert!(client.run(&format!("CONFIG SET port {new}")).is_ok());
    assert!(listens("127.0.0.1", new) && !listens("127.0.0.1", old));
    assert!(client.run(&format!("CONFIG SET port {old}")).is_ok());
    assert!(listens("127.0.0.1", old) && !listens("127.0.0.1", new));
}

/// One address is in both settings, and the worker whose socket has to go first is busy.
#[test]
fn addresses_are_added_while_the_accepting_worker_is_busy() {
    let server = TestServer::start(&["--worker-threads", "2"]);
    let mut clients = [server.client(), server.client()];
    let long: Vec<String> = (0..100_000).map(|n| (n % 997).to_string()).collect();
    for part in long.chunks(10_000) {
        let words = ["RPUSH", "list"].into_iter().chain(part.iter().map(String::as_str));
        clients[0].call(&words.collect::<Vec<_>>());
    }
    let sort = encode(&["SORT", "list", "ALPHA", "DESC", "LIMIT", "0", "1"]);
    for busy in 0..2 {
        // Some seconds of work, if it is a build for tests.
        clients[busy].send(&sort.repeat(10)).expect("the server reads");
        for addresses in ["127.0.0.1 127.0.0.2", "127.0.0.1"] {
            let set = clients[1 - busy].call(&["CONFIG", "SET", "bind", addresses]);
            assert!(set.is_ok(), "{set}");
        }
        for _ in 0..10 {
            assert_eq!(clients[busy].read().expect("a reply").items()[0].text(), "996");
        }
        assert!(listens("127.0.0.1", server.port()) && !listens("127.0.0.2", server.port()));
    }
    assert_eq!(server.client().run("PING").to_string(), "+PONG");
}

#[test]
fn an_address_that_cannot_be_had_leaves_the_old_ones() {
    let (server, other) = (TestServer::start(&[]), TestServer::start(&[]));
    let refused = server.client().run(&format!("CONFIG SET port {}", other.port()));
    let reason = "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen \
                  on this port. Check server logs.";
    assert_eq!(refused.text(), reason);
    assert_eq!(server.client().run("PING").to_string(), "+PONG");
}

/// The tests' servers are started again then; otherwise a port taken by chance would fail a test.
#[test]
fn a_node_whose_port_is_taken_says_so_and_ends() {
    let mut server = TestServer::start(&[]);
    server.kill();
    let taken = TcpListener::bind(("127.0.0.1", server.port())).expect("it is free");
    let log = server.folder().join("server.log");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            eventually("it is said", || {
                fs::read_to_string(&log).expect("a log").contains("Address already in use")
            });
            drop(taken);
        });
        server.restart();
    });
    assert_eq!(server.client().run("PING").to_string(), "+PONG");
}
