//! What no well-behaved client sends: the server answers as redis-server does, stays up, keeps
//! serving others and does not grow.

mod primary;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use support::{Client, TestServer, encode, eventually, start_oracle};

const MEGABYTE: u64 = 1 << 20;
/// What a server may grow by while it is being abused.
const GROWTH_MAX: u64 = 64 * MEGABYTE;

/// Sends bytes, says that there is no more, and returns all that comes back.
fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut client = server.client();
    // A server that refuses early may close before everything is sent.
    let _ = client.send(bytes).and_then(|()| client.close_write());
    match client.read_to_close() {
        Ok(answer) => answer.escape_ascii().to_string(),
        Err(error) => format!("not closed: {error}"),
    }
}

fn expect_equal(reference: &TestServer, subject: &TestServer, bytes: &[u8]) {
    let (theirs, ours) = (exchange(reference, bytes), exchange(subject, bytes));
    let shown: String = bytes.escape_ascii().to_string().chars().take(200).collect();
    assert_eq!(ours, theirs, "after {shown}");
}

fn expect_alive(server: &TestServer) {
    assert_eq!(server.client().run("PING").to_string(), "+PONG");
}

#[test]
fn malformed_requests_get_the_references_errors() {
    let Some(reference) = start_oracle(&[]) else { return };
    let subject = TestServer::start(&[]);
    let long_line = [b'x'; 70_000];
    let cases: [&[u8]; 44] = [
        b"",
        b"\r\n",
        b"\n",
        b"\r\n\r\nPING\r\n",
        b"PING\r\n",
        b"PING\r\nCONFIG SET timeout 0\r\nPING\r\n",
        b"PING\n",
        b"ping \"a b\" \r\n",
        b"echo 'a\\'b'\r\n",
        b"echo \"\\x41\\n\"\r\n",
        b"echo \"a\r\n",
        b"echo \"a\"b\r\n",
        b"echo 'a'b\r\nPING\r\n",
        b"   \r\nPING\r\n",
        b"*0\r\nPING\r\n",
        b"*-1\r\nPING\r\n",
        b"*-10\r\nPING\r\n",
        b"*\r\n",
        b"*x\r\n",
        b"* 1\r\n",
        b"*1 \r\n",
        b"*+1\r\n$4\r\nPING\r\n",
        b"*01\r\n$4\r\nPING\r\n",
        b"*1048577\r\n",
        b"*2147483648\r\n",
        b"*9223372036854775808\r\n",
        b"*1\r\n$\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$9223372036854775808\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\nPING\r\n",
        b"*1\r\n\r\n",
        b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$0\r\n\r\n",
        b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
        b"*1\n$4\nPING\n",
        b"*1\r\n$4\r\nPING",
        b"*2\r\n$3\r\nGET\r\n",
        b"$4\r\nPING\r\n",
        b"+OK\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        &long_line,
    ];
    for bytes in cases {
        expect_equal(&reference, &subject, bytes);
    }
    expect_alive(&subject);
}

#[test]
fn unauthenticated_clients_have_the_references_limits() {
    let password = ["--requirepass", "secret"];
    let Some(reference) = start_oracle(&password) else { return };
    let subject = TestServer::start(&password);
    let cases: [&[u8]; 6] = [
        b"*10\r\n",
        b"*11\r\n",
        b"*1\r\n$16384\r\n",
        b"*1\r\n$16385\r\n",
        b"GET a\r\n",
        b"*2\r\n$4\r\nAUTH\r\n$5\r\nwrong\r\n*1\r\n$4\r\nPING\r\n",
    ];
    for bytes in cases {
        expect_equal(&reference, &subject, bytes);
    }
}

#[test]
fn random_bytes_get_the_references_answers() {
    let Some(reference) = start_oracle(&[]) else { return };
    let subject = TestServer::start(&[]);
    let mut rng = fastrand::Rng::with_seed(7);
    let alphabet: [&[u8]; 16] = [
        b"*1\r\n",
        b"*2\r\n",
        b"*",
        b"$",
        b"$4\r\n",
        b"$1\r\n",
        b"PING\r\n",
        b"GET",
        b"\r\n",
        b"a",
        b"-1",
        b" ",
        b"\"",
        b"'",
        b"~",
        b"99999999",
    ];
    for _ in 0..400 {
        let pieces = rng.usize(1..12);
        let bytes: Vec<u8> =
            (0..pieces).flat_map(|_| alphabet[rng.usize(..alphabet.len())].to_vec()).collect();
        expect_equal(&reference, &subject, &bytes);
    }
    for _ in 0..100 {
        let length = rng.usize(1..200);
        // No command starts so.
        let mut bytes = vec![b'~'];
        // Zero bytes end lines in C, and only there; error texts of ours are UTF-8.
        bytes.extend((0..length).map(|_| rng.u8(1..128)));
        expect_equal(&reference, &subject, &bytes);
    }
    expect_alive(&subject);
}

#[test]
fn deep_nesting_is_refused_at_its_first_level() {
    let Some(reference) = start_oracle(&[]) else { return };
    let subject = TestServer::start(&[]);
    expect_equal(&reference, &subject, &b"*1\r\n".repeat(2));
    let _ = exchange(&subject, &b"*1\r\n".repeat(100_000));
    expect_alive(&subject);
}

