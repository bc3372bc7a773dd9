use std::collections::BTreeMap;

use super::*;
use crate::base::{KeyHasher, Slot};
use crate::keyspace::{Held, Key, Lifetime, NewStr, Recording};

const START: Millis = Millis(1_700_000_000_000);

fn keyspace(databases: usize) -> Keyspace {
    Keyspace::new(databases, KeyHasher::seeded(&mut Rng::from_seed(7)), 1)
}

fn at(seconds: u64) -> Millis {
    Millis(START.0 + seconds * 1000)
}

fn set(keyspace: &Keyspace, db: u8, name: &str, lifetime: Lifetime, now: Millis) {
    with(keyspace, db, name, now, |held, key| {
        held.set_string(key, NewStr::Bytes(b"value"), lifetime);
    });
}

fn with(
    keyspace: &Keyspace,
    db: u8,
    name: &str,
    now: Millis,
    work: impl FnOnce(&mut Held<'_>, &Key<'_>),
) {
    let name = name.as_bytes();
    let mut keys = [Key::new(name, keyspace.hash(name), Slot::of(name))];
    let mut held = Held::lock(keyspace, db, &mut keys, now);
    work(&mut held, &keys[0]);
}

fn criteria(order: Order, volatile_only: bool) -> Criteria {
    Criteria { order, volatile_only, samples: 5 }
}

/// Evicts until nothing is left; the names in order.
fn evict_all(keyspace: &Keyspace, criteria: Criteria, now: Millis) -> Vec<(u8, String)> {
    let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(3));
    let mut names = Vec::new();
    let mut misses = 0;
    loop {
        let evicted = |place: Place, key: &[u8]| {
            names.push((place.db, String::from_utf8(key.to_vec()).unwrap()));
        };
        match evictor.evict(keyspace, criteria, now, &mut rng, evicted) {
            Eviction::Done(_) => {}
            Eviction::NotFound => misses += 1,
            Eviction::NothingLeft => break,
        }
        assert!(misses < 1000, "what is there is found");
    }
    Slot::all().for_each(|slot| {
        keyspace.slot(Place { db: 0, slot }).lock().check(keyspace.hasher());
    });
    names
}

/// The mean rank of the keys evicted first, among `keys` ranked from 0.
fn mean_rank(names: &[(u8, String)], first: usize) -> f64 {
    let ranks = names[..first].iter().map(|(_, name)| name[1..].parse::<f64>().unwrap());
    ranks.sum::<f64>() / first as f64
}

#[test]
fn the_least_recently_used_go_first() {
    let keyspace = keyspace(1);
    for n in 0..2000 {
        set(&keyspace, 0, &format!("k{n}"), Lifetime::Forever, at(n));
    }
    let names = evict_all(&keyspace, criteria(Order::LeastRecent, false), at(3000));
    assert_eq!(names.len(), 2000);
    let mean = mean_rank(&names, 200);
    assert!(mean < 250.0, "exact LRU would have 100, chance 1000: {mean}");
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn the_least_frequently_used_go_first() {
    let keyspace = keyspace(1);
    keyspace.set_recording(Recording::Frequency { log_factor: 0, decay_minutes: 0 });
    for n in 0..1000_u32 {
        set(&keyspace, 0, &format!("k{n}"), Lifetime::Forever, START);
        for _ in 0..n / 5 {
            with(&keyspace, 0, &format!("k{n}"), START, |held, key| {
                assert!(held.read(key).is_some());
            });
        }
    }
    let names = evict_all(&keyspace, criteria(Order::LeastFrequent, false), START);
    let mean = mean_rank(&names, 100);
    assert!(mean < 150.0, "exact LFU would have 50, chance 500: {mean}");
}

#[test]
fn those_that_expire_soonest_go_first_and_others_never() {
    let keyspace = keyspace(1);
    for n in 0..1000 {
        set(&keyspace, 0, &format!("k{n}"), Lifetime::Until(at(100 + n)), START);
        set(&keyspace, 0, &format!("forever{n}"), Lifetime::Forever, START);
    }
    let names = evict_all(&keyspace, criteria(Order::SoonestExpiry, true), START);
    assert_eq!(names.len(), 1000);
    assert!(mean_rank(&names, 100) < 150.0);
    assert_eq!(keyspace.counts(0), (1000, 0));
}

#[test]
fn one_volatile_key_among_many_is_found() {
    let keyspace = keyspace(1);
    for n in 0..5000 {
        set(&keyspace, 0, &format!("{{tag}}{n}"), Lifetime::Forever, START);
    }
    set(&keyspace, 0, "{tag}volatile", Lifetime::Until(at(9)), START);
    for order in [Order::Random, Order::LeastRecent] {
        let names = evict_all(&keyspace, criteria(order, true), START);
        let expected =
            if order == Order::Random { vec![(0, "{tag}volatile".into())] } else { vec![] };
        assert_eq!(names, expected);
    }
}

#[test]
fn chance_treats_keys_alike() {
    let mut first = BTreeMap::new();
    for seed in 0..400 {
        let keyspace = keyspace(1);
        (0..8).for_each(|n| set(&keyspace, 0, &format!("k{n}"), Lifetime::Forever, START));
        let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(seed));
        let evicted = |_, key: &[u8]| *first.entry(key.to_vec()).or_insert(0) += 1;
        let any = criteria(Order::Random, false);
        assert!(matches!(
            evictor.evict(&keyspace, any, START, &mut rng, evicted),
            Eviction::Done(None)
        ));
    }
    assert_eq!(first.len(), 8);
    assert!(first.values().all(|count| (25..80).contains(count)), "{first:?}");
}

