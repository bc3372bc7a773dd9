//! What no well-behaved primary sends: the replica drops the link or goes on, and lives.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{TestServer, encode, eventually, free_port};

use crate::expect_alive;

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A test that has not read by then has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A snapshot without keys that says this of itself.
fn snapshot(said: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let said: Vec<u8> = said
        .iter()
        .flat_map(|(name, value)| [vec![0xfa], text(name), text(value)].concat())
        .collect();
    [b"REDIS0010", &said[..], b"\xff", &[0; 8]].concat()
}

fn sized(copy: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", copy.len()).as_bytes(), copy].concat()
}

/// Reads a request; `None` when there are no more.
fn request(from: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let count: usize = line.get(1..)?.trim_end().parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let mut word = vec![0; line.get(1..)?.trim_end().parse::<usize>().ok()? + 2];
        from.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    Some(words)
}

/// Greets one replica properly, and answers its PSYNC with `lie`, until the link is dropped.
fn tell(stream: TcpStream, lie: &[u8]) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut to, mut from) = (stream.try_clone().ok()?, BufReader::new(stream));
    loop {
        let words = request(&mut from)?;
        match words[0].to_ascii_uppercase().as_slice() {
            b"PING" => to.write_all(b"+PONG\r\n").ok()?,
            b"REPLCONF" if words[1] == b"ACK" => {}
            b"PSYNC" => to.write_all(lie).ok()?,
            _ => to.write_all(b"+OK\r\n").ok()?,
        }
    }
}

/// A replica that is told `lie`, and whether it has dropped the link over that.
fn told(lie: &[u8], directives: &[&str]) -> (TestServer, Arc<AtomicBool>) {
    let replica = TestServer::start(directives);
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let is_dropped = Arc::new(AtomicBool::new(false));
    let (dropped, lie) = (Arc::clone(&is_dropped), lie.to_vec());
    // It ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = tell(stream, &lie);
            dropped.store(true, Ordering::SeqCst);
        }
    });
    let follow = replica.client().call(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    assert!(follow.is_ok(), "{follow}");
    (replica, is_dropped)
}

#[test]
fn histories_that_cannot_be_end_no_replica() {
    let write = encode(&["SET", "key", "value"]);
    let beyond = [("repl-stream-db", "44")];
    let (plain, elsewhere) = (sized(&snapshot(&[])), sized(&snapshot(&beyond)));
    std::thread::scope(|scope| {
        for (answer, copy) in [
            (format!("+FULLRESYNC {ID} {}\r\n", u64::MAX), &plain),
            (format!("+FULLRESYNC {ID} {}\r\n", u64::MAX - 20), &plain),
            (format!("+FULLRESYNC {ID} {}\r\n", i64::MAX), &plain),
            (format!("+FULLRESYNC {ID}\r\n"), &plain),
            ("+FULLRESYNC nobody -1\r\n".to_owned(), &plain),
            (format!("+FULLRESYNC {ID} 7\r\n"), &elsewhere),
        ] {
            let lie = [answer.as_bytes(), copy, &write].concat();
            scope.spawn(move || {
                let (replica, _) = told(&lie, &[]);
                let value = || replica.client().run("GET key").to_string();
                eventually(&format!("{answer:?}: it goes on"), || value() == "\"value\"");
            });
        }
    });
}

#[test]
fn copies_and_streams_that_are_none_end_no_replica() {
    let answer = format!("+FULLRESYNC {ID} 7\r\n").into_bytes();
    let copy = sized(&snapshot(&[]));
    let lies: [&[u8]; 10] = [
        b"$\r\n",
        b"$-1\r\n",
        b"$99999999999999999999\r\n",
        b"$EOF:short\r\n",
        b"$9\r\nREDIS0010",
        b"$12\r\nnot a copy..",
        &[&copy[..], b"*3\r\n$-1\r\n"].concat(),
        &[&copy[..], b"*1\r\n$999999999999\r\n"].concat(),
        &[&copy[..], b"SET key \"value\r\n\0\xff\r\n"].concat(),
        &[&copy[..], &encode(&["PSYNC", "?", "-1"])].concat(),
    ];
    std::thread::scope(|scope| {
        for (number, lie) in lies.into_iter().enumerate() {
            let lie = [&answer[..], lie].concat();
            let mode = ["disabled", "swapdb"][number % 2];
            scope.spawn(move || {
                let (replica, is_dropped) = told(&lie, &["--repl-diskless-load", mode]);
                let shown = lie.escape_ascii();
                eventually(&format!("{shown}: dropped"), || is_dropped.load(Ordering::SeqCst));
                expect_alive(&replica);
                assert!(replica.client().run("REPLICAOF NO ONE").is_ok());
                assert!(replica.client().run("SET key value").is_ok(), "{shown}");
            });
        }
    });
}

#[test]
fn commands_that_are_for_clients_do_not_end_the_link() {
    let answer = format!("+FULLRESYNC {ID} 7\r\n").into_bytes();
    let commands = [
        &["SELECT", "99"][..],
        &["EXEC"],
        &["MULTI"],
        &["MULTI"],
        &["DISCARD"],
        &["RESET"],
        &["WAIT", "5", "0"],
        &["NOSUCH"],
        &["SET", "key", "value"],
    ];
    let stream: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
    let (replica, _) = told(&[&answer[..], &sized(&snapshot(&[])), &stream].concat(), &[]);
    let value = || replica.client().run("GET key").to_string();
    eventually("the last one was run", || value() == "\"value\"");
}
