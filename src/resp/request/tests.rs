use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::base::rng::seeds;
use crate::resp::{OwnedRequest, RawRequest};

/// What a stream parses to: its requests, their lengths on the wire, and how it failed.
#[derive(Debug, PartialEq)]
struct Parsed {
    requests: Vec<Vec<Vec<u8>>>,
    wire: Vec<u64>,
    error: Option<ProtocolError>,
}

fn collect(raw: RawRequest<'_>) -> Vec<Vec<u8>> {
    raw.args().map(<[u8]>::to_vec).collect()
}

/// Parses `stream` in reads whose lengths come from `cut`, in batches of `max`, as a connection
/// would.
fn parse_in_reads(
    stream: &[u8],
    limits: &Limits,
    max: usize,
    mut cut: impl FnMut() -> usize,
) -> (Parsed, Parser) {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let mut parsed = Parsed { requests: vec![], wire: vec![], error: None };
    let mut rest = stream;
    while !rest.is_empty() && parsed.error.is_none() {
        let (now, later) = rest.split_at(cut().clamp(1, rest.len()));
        rest = later;
        parser.feed(now);
        loop {
            if let Err(error) = parser.parse(limits, max, &mut batch) {
                assert!(batch.is_empty() && parser.has_failed());
                parsed.error = Some(error);
            }
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= max);
            parsed.requests.extend(batch.iter(parser.input()).map(collect));
            parsed.wire.extend((0..batch.len()).map(|index| batch.wire_len(index)));
            parser.consume(&mut batch);
        }
    }
    (parsed, parser)
}

fn parse_all(stream: &[u8], limits: &Limits) -> Parsed {
    parse_in_reads(stream, limits, usize::MAX, || usize::MAX).0
}

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        wire.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        wire.extend_from_slice(arg);
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn well_formed_streams_parse_as_a_redis_server_parses_them() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"*1\r\n$4\r\nPING\r\n", &["PING"]),
        (b"*2\r\n$4\r\nECHO\r\n$11\r\nhello\r\nworl\r\nPING\r\n", &["ECHO hello\r\nworl", "PING"]),
        (b"*-1\r\nPING\r\n", &["PING"]),
        (b"*-5\r\n*0\r\nPING\r\n", &["PING"]),
        (b"*-9223372036854775808\r\nPING\r\n", &["PING"]),
        (b"\r\n\n  \r\nPING\n", &["PING"]),
        (b"*1\rX$4\rXPINGxxPING\r\n", &["PING", "PING"]), // only the \r of a line break is looked at
        (b"*1\r\n$0\r\n\r\n", &[""]),
        (b"set 'a' \"\\x62\"\r\n*1\r\n$1\r\nx\r\n", &["set a b", "x"]),
        (b"$4\r\nPING\r\n", &["$4", "PING"]),
        (b"+PING\r\n", &["+PING"]),
        (b"*1\r\nabc", &[]), // no verdict on a line before its end
        (b"*2147483647\r\n", &[]),
        (b"*1\r\n$536870912\r\n", &[]),
    ];
    for (stream, requests) in cases {
        let parsed = parse_all(stream, &Limits::default());
        assert_eq!(parsed.error, None, "{}", stream.escape_ascii());
        let requests: Vec<_> = requests.iter().map(|line| words(line)).collect();
        assert_eq!(parsed.requests, requests, "{}", stream.escape_ascii());
    }
}

