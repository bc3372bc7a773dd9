//! Clusters of machines under a fake clock, network and disk: one seed decides everything, and
//! replays it.
//!
//! A run has two phases. Under faults, the safety checkers look at every frame that leaves a node.
//! Then the faults end, and the cluster has to agree again within a bounded time.
//! `REDPOLL_SIM_SEEDS=n` says how many seeds are run, `REDPOLL_SIM_SEED=x` the first, or the only
//! one, which replays it; a failure prints its seed.

mod checkers;
mod disk;
mod faults;
mod network;
mod stories;
mod succession;
mod world;

use faults::Faults;
use redpoll::base::Millis;
use world::{Shape, Tally, World};

/// Seeds run by default: enough to meet every kind of fault, few enough for seconds in a debug
/// build.
const DEFAULT_SEEDS: u64 = 10;

/// Runs `test` for the wanted seeds; a panic names the seed.
fn for_each_seed<T>(test: impl Fn(u64) -> T) -> Vec<T> {
    struct NameSeed(u64);
    impl Drop for NameSeed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed: replay with REDPOLL_SIM_SEED={}", self.0);
            }
        }
    }
    let run = |seed| {
        let _named_if_it_fails = NameSeed(seed);
        test(seed)
    };
    wanted_seeds().into_iter().map(run).collect()
}

fn wanted_seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>());
    let count = number("REDPOLL_SIM_SEEDS").map(|count| count.expect("a number"));
    if let Some(first) = number("REDPOLL_SIM_SEED") {
        let first = first.expect("REDPOLL_SIM_SEED is a number");
        return (first..first + count.unwrap_or(1)).collect();
    }
    let recorded = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    let recorded = recorded.filter_map(|line| line.split_ascii_whitespace().next());
    let recorded = recorded.map(|seed| seed.parse().expect("seeds.txt: a number"));
    recorded.chain(1..=count.unwrap_or(DEFAULT_SEEDS)).collect()
}

/// Faults of every kind, then peace: nobody may ever lie, and all must agree in the end.
fn survive(seed: u64, shape: Shape, moves_slots: bool) -> Tally {
    let mut world = World::new(seed, shape);
    world.create_cluster();
    world.faults = Faults::swarm(world.rng.next_u64());
    world.operator_moves_slots = moves_slots;
    world.run(Millis::from_secs(25));
    world.heal();
    world.run_until("all nodes agree", Millis::from_secs(90), World::has_converged);
    world.tally
}

#[test]
fn primaries_that_exchange_slots_agree_after_any_faults() {
    let met = for_each_seed(|seed| {
        let primaries = 3 + (seed % 5) as usize;
        survive(seed, Shape { primaries, replicas_each: 0 }, true)
    });
    let sum = |of: fn(&Tally) -> u64| met.iter().map(of).sum::<u64>();
    if met.len() as u64 >= DEFAULT_SEEDS {
        assert!(sum(|met| met.slots_moved) > 20, "{met:?}");
        assert!(sum(|met| met.crashes) > 10 && sum(|met| met.partitions) > 5, "{met:?}");
    }
}

#[test]
fn replicas_replace_their_primaries_and_never_two_at_once() {
    let met = for_each_seed(|seed| {
        let shape =
            Shape { primaries: 3 + (seed % 3) as usize, replicas_each: 1 + (seed % 2) as usize };
        survive(seed, shape, false)
    });
    let sum = |of: fn(&Tally) -> u64| met.iter().map(of).sum::<u64>();
    if met.len() as u64 >= DEFAULT_SEEDS {
        assert!(sum(|met| met.takeovers) > 5 && sum(|met| met.failures) > 20, "{met:?}");
    }
}

#[test]
fn a_large_cluster_survives_too() {
    survive(7, Shape { primaries: 20, replicas_each: 0 }, false);
}

#[test]
fn a_seed_decides_everything() {
    let trace = |seed| {
        let mut world = World::new(seed, Shape { primaries: 3, replicas_each: 1 });
        world.create_cluster();
        world.faults = Faults::swarm(seed);
        world.run(Millis::from_secs(5));
        world.fingerprint()
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
