use super::*;
use crate::engine::testing::{Local, show};
use crate::engine::unix_time;
use crate::state::memory::Resources;

const LIMIT: u64 = 1 << 20;
const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

fn local(policy: MaxmemoryPolicy) -> Local {
    let settings = Settings { maxmemory: LIMIT, maxmemory_policy: policy, ..Settings::default() };
    Local::with_settings(settings)
}

/// Sets keys of a kilobyte until twice the limit was written; the refusals.
fn overfill(local: &mut Local, extra: &[&str]) -> usize {
    let value = "v".repeat(1000);
    let mut refused = 0;
    for n in 0..2 * LIMIT / 1000 {
        let name = format!("k{n}");
        let command = [&["SET", &name, &value], extra].concat();
        let reply = show(&local.run(&command));
        assert!(reply == "+OK" || reply == OOM, "{reply}");
        refused += usize::from(reply == OOM);
        assert!(local.server.keyspace.meter().used() <= LIMIT + 2048);
    }
    refused
}

fn evicted(local: &Local) -> u64 {
    local.server.stats.evicted_keys.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn more_tenacity_is_more_time() {
    let times: Vec<Duration> = (0..=100).map(turn_time).collect();
    assert_eq!(times[0], Duration::ZERO);
    assert_eq!(times[10], Duration::from_micros(500));
    assert_eq!(times[20], Duration::from_millis(1));
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn every_policy_for_all_keys_keeps_to_the_limit() {
    use MaxmemoryPolicy::{AllkeysLfu, AllkeysLru, AllkeysRandom, AllkeysS3fifo};
    for policy in [AllkeysLru, AllkeysLfu, AllkeysRandom, AllkeysS3fifo] {
        let mut local = local(policy);
        assert_eq!(overfill(&mut local, &[]), 0);
        assert!(evicted(&local) > LIMIT / 2000);
        assert!(local.server.keyspace.meter().used() > LIMIT * 95 / 100, "no more than needed");
    }
}

#[test]
fn volatile_policies_refuse_when_nothing_volatile_is_left() {
    use MaxmemoryPolicy::{VolatileLfu, VolatileLru, VolatileRandom, VolatileTtl};
    for policy in [VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl] {
        let mut local = local(policy);
        assert_eq!(overfill(&mut local, &["EX", "1000"]), 0);
        assert!(overfill(&mut local, &[]) > 0);
        assert_eq!(local.server.keyspace.counts(0).1, 0);
        assert_eq!(show(&local.run(&["SET", "k", "v"])), OOM);
        assert_eq!(show(&local.run(&["GET", "nosuch"])), "nil");
    }
}

#[test]
fn without_eviction_writes_are_refused_until_there_is_room() {
    let mut local = local(MaxmemoryPolicy::NoEviction);
    assert!(overfill(&mut local, &[]) > 0);
    assert_eq!(evicted(&local), 0);
    // One batch: what a deletion frees is there for the next write.
    let replies = local.feed(b"SET a 1\r\nDEL k0 k1 k2\r\nSET a 1\r\n");
    let replies: Vec<String> = replies.iter().map(show).collect();
    assert_eq!(replies, [OOM, ":3", "+OK"]);
}

/// A reading counts what is about to be thrown away, if it is made at that moment.
#[test]
fn nobody_is_refused_because_of_a_reading_that_is_no_longer_true() {
    for policy in [MaxmemoryPolicy::AllkeysRandom, MaxmemoryPolicy::NoEviction] {
        let mut local = local(policy);
        local.server.memory.ask(|| 1000);
        let wrong = |_: &Resources| Resources { allocated: 2 * LIMIT, ..Resources::default() };
        let Server { memory, keyspace, garbage, log, .. } = &*local.server;
        let now = Millis(unix_time().as_millis() as u64);
        memory.update(now, keyspace, (garbage, log), wrong);
        // A long time for a reading: it would be another hundred seconds before the next one.
        memory.note_cost(Duration::from_secs(1));
        local.pass(Millis::from_secs(50));
        local.check("SET k v => +OK");
    }
}

#[test]
fn what_object_says_of_a_key_follows_the_policy() {
    use MaxmemoryPolicy::{AllkeysLfu, AllkeysLru, AllkeysS3fifo};
    for policy in [AllkeysLru, AllkeysLfu, AllkeysS3fifo] {
        let mut local = local(policy);
        local.check("SET k v => +OK\n GET k => \"v\"");
        let (frequency, idle) =
            (local.run(&["OBJECT", "FREQ", "k"]), local.run(&["OBJECT", "IDLETIME", "k"]));
        let (frequency, idle) = (show(&frequency), show(&idle));
        match policy {
            AllkeysLru => assert!(idle == ":0" && frequency.starts_with("-ERR An LFU"), "{idle}"),
            AllkeysLfu => assert!(frequency == ":6" && idle.starts_with("-ERR An LFU"), "{idle}"),
            _ => assert!(frequency == ":1" && idle.starts_with("-ERR An S3-FIFO"), "{idle}"),
        }
    }
}

#[test]
fn a_policy_can_be_changed_with_keys_present() {
    use MaxmemoryPolicy::{AllkeysLfu, AllkeysLru, AllkeysS3fifo};
    let mut local = local(AllkeysLru);
    for policy in [AllkeysS3fifo, AllkeysLfu, AllkeysS3fifo, AllkeysLru] {
        assert_eq!(overfill(&mut local, &[]), 0);
        let before = Settings::clone(&local.server.settings());
        let after = Settings { maxmemory_policy: policy, ..before };
        local.server.put_in_force(std::sync::Arc::new(after));
    }
    assert_eq!(overfill(&mut local, &[]), 0);
}

#[test]
fn a_pipeline_of_large_values_stays_within_the_limit() {
    for policy in [MaxmemoryPolicy::AllkeysLru, MaxmemoryPolicy::NoEviction] {
        let mut local = local(policy);
        let mut pipeline = String::new();
        for n in 0..40 {
            pipeline += &format!("SET k{n} {}\r\n", "v".repeat(60_000));
        }
        assert_eq!(local.feed(pipeline.as_bytes()).len(), 40);
        assert!(local.server.keyspace.meter().used() <= LIMIT + 70_000, "one value at most");
    }
}

#[test]
fn the_janitor_goes_on_when_the_limit_was_lowered() {
    let mut local = local(MaxmemoryPolicy::AllkeysRandom);
    overfill(&mut local, &[]);
    let settings = Settings { maxmemory: LIMIT / 8, ..Settings::clone(&local.server.settings()) };
    let (mut bailiff, mut rng, clock) = (Bailiff::default(), Rng::from_seed(1), Clock::new());
    while bailiff.help(Turn {
        server: &local.server,
        settings: &settings,
        lane: 0,
        clock: &clock,
        rng: &mut rng,
    }) {}
    let used = local.server.keyspace.meter().used();
    assert!(used <= LIMIT / 8 && used > LIMIT / 10, "{used}");
}

/// What goes meanwhile is in no log: replicas, and the file that is being read, would keep it.
#[test]
fn nothing_is_evicted_while_the_dataset_is_loaded() {
    let mut local = local(MaxmemoryPolicy::AllkeysRandom);
    overfill(&mut local, &[]);
    let before = evicted(&local);
    let settings = Settings { maxmemory: LIMIT / 8, ..Settings::clone(&local.server.settings()) };
    let (mut bailiff, mut rng, clock) = (Bailiff::default(), Rng::from_seed(1), Clock::new());
    let mut help = |local: &Local| {
        let (server, settings) = (&*local.server, &settings);
        bailiff.help(Turn { server, settings, lane: 0, clock: &clock, rng: &mut rng })
    };
    local.server.conditions.set(Condition::LOADING, true);
    help(&local);
    assert_eq!(evicted(&local), before);
    local.server.conditions.set(Condition::LOADING, false);
    help(&local);
    assert!(evicted(&local) > before);
}