#[test]
fn malformed_streams_fail_with_the_texts_of_a_redis_server() {
    let long = |prefix: &str, len: usize| [prefix.as_bytes(), &vec![b'1'; len]].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"*x\r\n".to_vec(), "invalid multibulk length"),
        (b"*03\r\n".to_vec(), "invalid multibulk length"),
        (b"*00\r\n".to_vec(), "invalid multibulk length"),
        (b"*-0\r\n".to_vec(), "invalid multibulk length"),
        (b"*\r\n".to_vec(), "invalid multibulk length"),
        (b"*+1\r\n".to_vec(), "invalid multibulk length"),
        (b"* 1\r\n".to_vec(), "invalid multibulk length"),
        (b"*1\n$4\nPING\r\n".to_vec(), "invalid multibulk length"),
        (b"*2147483648\r\n".to_vec(), "invalid multibulk length"),
        (b"*-9223372036854775809\r\n".to_vec(), "invalid multibulk length"),
        (b"*01\r\n$4\r\nPING\r\n".to_vec(), "invalid multibulk length"),
        (b"*1\r\n$04\r\nPING\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\nx4\r\n".to_vec(), "expected '$', got 'x'"),
        (b"*1\r\n*1\r\n*1\r\n".to_vec(), "expected '$', got '*'"),
        (b"*1\r\n\r\n".to_vec(), "expected '$', got ' '"),
        (b"*1\r\n\n4\r\n".to_vec(), "expected '$', got ' '"),
        (b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$04\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$536870913\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n".to_vec(), "invalid bulk length"),
        (b"PING \"a\r\n".to_vec(), "unbalanced quotes in request"),
        (long("a", 65536), "too big inline request"),
        (long("*", 65536), "too big mbulk count string"),
        (long("*1\r\n$", 65536), "too big bulk count string"),
        (long("*1\r\nx", 65536), "too big bulk count string"),
        ([long("a", 65536), b"\r\n".to_vec()].concat(), "too big inline request"),
        ([long("*", 65536), b"\r\n".to_vec()].concat(), "too big mbulk count string"),
    ];
    for (stream, text) in cases {
        let error = parse_all(&stream, &Limits::default()).error.expect(text);
        assert_eq!(error.to_string(), text);
        let reply = error.reply().expect("has a reply");
        assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n").into_bytes());
    }
    for (prefix, len) in [("a", 65535), ("*", 65535), ("*1\r\n$", 65535), ("*1\r\nx", 65535)] {
        assert_eq!(parse_all(&long(prefix, len), &Limits::default()).error, None, "{prefix}");
    }
    let reply = ProtocolError::ExpectedBulk(0xff).reply().expect("has a reply");
    assert_eq!(reply, b"-ERR Protocol error: expected '$', got '\xff'\r\n");
}

#[test]
fn an_unauthenticated_client_is_held_to_less() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    let error = |stream: &[u8]| parse_all(stream, &limits).error.map(|error| error.to_string());
    let ten = encode(&vec![vec![b'x'; 16384]; 10]);
    assert_eq!(parse_all(&ten, &limits).requests.len(), 1);
    assert_eq!(error(b"*11\r\n").as_deref(), Some("unauthenticated multibulk length"));
    assert_eq!(error(b"*2147483648\r\n").as_deref(), Some("invalid multibulk length"));
    assert_eq!(error(b"*1\r\n$16385\r\n").as_deref(), Some("unauthenticated bulk length"));
    assert_eq!(error(b"*1\r\n$536870913\r\n").as_deref(), Some("invalid bulk length"));
    let whole = encode(&[vec![b'x'; 16385]]);
    assert_eq!(error(&whole).as_deref(), Some("unauthenticated bulk length"));
    assert_eq!(
        error(&encode(&vec![vec![]; 11])).as_deref(),
        Some("unauthenticated multibulk length")
    );
    assert_eq!(error(b"a b c d e f g h i j k l\r\n"), None); // inline requests are not
}

#[test]
fn requests_before_a_fault_are_delivered_first() {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    parser.feed(b"PING\r\n*1\r\n$4\r\nPING\r\n*x\r\n");
    assert_eq!(parser.parse(&Limits::default(), 100, &mut batch), Ok(()));
    assert_eq!(batch.len(), 2);
    parser.consume(&mut batch);
    for _ in 0..2 {
        let result = parser.parse(&Limits::default(), 100, &mut batch);
        assert_eq!(result, Err(ProtocolError::InvalidMultibulkLength));
    }
}

