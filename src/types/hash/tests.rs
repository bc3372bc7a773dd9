use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};
use crate::types::PackLimits;

fn limits(entries: usize, value_bytes: usize) -> Limits {
    let hasher = KeyHasher::seeded(&mut Rng::from_seed(1));
    Limits { hash: PackLimits { entries, value_bytes }, ..Limits::new(hasher) }
}

fn contents(hash: &Hash) -> Vec<(Vec<u8>, Vec<u8>)> {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

#[test]
fn a_small_hash_has_the_bytes_of_redis() {
    let limits = limits(512, 64);
    let mut hash = Hash::default();
    assert!(hash.insert(b"f1", b"v1", &limits));
    assert!(hash.insert(b"n", b"0", &limits));
    assert!(!hash.insert(b"n", b"123456", &limits));
    let bytes = b"\x17\0\0\0\x04\0\x82f1\x03\x82v1\x03\x81n\x02\xf2\x40\xe2\x01\x04\xff";
    assert_eq!(hash.as_listpack(), Some(&bytes[..]));
    assert!(matches!(hash.get(b"n"), Some(ValueRef::Int(123_456))));
    assert_eq!((hash.value_len(b"n"), hash.value_len(b"x"), hash.heap_bytes()), (6, 0, 32));
    let copy = Hash::from_listpack(bytes, &limits).expect("well formed");
    assert_eq!(contents(&copy), contents(&hash));
}

#[test]
fn the_reported_encoding_changes_where_it_does_in_redis() {
    let limits = limits(4, 8);
    let mut hash = Hash::default();
    for number in 0..4 {
        hash.insert(format!("{number}").as_bytes(), b"12345678", &limits);
    }
    assert_eq!(hash.encoding(), "listpack");
    hash.insert(b"0", b"123456789", &limits);
    assert_eq!((hash.encoding(), hash.as_listpack()), ("hashtable", None));
    hash.remove(b"0");
    hash.insert(b"4", b"", &limits);
    assert_eq!(hash.encoding(), "hashtable", "never back");

    let mut hash = Hash::default();
    for number in 0..100 {
        hash.insert(format!("{number}").as_bytes(), b"", &limits);
        assert_eq!(hash.encoding() == "listpack", number < 4, "{number}");
        hash.check();
    }
    assert!(matches!(hash.0.shape(), Shape::Big(_)));

    let mut hash = Hash::default();
    hash.insert(b"a field", &[b'v'; 5000], &limits);
    assert!(matches!(hash.0.shape(), Shape::Big(_)));
}

#[test]
fn a_malformed_dump_is_refused() {
    let limits = limits(4, 8);
    let bytes = |values: &[&[u8]]| {
        let mut pack = Pack::empty_listpack();
        values.iter().for_each(|value| listpack::push(&mut pack, &[ValueRef::of(value)]));
        pack.bytes().to_vec()
    };
    assert!(Hash::from_listpack(&bytes(&[b"f"]), &limits).is_err());
    assert!(Hash::from_listpack(&bytes(&[b"f", b"1", b"f", b"2"]), &limits).is_err());
    assert!(Hash::from_listpack(b"", &limits).is_err());
    let wide = Hash::from_listpack(&bytes(&[b"f", b"a value past the limit"]), &limits);
    assert_eq!(wide.map(|hash| hash.encoding()), Ok("hashtable"));
    let many: Vec<Vec<u8>> = (0..200_u8).map(|number| vec![b'f', number]).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let big = Hash::from_listpack(&bytes(&many), &limits).expect("well formed");
    big.check();
    assert_eq!((big.len(), big.encoding()), (100, "hashtable"));
}

#[test]
fn samples_are_distinct_and_reach_every_field() {
    let limits = limits(16, 64);
    for size in [10_usize, 50, 2000] {
        let (mut hash, mut rng) = (Hash::default(), Rng::from_seed(1));
        for number in 0..size {
            hash.insert(format!("f{number}").as_bytes(), b"v", &limits);
        }
        let mut met = BTreeSet::new();
        for count in [0, 1, size / 8, size - 1, size, size + 1].repeat(40) {
            let mut sample = Vec::new();
            hash.sample(count, &mut rng, |field, _| sample.push(field.to_vec()));
            assert_eq!(sample.len(), count.min(size));
            met.extend(sample.iter().cloned());
            let distinct: BTreeSet<_> = sample.into_iter().collect();
            assert_eq!(distinct.len(), count.min(size));
        }
        assert_eq!(met.len(), size);
        let (field, _) = hash.random(&mut rng).expect("not empty");
        assert!(hash.contains(&field.to_vec()));
    }
    assert!(Hash::default().random(&mut Rng::from_seed(1)).is_none());
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, Vec<u8>),
    InsertNew(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-60..60_i32).prop_map(|number| number.to_string().into()),
        4 => (0..60_u8).prop_map(|number| vec![b'f', number]),
        1 => (0..90_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let value = prop_oneof![9 => text(), 1 => (0..2000_usize).prop_map(|len| vec![b'v'; len])];
    prop_oneof![
        4 => (text(), value).prop_map(|(field, value)| Op::Insert(field, value)),
        1 => (text(), text()).prop_map(|(field, value)| Op::InsertNew(field, value)),
        3 => text().prop_map(Op::Remove),
    ]
}

proptest! {
    #[test]
    fn a_hash_agrees_with_a_map(
        ops in vec(op(), 0..400),
        entries in 0..40_usize,
        value_bytes in prop_oneof![Just(16_usize), Just(1 << 20)],
    ) {
        let limits = limits(entries, value_bytes);
        let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
        // Redis' rule, applied to the operations so far.
        let mut packed = true;
        for op in ops {
            match op {
                Op::Insert(field, value) => {
                    packed &= field.len().max(value.len()) <= value_bytes;
                    let new = hash.insert(&field, &value, &limits);
                    prop_assert_eq!(new, model.insert(field, value).is_none());
                }
                Op::InsertNew(field, value) => {
                    let new = !model.contains_key(&field);
                    prop_assert_eq!(hash.insert_new(&field, &value, &limits), new);
                    packed &= !new || field.len().max(value.len()) <= value_bytes;
                    model.entry(field).or_insert(value);
                }
                Op::Remove(field) => {
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
            }
            packed &= model.len() <= entries;
            hash.check();
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(hash.encoding(), if packed { "listpack" } else { "hashtable" });
        }
        for (field, value) in &model {
            let found = hash.get(field).map(|found| found.to_vec());
            prop_assert_eq!(found.as_ref(), Some(value));
        }
        let hash = hash.clone();
        hash.check();
        let (mut scanned, mut cursor) = (BTreeMap::new(), 0);
        loop {
            cursor = hash.scan(cursor, 3, |field, value| {
                scanned.insert(field.to_vec(), value.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(&scanned, &model);
        let iterated: BTreeMap<_, _> = contents(&hash).into_iter().collect();
        prop_assert_eq!(iterated, model);
    }

    /// As in Redis: a replaced value stays where its field is, a removed field comes back at the
    /// end.
    #[test]
    fn a_packed_hash_keeps_the_order_of_insertion(ops in vec(op(), 0..100)) {
        let limits = limits(1 << 20, 1 << 20);
        let (mut hash, mut model) = (Hash::default(), Vec::<(Vec<u8>, Vec<u8>)>::new());
        for op in ops {
            match op {
                Op::Insert(field, value) | Op::InsertNew(field, value) => {
                    hash.insert(&field, &value, &limits);
                    match model.iter_mut().find(|(name, _)| *name == field) {
                        Some((_, old)) => *old = value,
                        None => model.push((field, value)),
                    }
                }
                Op::Remove(field) => {
                    hash.remove(&field);
                    model.retain(|(name, _)| *name != field);
                }
            }
            prop_assert_eq!(contents(&hash), model.clone());
        }
    }
}
