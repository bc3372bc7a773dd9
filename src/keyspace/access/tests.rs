use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng, Slot};
use crate::keyspace::sweep::Removed;
use crate::keyspace::{Keyspace, NewStr, Sweeper};
use crate::types::Limits;
use crate::types::hash::Hash;

const NOW: Millis = Millis(1_000_000);

fn keyspace() -> Keyspace {
    Keyspace::new(2, KeyHasher::seeded(&mut Rng::from_seed(1)), 4)
}

fn limits() -> Limits {
    Limits::new(KeyHasher::seeded(&mut Rng::from_seed(2)))
}

fn keys<'a>(keyspace: &Keyspace, names: &[&'a [u8]]) -> Vec<Key<'a>> {
    let key = |name: &&'a [u8]| Key::new(name, keyspace.hash(name), Slot::of(name));
    names.iter().map(key).collect()
}

fn with_key<R>(
    keyspace: &Keyspace,
    now: Millis,
    work: impl FnOnce(&mut Held<'_>, &Key<'_>) -> R,
) -> R {
    let mut keys = keys(keyspace, &[b"key"]);
    let mut held = Held::lock(keyspace, 0, &mut keys, now);
    let result = work(&mut held, &keys[0]);
    held.slot(&keys[0]).check(keyspace.hasher());
    result
}

fn text(held: &mut Held<'_>, key: &Key<'_>) -> Option<Vec<u8>> {
    held.string(key).expect("a string").map(|text| text.to_cow().into_owned())
}

fn fill(keyspace: &Keyspace, count: u32, lifetime: impl Fn(u32) -> Lifetime) {
    for number in 0..count {
        let name = number.to_string();
        let mut keys = keys(keyspace, &[name.as_bytes()]);
        let mut held = Held::lock(keyspace, 0, &mut keys, NOW);
        held.set_string(&keys[0], NewStr::Bytes(b"v"), lifetime(number));
    }
}

