use std::collections::BTreeSet;

use super::*;
use crate::base::{KeyHasher, Millis};
use crate::keyspace::{Criteria, Evictor, Held, Key, Lifetime, NewStr, Order, Recording};

const NOW: Millis = Millis(1_700_000_000_000);

fn keyspace(on: bool) -> Keyspace {
    let keyspace = Keyspace::new(2, KeyHasher::seeded(&mut Rng::from_seed(7)), 1);
    keyspace.set_recording(Recording::Uses);
    keyspace.set_queues(on);
    keyspace
}

fn with<R>(keyspace: &Keyspace, name: &str, work: impl FnOnce(&mut Held<'_>, &Key<'_>) -> R) -> R {
    let name = name.as_bytes();
    let mut keys = [Key::new(name, keyspace.hash(name), Slot::of(name))];
    let mut held = Held::lock(keyspace, 0, &mut keys, NOW);
    work(&mut held, &keys[0])
}

fn set(keyspace: &Keyspace, name: &str) {
    with(keyspace, name, |held, key| {
        held.set_string(key, NewStr::Bytes(b"v"), Lifetime::Forever);
    });
}

fn get(keyspace: &Keyspace, name: &str) -> bool {
    with(keyspace, name, |held, key| held.read(key).is_some())
}

/// Evicts so many, or all; the names in order.
fn evict(keyspace: &Keyspace, most: usize, seed: u64) -> Vec<String> {
    let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(seed));
    let criteria = Criteria { order: Order::Queued, volatile_only: false, samples: 5 };
    let mut names = Vec::new();
    let mut left = most;
    while left > 0 {
        let evicted = |_, key: &[u8]| names.push(String::from_utf8(key.to_vec()).unwrap());
        match evictor.evict(keyspace, criteria, NOW, &mut rng, evicted) {
            Eviction::Done(_) => left -= 1,
            Eviction::NotFound => {}
            Eviction::NothingLeft => break,
        }
    }
    names
}

fn names(range: std::ops::Range<usize>) -> BTreeSet<String> {
    range.map(|n| format!("k{n}")).collect()
}

#[test]
fn what_was_used_outlives_a_scan() {
    let keyspace = keyspace(true);
    names(0..500).iter().for_each(|name| set(&keyspace, name));
    for _ in 0..2 {
        assert!(names(0..500).iter().all(|name| get(&keyspace, name)));
    }
    for n in 500..5000_u64 {
        set(&keyspace, &format!("k{n}"));
        if n >= 1000 && n % 20 == 0 {
            evict(&keyspace, 20, n);
        }
    }
    let kept = names(0..500).iter().filter(|name| get(&keyspace, name)).count();
    assert!(kept > 450, "chance would leave 60: {kept}");
}

#[test]
fn keys_that_were_there_before_are_taken_in() {
    let keyspace = keyspace(false);
    names(0..3000).iter().for_each(|name| set(&keyspace, name));
    keyspace.set_queues(true);
    names(3000..4000).iter().for_each(|name| set(&keyspace, name));
    let evicted = evict(&keyspace, usize::MAX, 1);
    assert_eq!(evicted.len(), 4000);
    assert_eq!(evicted.into_iter().collect::<BTreeSet<_>>(), names(0..4000));
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn switching_back_and_forth_loses_nothing() {
    let keyspace = keyspace(true);
    for round in 0..4 {
        names(round * 500..(round + 1) * 500).iter().for_each(|name| set(&keyspace, name));
        keyspace.set_queues(false);
        keyspace.set_recording(Recording::LastUse);
        assert!(names(0..500).iter().all(|name| get(&keyspace, name)));
        keyspace.set_recording(Recording::Uses);
        keyspace.set_queues(true);
        if round % 2 == 0 {
            while keyspace.tend_queues(100) {}
        }
    }
    assert_eq!(evict(&keyspace, usize::MAX, 1).len(), 2000);
}

#[test]
fn keys_that_go_and_come_leave_no_more_than_a_bounded_trace() {
    let keyspace = keyspace(true);
    for _ in 0..3 * STALE_MAX {
        set(&keyspace, "k1");
        with(&keyspace, "k1", |held, key| assert!(held.remove(key)));
    }
    set(&keyspace, "k1");
    set(&keyspace, "k2");
    while keyspace.tend_queues(1) {}
    assert_eq!(keyspace.queues().as_ref().expect("they are on").len(), 2);
    assert_eq!(evict(&keyspace, usize::MAX, 1).len(), 2);
}

#[test]
fn emptied_and_exchanged_databases_start_afresh() {
    let keyspace = keyspace(true);
    names(0..100).iter().for_each(|name| set(&keyspace, name));
    let mut held = Held::whole(&keyspace, 0, &mut [], NOW);
    held.swap(0, 1);
    drop(held);
    names(100..150).iter().for_each(|name| set(&keyspace, name));
    assert_eq!(evict(&keyspace, usize::MAX, 1).len(), 150);
    names(0..100).iter().for_each(|name| set(&keyspace, name));
    let mut held = Held::whole(&keyspace, 0, &mut [], NOW);
    assert_eq!(held.flush(0), 100);
    drop(held);
    assert_eq!(keyspace.queues().as_ref().expect("they are on").len(), 0);
    assert!(evict(&keyspace, usize::MAX, 1).is_empty());
}
