//! Fields that expire, against the dumbest model that is right.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};

fn limits() -> Limits {
    let mut limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    limits.hash.entries = 8;
    limits
}

#[test]
fn a_hash_is_no_larger_for_what_it_could_have() {
    assert_eq!(size_of::<Big>(), size_of::<Table>());
    assert_eq!(size_of::<Hash>(), size_of::<usize>());
}

#[test]
fn a_hash_is_wrapped_only_while_a_field_expires() {
    let (limits, at) = (limits(), Millis(5));
    let mut hash = Hash::default();
    hash.insert(b"a", b"1", &limits);
    assert!(!hash.set_expiry(b"b", Some(at)) && hash.set_expiry(b"a", None));
    assert_eq!((hash.expiry(b"a"), hash.expiry(b"b")), (Some(None), None));
    assert_eq!((hash.encoding(), hash.next_expiry()), ("listpack", Millis::MAX));
    assert!(hash.set_expiry(b"a", Some(at)));
    assert_eq!((hash.encoding(), hash.next_expiry()), ("listpackex", at));
    assert!(hash.as_listpack().is_none(), "a dump of the pack alone would lose the times");
    assert!(!hash.update(b"a", b"2", &limits));
    assert_eq!(hash.expiry(b"a"), Some(Some(at)));
    assert!(!hash.insert(b"a", b"3", &limits));
    assert_eq!((hash.expiry(b"a"), hash.encoding()), (Some(None), "listpack"));
    hash.set_expiry(b"a", Some(at));
    hash.expire(at, 9, &mut |_| panic!("nothing is due"));
    let mut gone = Vec::new();
    hash.expire(Millis(6), 9, &mut |field| gone.push(field.to_vec()));
    assert_eq!((gone, hash.len(), hash.encoding()), (vec![b"a".to_vec()], 0, "listpack"));
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u8, u8),
    Update(u8, u8),
    Remove(u8),
    SetExpiry(u8, Option<u64>),
    Expire(u64, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let field = || 0..24_u8;
    prop_oneof![
        4 => (field(), any::<u8>()).prop_map(|(field, value)| Op::Insert(field, value)),
        2 => (field(), any::<u8>()).prop_map(|(field, value)| Op::Update(field, value)),
        2 => field().prop_map(Op::Remove),
        6 => (field(), prop::option::weighted(0.8, 0..50_u64))
            .prop_map(|(field, at)| Op::SetExpiry(field, at)),
        1 => (0..50_u64, 0..6_usize).prop_map(|(now, max)| Op::Expire(now, max)),
    ]
}

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

/// Removes what is due from the model; the hash may leave only what is due no earlier.
fn expire(hash: &mut Hash, model: &mut Model, now: u64, max: usize) {
    let due = |model: &Model| {
        let times = model.values().filter_map(|(_, at)| *at);
        times.filter(|&at| at < now).count()
    };
    let expected = due(model).min(max);
    let mut gone = 0;
    hash.expire(Millis(now), max, &mut |field| {
        let (_, at) = model.remove(field).expect("what goes was there");
        let earliest = model.values().filter_map(|(_, at)| *at).min();
        assert!(at.is_some_and(|at| at < now && earliest.is_none_or(|next| at <= next)));
        gone += 1;
    });
    assert_eq!(gone, expected);
}

proptest! {
    #[test]
    fn fields_expire_as_in_a_map_of_times(ops in vec(op(), 0..200)) {
        let limits = limits();
        let (mut hash, mut model) = (Hash::default(), Model::new());
        let name = |field: u8| format!("field{field}").into_bytes();
        for op in ops {
            match op {
                Op::Insert(field, value) => {
                    let (field, value) = (name(field), vec![value; 3]);
                    let new = hash.insert(&field, &value, &limits);
                    prop_assert_eq!(new, model.insert(field, (value, None)).is_none());
                }
                Op::Update(field, value) => {
                    let (field, value) = (name(field), vec![value; 3]);
                    let at = model.get(&field).and_then(|(_, at)| *at);
                    let new = hash.update(&field, &value, &limits);
                    prop_assert_eq!(new, model.insert(field, (value, at)).is_none());
                }
                Op::Remove(field) => {
                    let field = name(field);
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
                Op::SetExpiry(field, at) => {
                    let field = name(field);
                    let there = hash.set_expiry(&field, at.map(Millis));
                    prop_assert_eq!(there, model.contains_key(&field));
                    model.entry(field).and_modify(|(_, old)| *old = at);
                }
                Op::Expire(now, max) => expire(&mut hash, &mut model, now, max),
            }
            hash.check();
            prop_assert_eq!(hash.len(), model.len());
            let first = model.values().filter_map(|(_, at)| *at).min();
            prop_assert_eq!(hash.next_expiry(), first.map_or(Millis::MAX, Millis));
        }
        for (field, (value, at)) in &model {
            let found = hash.get(field).map(|found| found.to_vec());
            prop_assert_eq!(found.as_ref(), Some(value));
            prop_assert_eq!(hash.expiry(field), Some(at.map(Millis)));
        }
        let listed = hash.clone();
        let listed = listed.iter().map(|(field, value)| (field.to_vec(), value.to_vec()));
        let listed: BTreeMap<_, _> = listed.collect();
        let expected = model.into_iter().map(|(field, (value, _))| (field, value));
        let expected: BTreeMap<_, _> = expected.collect();
        prop_assert_eq!(listed, expected);
    }
}