#[test]
fn a_string_is_set_read_and_removed() {
    let keyspace = keyspace();
    with_key(&keyspace, NOW, |held, key| {
        assert!(held.set_string(key, NewStr::Bytes(b"value"), Lifetime::Forever));
        assert!(!held.set_string(key, NewStr::Bytes(b"12"), Lifetime::Forever));
        assert_eq!(held.read(key).map(EntryRef::encoding), Some("int"));
        assert_eq!(held.append(key, b"3"), Ok(3));
        assert_eq!(text(held, key), Some(b"123".to_vec()));
        assert_eq!(held.read(key).map(EntryRef::encoding), Some("raw"));
        assert_eq!(held.set_range(key, 5, b"x"), Ok(6));
        assert_eq!(text(held, key), Some(b"123\0\0x".to_vec()));
    });
    assert_eq!(keyspace.counts(0), (1, 0));
    with_key(&keyspace, NOW, |held, key| {
        assert!(held.remove(key));
        assert!(!held.remove(key));
        assert_eq!(text(held, key), None);
        assert_eq!((held.counters.hits, held.counters.misses), (0, 1));
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn an_expired_key_is_deleted_by_a_primary_and_hidden_by_a_replica() {
    let keyspace = keyspace();
    with_key(&keyspace, NOW, |held, key| {
        held.set_string(key, NewStr::Bytes(b"v"), Lifetime::Until(NOW + Millis(10)));
        assert_eq!(held.expiry(key), Some(Some(NOW + Millis(10))));
    });
    assert_eq!(keyspace.counts(0), (1, 1));
    with_key(&keyspace, NOW + Millis(10), |held, key| {
        assert!(held.read(key).is_some(), "it lives through its last millisecond");
    });
    let later = NOW + Millis(11);
    keyspace.set_expiry(Expiry::Hide);
    with_key(&keyspace, later, |held, key| assert!(held.read(key).is_none()));
    assert_eq!(keyspace.counts(0), (1, 1));
    keyspace.set_expiry(Expiry::Show);
    with_key(&keyspace, later, |held, key| assert!(held.read(key).is_some()));
    keyspace.set_expiry(Expiry::Delete);
    with_key(&keyspace, later, |held, key| {
        assert!(held.peek(key).is_none());
        assert!(held.read(key).is_none());
        assert_eq!(held.counters.expired, 1);
        assert_eq!(&*held.incidents[0].key, b"key");
        assert_eq!(held.incidents[0].kind, IncidentKind::Expired);
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn a_destination_is_cleared_even_if_its_time_is_over() {
    let keyspace = keyspace();
    let past = Lifetime::Until(NOW - Millis(1));
    with_key(&keyspace, NOW, |held, key| held.set_string(key, NewStr::Bytes(b"old"), past));
    with_key(&keyspace, NOW, |held, key| {
        assert!(held.clear(key) && !held.clear(key));
        assert!(held.incidents.is_empty() && held.counters.expired == 0);
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn a_replica_writes_over_a_key_it_hides() {
    let keyspace = keyspace();
    keyspace.set_expiry(Expiry::Hide);
    let past = Lifetime::Until(NOW - Millis(1));
    with_key(&keyspace, NOW, |held, key| held.set_string(key, NewStr::Bytes(b"old"), past));
    with_key(&keyspace, NOW, |held, key| {
        held.get_or_create::<Hash>(key).expect("hidden").insert(b"f", b"v", &limits());
        assert_eq!(held.kind(key), Some(Kind::Hash));
    });
    assert_eq!(keyspace.counts(0), (1, 0));
}

#[test]
fn collections_are_typed_and_their_bytes_settled() {
    let (keyspace, limits) = (keyspace(), limits());
    with_key(&keyspace, NOW, |held, key| {
        assert!(matches!(held.get_mut::<Hash>(key), Ok(None)));
        for field in 0..1000u32 {
            let mut hash = held.get_or_create::<Hash>(key).expect("a hash");
            hash.insert(&field.to_be_bytes(), &[7; 20], &limits);
            drop(hash);
            held.slot(key).check(held.keyspace().hasher());
        }
        assert_eq!(held.get::<Hash>(key).map(|hash| hash.map(Hash::len)), Ok(Some(1000)));
        assert_eq!(held.string(key).err(), Some(WrongType));
        assert_eq!(held.append(key, b"x"), Err(WrongType));
        assert!(held.set_expiry(key, Some(NOW + Millis(5))));
        assert!(!held.remove_if_empty(key));
        assert!(!held.set_string(key, NewStr::Bytes(b"now a string"), Lifetime::Keep));
        assert_eq!(held.expiry(key), Some(Some(NOW + Millis(5))));
        assert_eq!(held.garbage.len(), 1, "a thousand elements are freed elsewhere");
        held.put_collection(key, Hash::default());
        assert_eq!(held.expiry(key), None);
        drop(held.get_or_create::<Hash>(key).expect("a new one"));
        assert!(held.remove_if_empty(key));
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn the_whole_keyspace_is_reached_through_the_exclusive_gate() {
    let keyspace = keyspace();
    let pass = keyspace.gate().exclusive();
    let mut held = Held::whole(&keyspace, 0, &mut [], NOW);
    for number in 0..300u32 {
        let name = number.to_string();
        let key = held.key(name.as_bytes());
        held.set_string(&key, NewStr::Int(i64::from(number)), Lifetime::Forever);
    }
    let (from, to) = (held.key(b"7"), held.key_in(1, b"7"));
    let entry = held.copy_entry(&from, &to).expect("it is there");
    held.put(&to, entry);
    let moved = held.take(&from).expect("it is there");
    let renamed = held.key(b"renamed");
    held.put(&renamed, moved);
    assert_eq!(text(&mut held, &renamed), Some(b"7".to_vec()));
    let mut names = 0;
    held.each_key(|_| names += 1);
    assert_eq!(names, 300);
    held.swap(0, 1);
    names = 0;
    held.each_key(|_| names += 1);
    assert_eq!(names, 1);
    assert_eq!(held.flush(1), 300);
    assert!(held.garbage.len() > 250);
    held.release();
    assert_eq!((keyspace.counts(0), keyspace.counts(1)), ((1, 0), (0, 0)));
    drop(pass);
}

#[test]
fn a_scan_of_all_slots_finds_every_key_and_random_keys_are_spread() {
    let keyspace = keyspace();
    let dead = |number| number % 4 == 0;
    fill(&keyspace, 4000, |number| match number {
        _ if dead(number) => Lifetime::Until(NOW + Millis(1)),
        _ => Lifetime::Forever,
    });
    keyspace.set_expiry(Expiry::Hide);
    let held = Held::lock(&keyspace, 0, &mut [], NOW + Millis(2));
    let (mut seen, mut cursor, mut calls) = (BTreeSet::new(), 0, 0);
    loop {
        let mut page = 0;
        cursor = held.scan(cursor, 10, |entry| {
            page += 1;
            let number: u32 =
                std::str::from_utf8(entry.key()).expect("digits").parse().expect("u32");
            assert!(seen.insert(number), "nothing moves, so nothing comes twice");
        });
        assert!(page < 40, "COUNT bounds a page");
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!(seen.into_iter().eq((0..4000u32).filter(|&number| !dead(number))));
    assert!(calls > 200);
    let mut rng = Rng::from_seed(4);
    let drawn: BTreeSet<_> = (0..300).filter_map(|_| held.random_key(&mut rng)).collect();
    assert!(drawn.len() > 250, "{}", drawn.len());
}

#[test]
fn a_lone_key_is_scanned_and_drawn() {
    let keyspace = keyspace();
    with_key(&keyspace, NOW, |held, key| held.set_string(key, NewStr::Int(1), Lifetime::Forever));
    let held = Held::lock(&keyspace, 0, &mut [], NOW);
    assert_eq!(held.random_key(&mut Rng::from_seed(4)), Some(b"key".to_vec()));
    let (mut cursor, mut seen) = (0, 0);
    loop {
        cursor = held.scan(cursor, 10, |_| seen += 1);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, 1);
    let mut named = Vec::new();
    held.scan_slot(Slot::of(b"key"), 10, |entry| named.push(entry.key().to_vec()));
    assert_eq!(named, [b"key".to_vec()]);
    held.scan(u64::MAX, 10, |_| ());
}

#[test]
fn a_sweep_deletes_what_has_expired_and_then_has_nothing_to_do() {
    let keyspace = keyspace();
    fill(&keyspace, 3000, |number| match number % 3 {
        0 => Lifetime::Forever,
        1 => Lifetime::Until(NOW + Millis(5)),
        _ => Lifetime::Until(NOW + Millis(5000)),
    });
    assert_eq!(keyspace.counts(0), (3000, 2000));
    let (mut sweeper, mut garbage, mut names) = (Sweeper::default(), Vec::new(), BTreeSet::new());
    let mut removed = 0;
    loop {
        let swept = sweeper.run(&keyspace, NOW + Millis(6), 100, &mut garbage, |place, removed| {
            let Removed::Key(key) = removed else { panic!("nothing has elements that expire") };
            assert_eq!(place.slot, Slot::of(key));
            assert!(names.insert(key.to_vec()));
        });
        removed += swept.removed;
        assert!(swept.visited <= 101, "{swept:?}");
        if swept.round_ended {
            break;
        }
    }
    assert_eq!((removed, names.len()), (1000, 1000));
    assert_eq!(keyspace.counts(0), (2000, 1000));
    for slot in Slot::all() {
        let store = keyspace.slot(Place { db: 0, slot }).lock();
        store.check(keyspace.hasher());
        let bound = store.next_expiry();
        assert!(bound == Millis::MAX || bound == NOW + Millis(5000), "the bound is exact");
    }
    let swept = sweeper.run(&keyspace, NOW + Millis(7), 100_000, &mut garbage, |_, _| ());
    assert_eq!((swept.removed, swept.round_ended), (0, true));
    assert!(swept.visited <= Slot::COUNT + 2, "{swept:?}");
}

/// One command on one of a few keys.
#[derive(Clone, Debug)]
enum Op {
    Set(Vec<u8>, Option<u64>),
    Append(Vec<u8>),
    Expire(Option<u64>),
    Remove,
    Field(u8),
    RenameTo(usize),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let text = || prop::collection::vec(any::<u8>(), 0..200);
    let span = || prop::option::of(0..50u64);
    prop_oneof![
        (text(), span()).prop_map(|(text, span)| Op::Set(text, span)),
        text().prop_map(Op::Append),
        span().prop_map(Op::Expire),
        Just(Op::Remove),
        any::<u8>().prop_map(Op::Field),
        (0..NAMES.len()).prop_map(Op::RenameTo),
        (0..30u64).prop_map(Op::Wait),
    ]
}

/// All in one slot, so that a rename is one batch.
const NAMES: [&[u8]; 6] = [b"{a}0", b"{a}1", b"{a}2", b"{a}3", b"{a}4", b"{a}5"];

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(Vec<u8>),
    Fields(BTreeSet<u8>),
}

type Model = BTreeMap<usize, (Value, Option<Millis>)>;

fn apply(held: &mut Held<'_>, keys: &[Key<'_>], model: &mut Model, at: usize, op: Op) {
    let (key, now) = (&keys[at], held.now);
    match op {
        Op::Set(text, span) => {
            let until = span.map(|span| now + Millis(span + 1));
            let lifetime = until.map_or(Lifetime::Forever, Lifetime::Until);
            let new = held.set_string(key, NewStr::Bytes(&text), lifetime);
            assert_eq!(new, model.insert(at, (Value::Text(text), until)).is_none());
        }
        Op::Append(tail) => {
            let new = (Value::Text(Vec::new()), None);
            match &mut model.entry(at).or_insert(new).0 {
                Value::Text(text) => {
                    text.extend_from_slice(&tail);
                    assert_eq!(held.append(key, &tail), Ok(text.len()));
                }
                Value::Fields(_) => assert_eq!(held.append(key, &tail), Err(WrongType)),
            }
        }
        Op::Expire(span) => {
            let until = span.map(|span| now + Millis(span + 1));
            let found = model.get_mut(&at).map(|slot| slot.1 = until);
            assert_eq!(held.set_expiry(key, until), found.is_some());
        }
        Op::Remove => assert_eq!(held.remove(key), model.remove(&at).is_some()),
        Op::Field(field) => {
            let new = (Value::Fields(BTreeSet::new()), None);
            match (held.get_or_create::<Hash>(key), &mut model.entry(at).or_insert(new).0) {
                (Ok(mut hash), Value::Fields(fields)) => {
                    assert_eq!(hash.insert(&[field], b"v", &limits()), fields.insert(field));
                }
                (result, Value::Text(_)) => assert_eq!(result.err(), Some(WrongType)),
                (Err(_), Value::Fields(_)) => panic!("a hash was expected"),
            }
        }
        Op::RenameTo(to) => {
            let entry = held.take(key);
            let modelled = model.remove(&at);
            assert_eq!(entry.is_some(), modelled.is_some());
            if let (Some(entry), Some(modelled)) = (entry, modelled) {
                held.put(&keys[to], entry);
                model.insert(to, modelled);
            }
        }
        Op::Wait(_) => {}
    }
}

fn agree(held: &mut Held<'_>, keys: &[Key<'_>], model: &Model) {
    for (at, key) in keys.iter().enumerate() {
        let expected = model.get(&at);
        assert_eq!(held.expiry(key), expected.map(|(_, expiry)| *expiry));
        match expected.map(|(value, _)| value) {
            None => assert!(held.read(key).is_none()),
            Some(Value::Text(expected)) => assert_eq!(text(held, key).as_ref(), Some(expected)),
            Some(Value::Fields(fields)) => {
                let hash = held.view::<Hash>(key).expect("a hash").expect("present");
                assert_eq!(hash.len(), fields.len());
                assert!(fields.iter().all(|&field| hash.contains(&[field])));
            }
        }
    }
}

proptest! {
    #[test]
    fn held_agrees_with_a_sorted_map(
        history in prop::collection::vec((0..NAMES.len(), op()), 0..80)
    ) {
        let (keyspace, mut model, mut now) = (keyspace(), Model::new(), NOW);
        for (at, op) in history {
            if let Op::Wait(span) = op {
                now = now + Millis(span);
            }
            model.retain(|_, (_, expiry)| expiry.is_none_or(|at| at >= now));
            let mut keys = keys(&keyspace, &NAMES);
            let mut held = Held::lock(&keyspace, 0, &mut keys, now);
            apply(&mut held, &keys, &mut model, at, op);
            held.slot(&keys[0]).check(keyspace.hasher());
            agree(&mut held, &keys, &model);
            held.slot(&keys[0]).check(keyspace.hasher());
            drop(held);
            let expiring = model.values().filter(|(_, expiry)| expiry.is_some()).count();
            prop_assert_eq!(keyspace.counts(0), (model.len(), expiring));
        }
    }
}

/// Threads move units between counters whose slots they lock in clashing orders; a sum never
/// changes.
#[test]
fn batches_over_the_same_slots_neither_deadlock_nor_interleave() {
    let keyspace = keyspace();
    let names: Vec<Vec<u8>> = (0..12u32).map(|number| number.to_string().into_bytes()).collect();
    fill(&keyspace, 12, |_| Lifetime::Forever);
    let set = |held: &mut Held<'_>, key: &Key<'_>, value| {
        held.set_string(key, NewStr::Int(value), Lifetime::Forever);
    };
    let get = |held: &mut Held<'_>, key: &Key<'_>| {
        held.string(key).expect("a string").expect("present").as_i64().expect("a number")
    };
    for name in &names {
        let mut keys = keys(&keyspace, &[name]);
        set(&mut Held::lock(&keyspace, 0, &mut keys, NOW), &keys[0], 100);
    }
    let exclusive = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (keyspace, names, exclusive) = (&keyspace, &names, &exclusive);
            scope.spawn(move || {
                let mut rng = Rng::from_seed(thread as u64);
                for _ in 0..500 {
                    let alone = rng.chance(0.01);
                    let pass = keyspace.gate().enter(thread, alone);
                    let picked: Vec<&[u8]> = (0..6).map(|_| &names[rng.index(12)][..]).collect();
                    let mut keys = keys(keyspace, &picked);
                    let mut held = if alone {
                        exclusive.fetch_add(1, Ordering::Relaxed);
                        Held::whole(keyspace, 0, &mut keys, NOW)
                    } else {
                        Held::lock(keyspace, 0, &mut keys, NOW)
                    };
                    for pair in keys.chunks_exact(2) {
                        let (from, to) = (get(&mut held, &pair[0]), get(&mut held, &pair[1]));
                        if pair[0].bytes != pair[1].bytes {
                            set(&mut held, &pair[0], from - 1);
                            set(&mut held, &pair[1], to + 1);
                        }
                    }
                    held.release();
                    drop(pass);
                }
            });
        }
    });
    let mut all = keys(&keyspace, &names.iter().map(|name| &name[..]).collect::<Vec<_>>());
    let mut held = Held::lock(&keyspace, 0, &mut all, NOW);
    assert_eq!(all.iter().map(|key| get(&mut held, key)).sum::<i64>(), 1200);
    assert!(exclusive.into_inner() > 0);
}

/// Fields go without anybody asking for them, and the hash with the last.
#[test]
fn a_sweep_removes_expired_fields() {
    let (keyspace, limits) = (keyspace(), limits());
    for number in 0..50 {
        let name = number.to_string();
        let mut keys = keys(&keyspace, &[name.as_bytes()]);
        let mut held = Held::lock(&keyspace, 0, &mut keys, NOW);
        let mut hash = held.get_or_create::<Hash>(&keys[0]).expect("a hash");
        hash.insert(b"a", b"1", &limits);
        hash.insert(b"b", b"2", &limits);
        hash.set_expiry(b"a", Some(NOW + Millis(5)));
        hash.set_expiry(b"b", Some(NOW + Millis(5 + number % 2)));
        drop(hash);
        held.slot(&keys[0]).check(keyspace.hasher());
    }
    let (mut sweeper, mut garbage) = (Sweeper::default(), Vec::new());
    let mut round = |now: Millis| {
        let (mut fields, mut keys) = (0, 0);
        while !sweeper
            .run(&keyspace, now, 100, &mut garbage, |_, removed| match removed {
                Removed::Key(_) => panic!("no key expires"),
                Removed::Elements { elements, .. } => fields += elements.len(),
                Removed::Emptied(_) => keys += 1,
            })
            .round_ended
        {}
        (fields, keys)
    };
    assert_eq!(round(NOW + Millis(5)), (0, 0));
    assert_eq!(round(NOW + Millis(6)), (75, 25));
    assert_eq!(round(NOW + Millis(6)), (0, 0));
    assert_eq!(keyspace.counts(0).0, 25);
    assert_eq!(round(NOW + Millis(7)), (25, 25));
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn a_lookup_removes_expired_fields_on_a_primary_only() {
    let (keyspace, limits) = (keyspace(), limits());
    with_key(&keyspace, NOW, |held, key| {
        let mut hash = held.get_or_create::<Hash>(key).expect("a hash");
        hash.insert(b"a", b"1", &limits);
        hash.set_expiry(b"a", Some(NOW + Millis(5)));
    });
    let len = |held: &mut Held<'_>, key: &Key<'_>| {
        held.get::<Hash>(key).expect("a hash").map(Collection::len)
    };
    with_key(&keyspace, NOW + Millis(5), |held, key| assert_eq!(len(held, key), Some(1)));
    for expiry in [Expiry::Hide, Expiry::Show] {
        with_key(&keyspace, NOW + Millis(6), |held, key| {
            held.expiry = expiry;
            assert_eq!(len(held, key), Some(1), "its primary will say so");
        });
    }
    with_key(&keyspace, NOW + Millis(6), |held, key| {
        assert_eq!(len(held, key), None);
        let kinds: Vec<_> = held.incidents.drain(..).map(|incident| incident.kind).collect();
        let gone = IncidentKind::ElementsExpired(vec![b"a"[..].into()]);
        assert_eq!(kinds, [gone, IncidentKind::Emptied]);
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}