#[test]
fn a_big_argument_is_read_into_its_own_block() {
    let value: Vec<u8> = (0..BIG_ARG * 40).map(|n| n as u8).collect();
    let stream = encode(&[b"SET".to_vec(), b"key".to_vec(), value.clone()]);
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let mut rest = &stream[..];
    let mut largest = 0;
    while !rest.is_empty() {
        let mut spare = parser.spare();
        let n = spare.remaining_mut().min(rest.len());
        assert!(n > 0);
        largest = largest.max(n);
        spare.put_slice(&rest[..n]);
        rest = &rest[n..];
        parser.parse(&Limits::default(), 1, &mut batch).expect("well formed");
    }
    assert!(largest > BIG_ARG, "the value never went past the input buffer");
    let request = batch.request(parser.input(), 0);
    assert_eq!(request.arg(1), b"key");
    assert!(request.big(1).is_none());
    let kept = request.big(2).expect("big").clone();
    assert_eq!(batch.wire_len(0), stream.len() as u64);
    parser.consume(&mut batch);
    assert_eq!(*kept, value);
    assert_eq!(kept.capacity(), value.len());
    assert!(std::sync::Arc::into_inner(kept).is_some(), "the batch let go of it");
    assert!(parser.capacity() <= INPUT_KEPT_MAX);
}

#[test]
fn an_announced_length_alone_reserves_little() {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    parser.feed(b"*1\r\n$536870912\r\nx");
    parser.parse(&Limits::default(), 1, &mut batch).expect("well formed");
    parser.spare();
    assert!(parser.capacity() <= 2 * 1024 * 1024);
    let mut parser = Parser::new();
    parser.feed(b"*2147483647\r\n");
    parser.parse(&Limits::default(), 1, &mut batch).expect("well formed");
    assert!(parser.capacity() <= INPUT_START);
}

#[test]
fn an_unfinished_request_must_fit_the_query_buffer_limit() {
    let limits = Limits { max_query_buffer: 1024 * 1024, ..Limits::default() };
    for arg in [0, 100, 40_000, 2_000_000] {
        let mut stream = b"PING\r\n*1000000\r\n".to_vec();
        let one = &encode(&[vec![b'x'; arg]])[4..];
        while stream.len() < 8 * 1024 * 1024 {
            stream.extend_from_slice(one);
        }
        let (parsed, parser) = parse_in_reads(&stream, &limits, 10, || 16 * 1024);
        assert_eq!(parsed.error, Some(ProtocolError::QueryBufferLimit), "{arg}");
        assert_eq!(parsed.requests.len(), 1);
        assert!(parser.capacity() < 4 * 1024 * 1024, "{arg}: {}", parser.capacity());
    }
}

#[test]
fn empty_requests_do_not_pile_up() {
    let stream = b"\r\n*0\r\n*-1\r\n".repeat(100_000);
    let (parsed, parser) = parse_in_reads(&stream, &Limits::default(), 10, || 1000);
    assert_eq!(parsed, Parsed { requests: vec![], wire: vec![], error: None });
    assert!(parser.capacity() <= INPUT_START);
    assert_eq!(parser.buffered(), 0);
    let parsed = parse_all(b"\r\n*0\r\nPING\r\n", &Limits::default());
    assert_eq!(parsed.wire, [12]);
}

/// Nearly every read ends inside a request, so there is no empty buffer to start over with.
#[test]
fn a_connection_that_is_never_quite_empty_stays_small() {
    let stream = encode(&[b"SET".to_vec(), vec![b'k'; 16], vec![b'v'; 64]]).repeat(10_000);
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    for read in stream.chunks(1009) {
        parser.feed(read);
        parser.parse(&Limits::default(), 50, &mut batch).expect("well formed");
        parser.consume(&mut batch);
        assert!(parser.capacity() <= 2 * INPUT_START, "{}", parser.capacity());
    }
}

#[test]
fn big_arguments_of_one_batch_are_kept_apart() {
    let requests: Vec<_> = (1..5u8).map(|n| vec![b"SET".to_vec(), vec![n; BIG_ARG]]).collect();
    let stream: Vec<u8> = requests.iter().flat_map(|args| encode(args)).collect();
    assert!(parse_all(&stream, &Limits::default()).requests == requests);
}

#[test]
fn a_buffer_that_was_once_big_is_given_back() {
    let stream = encode(&vec![vec![b'x'; 1000]; 1000]);
    let (parsed, mut parser) = parse_in_reads(&stream, &Limits::default(), 10, || 1460);
    assert_eq!(parsed.requests.len(), 1);
    assert!(parser.capacity() <= INPUT_KEPT_MAX, "{}", parser.capacity());
    parser.release_idle();
    assert_eq!(parser.capacity(), 0);
}

