use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::Rng;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn table(seed: u64) -> Table {
    Table::new(KeyHasher::seeded(&mut Rng::from_seed(seed)), 0, 0)
}

fn contents(table: &Table) -> Model {
    table.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[derive(Clone, Debug)]
enum Op {
    /// So many consecutive keys with values of this length.
    Insert(u16, u16, usize),
    Remove(u16, u16),
}

fn op() -> impl Strategy<Value = Op> {
    let length = prop_oneof![5 => 0..20_usize, 3 => 100..300_usize, 1 => 900..1300_usize];
    prop_oneof![
        3 => (0..6000_u16, 1..600_u16, length).prop_map(|(from, n, len)| Op::Insert(from, n, len)),
        2 => (0..6000_u16, 1..1500_u16).prop_map(|(from, count)| Op::Remove(from, count)),
    ]
}

/// Keys of several lengths: some are too long for one length byte, some for the arena.
fn key(number: u16) -> Vec<u8> {
    let mut key = number.to_string().into_bytes();
    if number.is_multiple_of(97) {
        key.resize(if number.is_multiple_of(2) { 200 } else { 1100 }, b'k');
    }
    key
}

fn apply(op: &Op, table: &mut Table, model: &mut Model) {
    match *op {
        Op::Insert(from, count, len) => {
            for number in from..from + count {
                let (key, value) = (key(number), vec![number as u8; len]);
                assert_eq!(table.insert(&key, &value), model.insert(key, value).is_none());
            }
        }
        Op::Remove(from, count) => {
            for number in from..from + count {
                let key = key(number);
                assert_eq!(table.remove(&key), model.remove(&key).is_some());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn a_table_agrees_with_a_map(ops in vec(op(), 0..40), seed in 0..4_u64) {
        let (mut table, mut model) = (table(seed), Model::new());
        let (mut frozen, mut frozen_model) = (table.clone(), model.clone());
        for (step, op) in ops.iter().enumerate() {
            if step == ops.len() / 2 {
                (frozen, frozen_model) = (table.clone(), model.clone());
            }
            apply(op, &mut table, &mut model);
            table.check();
            prop_assert_eq!(table.len(), model.len());
        }
        prop_assert_eq!(&contents(&table), &model);
        frozen.check();
        prop_assert_eq!(&contents(&frozen), &frozen_model);
        for number in 0..6000 {
            let key = key(number);
            prop_assert_eq!(table.get(&key), model.get(&key).map(|value| &value[..]));
        }
        for key in model.keys() {
            prop_assert!(table.remove(key));
        }
        table.check();
        prop_assert_eq!((table.len(), table.depth), (0, 0));
    }

    /// What is there from the first call to the last is returned, whatever happens in between.
    #[test]
    fn a_scan_returns_what_stays(
        before in 1..6000_u16,
        between in vec(op(), 1..30),
        count in 1..300_usize,
    ) {
        let (mut table, mut model) = (table(1), Model::new());
        apply(&Op::Insert(0, before, 8), &mut table, &mut model);
        let mut stayed: BTreeSet<Vec<u8>> = model.keys().cloned().collect();
        let (mut seen, mut cursor) = (BTreeSet::new(), 0);
        let mut between = between.iter();
        loop {
            let next = table.scan(cursor, count, |key, _| {
                seen.insert(key.to_vec());
            });
            prop_assert!(next == 0 || next > cursor, "a scan moves on");
            cursor = next;
            if cursor == 0 {
                break;
            }
            if let Some(op) = between.next() {
                apply(op, &mut table, &mut model);
                stayed.retain(|key| model.contains_key(key));
            }
        }
        prop_assert!(stayed.is_subset(&seen));
    }
}

#[test]
fn a_scan_of_a_table_at_rest_returns_each_key_once() {
    let mut table = table(3);
    for number in 0..20_000_u32 {
        table.insert(&number.to_le_bytes(), b"");
    }
    let (mut seen, mut cursor, mut calls) = (Vec::new(), 0, 0);
    loop {
        cursor = table.scan(cursor, 10, |key, _| seen.push(key.to_vec()));
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 20_000);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 20_000);
    assert!((1_500..=2_000).contains(&calls), "{calls} calls for COUNT 10");
    assert_eq!(table.scan(u64::MAX, 10, |_, _| panic!("past the end")), 0);
}

#[test]
fn random_elements_come_from_everywhere() {
    let (mut table, mut rng) = (table(4), Rng::from_seed(4));
    assert!(table.random(&mut rng).is_none());
    for number in 0..100_u8 {
        table.insert(&[number], b"");
    }
    let mut hits = [0_u32; 100];
    for _ in 0..20_000 {
        let (key, _) = table.random(&mut rng).expect("not empty");
        hits[usize::from(key[0])] += 1;
    }
    assert!(hits.iter().all(|hits| (100..=320).contains(hits)), "{hits:?}");
}

/// One insertion never does more work than one segment is long, so a segment's count is bounded.
#[test]
fn long_elements_leave_the_arena() {
    let mut table = table(5);
    table.insert(b"key", &[1; 5000]);
    assert!(table.heap_bytes() < 7000, "{}", table.heap_bytes());
    table.insert(b"key", b"short");
    assert_eq!(table.get(b"key"), Some(&b"short"[..]));
    assert!(table.heap_bytes() < 1000, "{}", table.heap_bytes());
    table.check();
}
