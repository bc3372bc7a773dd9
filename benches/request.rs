//! Nanoseconds per request that parsing costs: `cargo bench --bench request`.

use std::hint::black_box;
use std::time::Instant;

use redpoll::resp::{Batch, Limits, Parser};

const REQUESTS: usize = 4_000_000;

fn main() {
    let (key, value) = ("k".repeat(16), "v".repeat(64));
    let set = format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n$64\r\n{value}\r\n");
    let get = format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n");
    for (name, request) in [("SET", set), ("GET", get)] {
        for depth in [1, 16, 64] {
            let best = (0..5).map(|_| measure(request.as_bytes(), depth)).fold(f64::MAX, f64::min);
            println!("{name} of a 16-byte key, pipeline {depth}: {best:.1} ns");
        }
    }
}

/// One connection's loop without its socket.
fn measure(request: &[u8], depth: usize) -> f64 {
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    let (limits, read) = (Limits::default(), request.repeat(depth));
    let begin = Instant::now();
    for _ in 0..REQUESTS / depth {
        parser.feed(black_box(&read));
        parser.parse(&limits, depth, &mut batch).expect("well formed");
        black_box(batch.request(parser.input(), depth - 1).arg(1));
        parser.consume(&mut batch);
    }
    begin.elapsed().as_nanos() as f64 / REQUESTS as f64
}