/// Quadratic work would be 80,000² / 2 span copies, or 36 GB of bytes looked at: minutes, not this.
#[test]
fn many_arguments_in_small_reads_are_linear() {
    let stream = encode(&vec![b"0123456789".to_vec(); 80_000]);
    let (parsed, _) = parse_in_reads(&stream, &Limits::default(), 10, || 1);
    assert_eq!(parsed.requests[0].len(), 80_000);
}

#[test]
fn an_owned_request_equals_the_one_it_was_made_from() {
    let args = [b"SET".to_vec(), vec![], vec![7; BIG_ARG], b"EX".to_vec()];
    let owned = OwnedRequest::from_args(&args);
    assert_eq!(collect(owned.as_raw()), args);
    let again = OwnedRequest::from(owned.as_raw());
    assert_eq!(collect(again.as_raw()), args);
    let shared = again.as_raw().big(2).expect("big").as_ptr();
    assert_eq!(shared, owned.as_raw().big(2).expect("big").as_ptr());
    assert_eq!(again.as_raw().get(4), None);
}

/// A stream of valid requests, empty ones and inline ones among them.
fn random_stream(rng: &mut Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..1 + rng.below(6) {
        match rng.below(8) {
            0 => stream.extend_from_slice(b"*0\r\n"),
            1 => stream.extend_from_slice(b"\r\n"),
            2 => stream.extend_from_slice(b"set 'a b' \"\\x41\"\r\n"),
            _ => {
                let lens = [0, 1, 9, 10, 64, 99, 100, 300, 9_999, 40_000, 70_000];
                let few = if rng.below(6) == 0 { lens.len() } else { lens.len() - 3 };
                let args: Vec<_> = (0..1 + rng.below(12))
                    .map(|_| vec![rng.below(256) as u8; lens[rng.below(few as u64) as usize]])
                    .collect();
                stream.extend_from_slice(&encode(&args));
            }
        }
    }
    stream
}

/// Breaks a stream in a few places, with bytes the grammar cares about more often than not.
fn mutate(rng: &mut Rng, stream: &mut Vec<u8>) {
    for _ in 0..rng.below(4) {
        let at = rng.below(stream.len() as u64 + 1) as usize;
        let byte = *b"*$\r\n0123456789-\"'\\ \0x\xff".get(rng.below(26) as usize).unwrap_or(&b'*');
        match rng.below(4) {
            0 => stream.insert(at, byte),
            1 if at < stream.len() => stream[at] = byte,
            2 if at < stream.len() => drop(stream.remove(at)),
            _ => stream.truncate(at.max(1)),
        }
    }
}

#[test]
fn no_way_to_cut_a_stream_changes_what_it_says() {
    for seed in seeds(400) {
        let rng = &mut Rng::from_seed(seed);
        let mut stream = random_stream(rng);
        mutate(rng, &mut stream);
        let limits = Limits {
            authenticated: rng.below(8) != 0,
            max_query_buffer: usize::MAX,
            ..Limits::default()
        };
        let whole = parse_all(&stream, &limits);
        let wire: u64 = whole.wire.iter().sum();
        assert!(wire <= stream.len() as u64, "seed {seed}");
        for reach in [2, 20, 1_000, 30_000] {
            let max = 1 + rng.below(5) as usize;
            let cut = || 1 + rng.below(reach) as usize;
            let (cut_up, _) = parse_in_reads(&stream, &limits, max, cut);
            assert!(cut_up == whole, "seed {seed}, reads below {reach} bytes");
        }
    }
}

proptest! {
    #[test]
    fn requests_round_trip(
        requests in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..12), 0..20)
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(|args| encode(args)).collect();
        let parsed = parse_all(&stream, &Limits::default());
        prop_assert_eq!(parsed.error, None);
        prop_assert_eq!(parsed.wire.iter().sum::<u64>(), stream.len() as u64);
        prop_assert_eq!(parsed.requests, requests);
    }

    #[test]
    fn random_bytes_neither_panic_nor_depend_on_their_cuts(
        bytes in prop::collection::vec(any::<u8>(), 1..300), cut in 1..50usize
    ) {
        let whole = parse_all(&bytes, &Limits::default());
        let (cut_up, parser) = parse_in_reads(&bytes, &Limits::default(), 3, || cut);
        prop_assert_eq!(cut_up, whole);
        prop_assert!(parser.capacity() < 64 * 1024);
    }
}