#[test]
fn databases_take_turns() {
    let keyspace = keyspace(4);
    for n in 0..100 {
        set(&keyspace, 1, &format!("k{n}"), Lifetime::Forever, at(n));
        set(&keyspace, 3, &format!("k{n}"), Lifetime::Forever, at(n));
    }
    let by_db = |names: &[(u8, String)]| names.iter().filter(|(db, _)| *db == 1).count();
    let names = evict_all(&keyspace, criteria(Order::Random, false), at(200));
    assert_eq!((by_db(&names), by_db(&names[..20])), (100, 10));
    for n in 0..100 {
        set(&keyspace, 1, &format!("k{n}"), Lifetime::Forever, at(n));
        set(&keyspace, 3, &format!("k{n}"), Lifetime::Forever, at(1000 + n));
    }
    let names = evict_all(&keyspace, criteria(Order::LeastRecent, false), at(2000));
    assert!(by_db(&names[..100]) > 95, "one pool for all: the older database goes first");
}

#[test]
fn a_key_that_was_used_meanwhile_stays() {
    let keyspace = keyspace(1);
    (0..10).for_each(|n| set(&keyspace, 0, &format!("k{n}"), Lifetime::Forever, at(n)));
    let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(1));
    let oldest = criteria(Order::LeastRecent, false);
    let oldest = Criteria { samples: 64, ..oldest };
    assert!(matches!(
        evictor.evict(&keyspace, oldest, at(100), &mut rng, |_, key| assert_eq!(key, b"k0")),
        Eviction::Done(None)
    ));
    with(&keyspace, 0, "k1", at(100), |held, key| assert!(held.read(key).is_some()));
    with(&keyspace, 0, "k2", at(100), |held, key| assert!(held.remove(key)));
    assert!(matches!(
        evictor.evict(&keyspace, oldest, at(101), &mut rng, |_, key| assert_eq!(key, b"k3")),
        Eviction::Done(None)
    ));
}

#[test]
fn the_meter_follows_what_is_stored() {
    let keyspace = keyspace(2);
    keyspace.meter().set_on(true);
    let measured = || -> u64 {
        let places = (0..2).flat_map(|db| Slot::all().map(move |slot| Place { db, slot }));
        places.map(|place| keyspace.slot(place).lock().bytes()).sum()
    };
    for n in 0..3000 {
        set(&keyspace, (n % 2) as u8, &format!("k{}", n / 2), Lifetime::Forever, START);
    }
    assert_eq!(keyspace.meter().used(), measured());
    let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(1));
    for _ in 0..1000 {
        evictor.evict(&keyspace, criteria(Order::Random, false), START, &mut rng, |_, _| {});
    }
    assert_eq!(keyspace.meter().used(), measured());
    evict_all(&keyspace, criteria(Order::Random, false), START);
    assert_eq!(keyspace.meter().used(), 0);
}

#[test]
fn keys_that_share_a_hash_tag_are_evicted_as_well() {
    let keyspace = keyspace(1);
    for n in 0..40_000 {
        set(&keyspace, 0, &format!("{{tag}}{n}"), Lifetime::Forever, START);
    }
    (0..4000).for_each(|n| set(&keyspace, 0, &format!("k{n}"), Lifetime::Forever, START));
    let (mut evictor, mut rng) = (Evictor::default(), Rng::from_seed(1));
    let mut others = 0;
    for _ in 0..22_000 {
        let evicted = |_, key: &[u8]| others += usize::from(key[0] == b'k');
        let any = criteria(Order::Random, false);
        assert!(matches!(
            evictor.evict(&keyspace, any, START, &mut rng, evicted),
            Eviction::Done(None)
        ));
    }
    assert!((1500..3200).contains(&others), "half of the others would be fair: {others}");
}
