//! Bytes per element and nanoseconds per operation of the value types.
//!
//! `cargo bench --bench types [name]`. The allocator is the server's, so that the process' own
//! growth can stand beside what the types say of themselves.

use std::hint::black_box;

use redpoll::base::{KeyHasher, Rng};
use redpoll::types::{Collection, Hash, Limits, Set, Zset};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const MILLION: usize = 1_000_000;

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    type Bench = fn(&Limits);
    let benches: &[(&str, Bench)] =
        &[("hash", hash), ("small-hash", small_hash), ("set", set), ("zset", zset)];
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    for (name, bench) in benches {
        if only.as_deref().is_none_or(|only| name.contains(only)) {
            bench(&limits);
        }
    }
}

/// What the allocator has given out.
fn resident() -> usize {
    tikv_jemalloc_ctl::epoch::advance().expect("jemalloc keeps statistics");
    tikv_jemalloc_ctl::stats::allocated::read().expect("jemalloc keeps statistics")
}

/// Nanoseconds that this thread has had a core: other load on the machine does not count.
fn busy() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    stat.split(' ').next().and_then(|time| time.parse().ok()).expect("the first field is a time")
}

/// Runs `work` for each number below `count` in a scattered order; prints the mean time.
fn time(what: &str, count: usize, mut work: impl FnMut(usize)) {
    let start = busy();
    // An odd multiplier visits every number below a power of two; others are skipped.
    let span = count.next_power_of_two();
    let mut done = 0;
    for step in 0..span {
        let number = step.wrapping_mul(0x9e37_79b1) & (span - 1);
        if number < count {
            work(number);
            done += 1;
        }
    }
    println!("  {what:<28} {:>7.1} ns", (busy() - start) as f64 / f64::from(done));
}

fn report(what: &str, claimed: usize, before: usize, elements: usize) {
    let grown = resident().saturating_sub(before);
    println!(
        "  {what:<28} {:>7.1} B claimed, {:.1} B allocated, per element",
        claimed as f64 / elements as f64,
        grown as f64 / elements as f64
    );
}

fn hash(limits: &Limits) {
    for (fields, field_len, value_len) in
        [(MILLION, 10, 8), (MILLION, 16, 64), (300_000, 16, 64), (200_000, 16, 500)]
    {
        println!("one hash, {fields} fields of {field_len} bytes, values of {value_len}");
        let before = resident();
        let mut hash = Hash::default();
        let value = vec![b'v'; value_len];
        let mut field = vec![b'f'; field_len];
        let mut name = |number: usize| {
            let digits = format!("{number:010}");
            field[field_len - 10..].copy_from_slice(digits.as_bytes());
            field.clone()
        };
        time("insert", fields, |number| {
            hash.insert(&name(number), &value, limits);
        });
        report("memory", hash.heap_bytes(), before, fields);
        time("(making a name)", fields, |number| {
            black_box(name(number));
        });
        time("get", fields, |number| {
            black_box(hash.get(&name(number)));
        });
        time("insert, same length", fields, |number| {
            hash.insert(&name(number), &value, limits);
        });
        time("insert, other length", fields, |number| {
            hash.insert(&name(number), &value[..value_len - 1 - number % 4], limits);
        });
        report("memory after updates", hash.heap_bytes(), before, fields);
        time("iterate", 1, |_| {
            hash.iter().for_each(|pair| {
                black_box(pair);
            });
        });
        time("remove", fields, |number| {
            hash.remove(&name(number));
        });
    }
}

fn small_hash(limits: &Limits) {
    println!("a million hashes of 5 fields");
    let before = resident();
    let value = b"12345678";
    let mut hashes: Vec<Hash> = Vec::with_capacity(MILLION);
    time("create and insert 5", MILLION, |_| {
        let mut hash = Hash::default();
        for field in [&b"f1"[..], b"f2", b"f3", b"f4", b"f5"] {
            hash.insert(field, &value[..], limits);
        }
        hashes.push(hash);
    });
    let claimed = hashes.iter().map(Hash::heap_bytes).sum::<usize>() + MILLION * 8;
    report("memory", claimed, before, MILLION);
    time("get", MILLION, |number| {
        black_box(hashes[number].get(b"f4"));
    });
}

fn set(limits: &Limits) {
    println!("one set, a million members of 10 bytes");
    let before = resident();
    let mut set = Set::default();
    let name = |number: usize| format!("{number:010}").into_bytes();
    time("insert", MILLION, |number| {
        set.insert(&name(number), limits);
    });
    report("memory", set.heap_bytes(), before, MILLION);
    time("contains", MILLION, |number| {
        black_box(set.contains(&name(number)));
    });
    time("remove", MILLION, |number| {
        set.remove(&name(number));
    });
}

fn zset(limits: &Limits) {
    for len in [10, 16] {
        println!("one sorted set, a million members of {len} bytes");
        let before = resident();
        let mut zset = Zset::default();
        let name = |number: usize| format!("{number:0len$}").into_bytes();
        let score = |number: usize| number.wrapping_mul(0x9e37_79b1) as u32 as f64 / 16.0;
        time("insert", MILLION, |number| {
            zset.insert(&name(number), score(number), limits);
        });
        report("memory", zset.heap_bytes(), before, MILLION);
        time("score", MILLION, |number| {
            black_box(zset.score(&name(number)));
        });
        time("rank", MILLION, |number| {
            black_box(zset.rank(&name(number)));
        });
        time("range of ten by rank", MILLION, |number| {
            zset.range(number..number + 10).for_each(|pair| {
                black_box(pair);
            });
        });
        time("change the score", MILLION, |number| {
            zset.insert(&name(number), score(number + 1), limits);
        });
        report("memory after changes", zset.heap_bytes(), before, MILLION);
        time("remove", MILLION, |number| {
            zset.remove(&name(number));
        });
    }
}