#[test]
fn frames_cut_anywhere_do_no_harm() {
    let subject = TestServer::start(&[]);
    let whole = encode(&["SET", "key", "a value of some length"]);
    for end in 0..whole.len() {
        assert_eq!(exchange(&subject, &whole[..end]), "", "after {end} bytes");
    }
    // The same frame, one byte at a time, works.
    let mut client = subject.client();
    for byte in &whole {
        client.send(&[*byte]).expect("sent");
    }
    assert_eq!(client.read().expect("a reply").to_string(), "+OK");
}

#[test]
fn announced_lengths_cost_nothing_until_the_bytes_arrive() {
    let subject = TestServer::start(&[]);
    expect_alive(&subject);
    let before = subject.resident_bytes();
    let mut held = Vec::new();
    for _ in 0..50 {
        for frame in
            [&b"*1048576\r\n$3\r\nSET\r\n"[..], b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n"]
        {
            let mut client = subject.client();
            client.send(frame).expect("sent");
            client.send(b"abc").expect("sent");
            held.push(client);
        }
    }
    expect_alive(&subject);
    let growth = subject.resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "grew by {} MB", growth / MEGABYTE);
}

#[test]
fn half_sent_requests_do_not_disturb_others() {
    let subject = TestServer::start(&[]);
    let before = subject.resident_bytes();
    let mut held = Vec::new();
    for n in 0..500 {
        let mut client = subject.client();
        let frame = encode(&["SET", "key", &"x".repeat(n)]);
        client.send(&frame[..frame.len() - 1 - n % 5]).expect("sent");
        held.push(client);
    }
    let mut other = subject.client();
    for n in 0..1000 {
        let key = format!("key:{n}");
        assert!(other.call(&["SET", &key, "value"]).is_ok());
        assert_eq!(other.call(&["GET", &key]).text(), "value");
    }
    let growth = subject.resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "grew by {} MB", growth / MEGABYTE);
    drop(held);
    eventually("dropped connections are noticed", || {
        let info = other.run("INFO clients").text();
        info.contains("connected_clients:1\r")
    });
}

#[test]
fn a_client_that_does_not_read_is_cut_off_at_its_limit() {
    let subject = TestServer::start(&[]);
    let mut other = subject.client();
    let limit = "normal 1048576 0 0";
    let set = other.call(&["CONFIG", "SET", "client-output-buffer-limit", limit]);
    assert!(set.is_ok(), "{set}");
    assert!(other.call(&["SET", "big", &"x".repeat(100_000)]).is_ok());
    let before = subject.resident_bytes();

    let mut deaf = subject.client();
    let request = encode(&["GET", "big"]).repeat(20);
    // 2 GB of replies, unless the server hangs up. Writing fails once it has.
    let refused = (0..1000).any(|_| deaf.send(&request).is_err());
    assert!(refused || deaf.is_closed_after_draining(), "still connected");
    let growth = subject.resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "grew by {} MB", growth / MEGABYTE);
    assert_eq!(other.run("PING").to_string(), "+PONG");
}

/// A header of the cluster bus with this total length and message type.
fn bus_header(length: u32, kind: u16) -> Vec<u8> {
    let mut header = b"RCmb".to_vec();
    header.extend(length.to_be_bytes());
    header.extend(1u16.to_be_bytes());
    header.extend(0u16.to_be_bytes());
    header.extend(kind.to_be_bytes());
    header
}

#[test]
fn garbage_on_the_bus_port_does_no_harm() {
    let subject = TestServer::start(&["--cluster-enabled", "yes"]);
    let before = subject.resident_bytes();
    let id = subject.client().run("CLUSTER MYID");
    let mut rng = fastrand::Rng::with_seed(11);
    let mut frames: Vec<Vec<u8>> = vec![
        b"PING\r\n".to_vec(),
        b"RCmb".to_vec(),
        vec![0; 100_000],
        bus_header(u32::MAX, 0),
        bus_header(0, 0),
        bus_header(16, 0),
        [bus_header(2256, 0), vec![0xff; 2242]].concat(),
        [bus_header(2256, 0xffff), vec![0; 2242]].concat(),
    ];
    for kind in 0..12 {
        for length in [2256u32, 2260, 2300, 4000] {
            let mut frame = bus_header(length, kind);
            frame.resize_with(length as usize, || rng.u8(..));
            frames.push(frame);
        }
    }
    let mut held = Vec::new();
    for frame in &frames {
        let mut stream =
            TcpStream::connect(("127.0.0.1", subject.port() + 10_000)).expect("the bus");
        stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a limit above zero");
        // It may hang up in the middle.
        let _ = stream.write_all(frame);
        held.push(stream);
        expect_alive(&subject);
    }
    assert_eq!(subject.client().run("CLUSTER MYID"), id);
    let nodes = subject.client().run("CLUSTER NODES").text();
    assert_eq!(nodes.lines().count(), 1, "{nodes}");
    let growth = subject.resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "grew by {} MB", growth / MEGABYTE);
}

#[test]
fn ten_thousand_commands_in_one_write_are_all_answered() {
    let subject = TestServer::start(&[]);
    let mut client: Client = subject.client();
    let batch: Vec<u8> =
        (0..10_000).flat_map(|n| encode(&["SET", &format!("k{n}"), "v"])).collect();
    client.send(&batch).expect("sent");
    for n in 0..10_000 {
        assert_eq!(client.read().expect("a reply").to_string(), "+OK", "reply {n}");
    }
}
