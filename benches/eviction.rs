//! Hit ratios of the eviction policies, by the keyspace's own sampling and queues.
//!
//! `cargo bench --bench eviction -- [keys] [requests]` replays traces against a cache of a share of
//! all keys: a miss stores the key, and the policy decides what makes room for it. A request comes
//! every millisecond, so that clocks of seconds and counters that decay by the minute see a
//! realistic pace. The figures are of the second half, when the cache is warm. Same arguments, same
//! figures.

use redpoll::base::{KeyHasher, Millis, Rng, Slot};
use redpoll::keyspace::{
    Criteria, Eviction, Evictor, Held, Key, Keyspace, Lifetime, NewStr, Order, Recording,
};

const START_MICROS: u64 = 1_700_000_000_000_000;
const MICROS_PER_REQUEST: u64 = 1000;
const SHARES: [f64; 3] = [0.01, 0.1, 0.3];
const LFU: Recording = Recording::Frequency { log_factor: 10, decay_minutes: 1 };

/// A policy as the keyspace sees it.
struct Policy {
    name: &'static str,
    order: Order,
    samples: usize,
    recording: Recording,
}

const POLICIES: [Policy; 5] = [
    Policy { name: "random", order: Order::Random, samples: 5, recording: Recording::LastUse },
    Policy { name: "lru", order: Order::LeastRecent, samples: 5, recording: Recording::LastUse },
    Policy {
        name: "lru, 10 samples",
        order: Order::LeastRecent,
        samples: 10,
        recording: Recording::LastUse,
    },
    Policy { name: "lfu", order: Order::LeastFrequent, samples: 5, recording: LFU },
    Policy { name: "s3fifo", order: Order::Queued, samples: 5, recording: Recording::Uses },
];

/// Ranks with probabilities proportional to `1 / rank^skew`.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(keys: u64, skew: f64) -> Zipf {
        let mut sum = 0.0;
        let mut cumulated = Vec::with_capacity(keys as usize);
        for rank in 1..=keys {
            sum += (rank as f64).powf(-skew);
            cumulated.push(sum);
        }
        Zipf(cumulated)
    }

    fn draw(&self, rng: &mut Rng) -> u64 {
        let total = self.0.last().expect("there are keys");
        let point = rng.below(1 << 53) as f64 / (1_u64 << 53) as f64 * total;
        self.0.partition_point(|&sum| sum <= point) as u64
    }
}

/// A name and the keys that are asked for, in order.
type Trace = (String, Vec<u64>);

fn traces(keys: u64, requests: usize) -> Vec<Trace> {
    let mut traces = Vec::new();
    for skew in [0.7, 0.9, 1.1] {
        let (zipf, mut rng) = (Zipf::new(keys, skew), Rng::from_seed(5));
        let requested = (0..requests).map(|_| zipf.draw(&mut rng)).collect();
        traces.push((format!("Zipf {skew}"), requested));
    }
    // A third of the requests walk through other keys, a tenth of all at a stretch, each once.
    let (zipf, mut rng) = (Zipf::new(keys, 0.9), Rng::from_seed(6));
    let (stretch, mut scanned) = (keys as usize / 10, keys);
    let mut requested = Vec::with_capacity(requests);
    while requested.len() < requests {
        requested.extend((0..2 * stretch).map(|_| zipf.draw(&mut rng)));
        requested.extend(scanned..scanned + stretch as u64);
        scanned += stretch as u64;
    }
    requested.truncate(requests);
    traces.push(("Zipf 0.9 with scans".into(), requested));
    // What is asked for changes: the ranks move on through the keys.
    let mut rng = Rng::from_seed(7);
    let drift = |n: usize| n as u64 * keys / requests as u64;
    let requested = (0..requests).map(|n| (zipf.draw(&mut rng) + drift(n)) % keys).collect();
    traces.push(("Zipf 0.9 moving".into(), requested));
    // A loop over a fifth of the keys.
    let around = keys / 5;
    traces.push(("loop".into(), (0..requests as u64).map(|n| n % around).collect()));
    traces
}

/// A cache of `capacity` keys; what it keeps is up to the policy.
struct Cache<'a> {
    keyspace: Keyspace,
    policy: &'a Policy,
    evictor: Evictor,
    rng: Rng,
    capacity: usize,
    len: usize,
}

impl Cache<'_> {
    fn new(policy: &Policy, capacity: usize) -> Cache<'_> {
        let mut rng = Rng::from_seed(1);
        let keyspace = Keyspace::new(1, KeyHasher::seeded(&mut rng), 1);
        keyspace.set_recording(policy.recording);
        keyspace.set_queues(policy.order == Order::Queued);
        Cache { keyspace, policy, evictor: Evictor::default(), rng, capacity, len: 0 }
    }

    /// Whether the key was there.
    fn request(&mut self, key: u64, now: Millis) -> bool {
        let name = key.to_be_bytes();
        let mut keys = [Key::new(&name, self.keyspace.hash(&name), Slot::of(&name))];
        let mut held = Held::lock(&self.keyspace, 0, &mut keys, now);
        if held.read(&keys[0]).is_some() {
            return true;
        }
        drop(held);
        let Policy { order, samples, .. } = *self.policy;
        let criteria = Criteria { order, volatile_only: false, samples };
        while self.len >= self.capacity {
            let (keyspace, rng) = (&self.keyspace, &mut self.rng);
            let done = self.evictor.evict(keyspace, criteria, now, rng, |_, _| {});
            self.len -= usize::from(matches!(done, Eviction::Done(_)));
        }
        let mut held = Held::lock(&self.keyspace, 0, &mut keys, now);
        held.set_string(&keys[0], NewStr::Bytes(b"value"), Lifetime::Forever);
        self.len += 1;
        false
    }
}

/// The share of requests in the second half that found their key.
fn hit_ratio(policy: &Policy, capacity: usize, trace: &[u64]) -> f64 {
    let mut cache = Cache::new(policy, capacity);
    let warm = trace.len() / 2;
    let mut hits = 0;
    for (number, &key) in (0..).zip(trace) {
        let now = Millis((START_MICROS + number * MICROS_PER_REQUEST) / 1000);
        let hit = cache.request(key, now);
        hits += usize::from(hit && number as usize >= warm);
    }
    100.0 * hits as f64 / (trace.len() - warm) as f64
}

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse().ok());
    let keys = numbers.next().unwrap_or(100_000);
    let requests = numbers.next().unwrap_or(500_000) as usize;
    let names: Vec<&str> = POLICIES.iter().map(|policy| policy.name).collect();
    println!("| trace | cache | {} |", names.join(" | "));
    println!("|---|---|{}", "---|".repeat(names.len()));
    for (name, trace) in traces(keys, requests) {
        for share in SHARES {
            let capacity = (keys as f64 * share) as usize;
            let ratios = POLICIES.iter().map(|policy| hit_ratio(policy, capacity, &trace));
            let cells: Vec<String> = ratios.map(|ratio| format!("{ratio:.1}")).collect();
            println!("| {name} | {:.0} % | {} |", share * 100.0, cells.join(" | "));
        }
    }
}
