//! Nanoseconds per GET and SET through [`Held`], and bytes per key, at a million keys.
//!
//! `cargo bench --bench keyspace [keys]`. Keys are 16 random bytes in 16384 slots, values 64 bytes,
//! batches of one and of sixteen; a batch of one prefetches nothing, so the difference is what
//! prefetching is worth.

use std::hint::black_box;

use redpoll::base::{KeyHasher, Millis, Rng, Slot};
use redpoll::keyspace::{Held, Key, Keyspace, Lifetime, NewStr, Place};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const NOW: Millis = Millis(1_700_000_000_000);
const VALUE: [u8; 64] = [b'v'; 64];

/// What the allocator has given out, and what the process holds of the system's memory for it.
fn memory() -> (usize, usize) {
    tikv_jemalloc_ctl::epoch::advance().expect("jemalloc keeps statistics");
    let allocated = tikv_jemalloc_ctl::stats::allocated::read();
    let resident = tikv_jemalloc_ctl::stats::resident::read();
    (allocated.expect("a figure"), resident.expect("a figure"))
}

fn name(number: u64) -> [u8; 16] {
    let mut rng = Rng::from_seed(number);
    let mut name = [0; 16];
    rng.fill(&mut name);
    name
}

/// Nanoseconds of CPU that this thread has used: a busy machine distorts them less than the clock.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    text.split(' ').next().and_then(|field| field.parse().ok()).expect("a number comes first")
}

/// Runs `work` on every name in batches; nanoseconds per key, hashing and locking included.
fn time(
    keyspace: &Keyspace,
    names: &[[u8; 16]],
    batch: usize,
    mut work: impl FnMut(&mut Held<'_>, &Key<'_>),
) -> f64 {
    let start = cpu();
    for names in names.chunks(batch) {
        let mut keys: smallvec::SmallVec<[Key<'_>; 64]> =
            names.iter().map(|name| Key::new(name, keyspace.hash(name), Slot::of(name))).collect();
        let mut held = Held::lock(keyspace, 0, &mut keys, NOW);
        for key in &keys {
            work(&mut held, key);
        }
        black_box(held.release());
    }
    (cpu() - start) as f64 / names.len() as f64
}

fn set(held: &mut Held<'_>, key: &Key<'_>) {
    held.set_string(key, NewStr::Bytes(&VALUE), Lifetime::Forever);
}

fn get(held: &mut Held<'_>, key: &Key<'_>) {
    let text = held.string(key).expect("a string").expect("present");
    // What a reply does: copy the value.
    let mut out = [0u8; 64];
    out.copy_from_slice(text.text(&mut itoa::Buffer::new()));
    black_box(out);
}

fn main() {
    let keys = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let keyspace = Keyspace::new(1, KeyHasher::seeded(&mut Rng::from_seed(1)), 1);
    keyspace.prefetch_slot(Place { db: 0, slot: Slot::of(b"") });
    let before = memory();
    let start = cpu();
    for number in (0..keys).step_by(16) {
        let names: Vec<[u8; 16]> = (number..keys.min(number + 16)).map(name).collect();
        let mut keys: Vec<Key<'_>> =
            names.iter().map(|name| Key::new(name, keyspace.hash(name), Slot::of(name))).collect();
        let mut held = Held::lock(&keyspace, 0, &mut keys, NOW);
        keys.iter().for_each(|key| set(&mut held, key));
    }
    let fill = (cpu() - start) as f64 / keys as f64;
    let after = memory();
    let per_key = |total: usize| total as f64 / keys as f64;
    let counted: u64 =
        Slot::all().map(|slot| keyspace.slot(Place { db: 0, slot }).lock().bytes()).sum();
    println!("fill           {fill:7.1} ns/key");
    println!("allocated      {:7.1} bytes/key", per_key(after.0 - before.0));
    println!("resident       {:7.1} bytes/key", per_key(after.1 - before.1));
    println!("own figures    {:7.1} bytes/key", per_key(counted as usize));
    let mut rng = Rng::from_seed(9);
    let names: Vec<[u8; 16]> = (0..1 << 20).map(|_| name(rng.below(keys))).collect();
    for batch in [1, 4, 16, 64] {
        println!("GET batch {batch:<4} {:7.1} ns", time(&keyspace, &names, batch, get));
        println!("SET batch {batch:<4} {:7.1} ns", time(&keyspace, &names, batch, set));
    }
    Slot::all().for_each(|slot| {
        keyspace.slot(Place { db: 0, slot }).lock().check(keyspace.hasher());
    });
}
