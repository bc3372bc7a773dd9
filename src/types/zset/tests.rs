use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};
use crate::types::PackLimits;

fn limits(entries: usize, value_bytes: usize) -> Limits {
    let hasher = KeyHasher::seeded(&mut Rng::from_seed(1));
    Limits { zset: PackLimits { entries, value_bytes }, ..Limits::new(hasher) }
}

/// Members with their scores, kept in order the slow way.
#[derive(Default)]
struct Model(Vec<(f64, Vec<u8>)>);

impl Model {
    fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let old = self.remove(member);
        self.0.push((score, member.to_vec()));
        self.0.sort_by(order);
        old
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let rank = self.0.iter().position(|(_, name)| name == member)?;
        Some(self.0.remove(rank).0)
    }
}

fn contents(walk: Walk<'_>) -> Vec<(f64, Vec<u8>)> {
    walk.map(|(member, score)| (score, member.to_vec())).collect()
}

#[test]
fn a_small_sorted_set_has_the_bytes_of_redis() {
    let limits = limits(128, 64);
    let mut zset = Zset::default();
    for (member, score) in [("c", f64::INFINITY), ("b", 2.5), ("a", 9.0)] {
        assert_eq!(zset.insert(member.as_bytes(), score, &limits), None);
    }
    assert_eq!(zset.insert(b"a", 1.0, &limits), Some(9.0));
    let bytes = b"\x1c\0\0\0\x06\0\x81a\x02\x01\x01\x81b\x02\x832.5\x04\x81c\x02\x83inf\x04\xff";
    assert_eq!((zset.as_listpack(), zset.encoding()), (Some(&bytes[..]), "listpack"));
    let copy = Zset::from_listpack(bytes, &limits).expect("well formed");
    assert_eq!(contents(copy.iter()), contents(zset.iter()));
}

#[test]
fn a_malformed_dump_is_refused() {
    let limits = limits(128, 64);
    for values in [
        &["a", "1", "a", "2"][..],
        &["a", "2", "b", "1"],
        &["b", "1", "a", "1"],
        &["a", "nan"],
        &["a", "x"],
        &["a"],
    ] {
        let mut pack = Pack::empty_listpack();
        let values: Vec<_> = values.iter().map(|value| ValueRef::of(value.as_bytes())).collect();
        listpack::push(&mut pack, &values);
        assert!(Zset::from_listpack(pack.bytes(), &limits).is_err(), "{values:?}");
    }
}

#[test]
fn the_reported_encoding_changes_where_it_does_in_redis() {
    let limits = limits(4, 8);
    let mut zset = Zset::default();
    for number in 0..200 {
        zset.insert(number.to_string().as_bytes(), 1.5, &limits);
        assert_eq!(zset.encoding() == "listpack", number < 4);
        zset.check();
    }
    assert!(matches!(zset.0.shape(), Shape::Big(_)));
    let mut zset = Zset::default();
    zset.insert(b"123456789", 0.0, &limits);
    assert_eq!(zset.encoding(), "skiplist");
}

#[test]
fn long_members_and_signed_zeros_survive() {
    let limits = limits(0, 0);
    let mut zset = Zset::default();
    for len in [0, 254, 255, 256, 5000, 70_000] {
        zset.insert(&vec![b'x'; len], -0.0, &limits);
        zset.check();
    }
    assert!(zset.score(b"").is_some_and(f64::is_sign_negative));
    zset.insert(b"", 0.0, &limits);
    assert!(zset.score(b"").is_some_and(f64::is_sign_negative), "equal scores are not replaced");
    let lengths: Vec<usize> = zset.iter().map(|(member, _)| member.len()).collect();
    assert_eq!(lengths, [0, 254, 255, 256, 5000, 70_000]);
}

/// Deep enough for several levels of inner nodes, in every order of arrival and departure.
#[test]
fn a_large_tree_keeps_its_invariants() {
    let limits = limits(0, 0);
    for seed in 0..3 {
        let mut rng = Rng::from_seed(seed);
        let (mut zset, mut model) = (Zset::default(), BTreeMap::new());
        for step in 0..20_000_u64 {
            let number = if seed == 0 { step } else { rng.below(30_000) };
            let score = if seed == 1 { 0 } else { number / 3 };
            zset.insert(format!("{number:06}").as_bytes(), score as f64, &limits);
            model.insert(number, score);
        }
        zset.check();
        let expected: Vec<_> = model.iter().map(|(number, score)| (*score, *number)).collect();
        for (rank, (score, number)) in expected.iter().enumerate().step_by(97) {
            let member = format!("{number:06}").into_bytes();
            assert_eq!(zset.rank(&member), Some((rank, *score as f64)));
            let (found, _) = zset.range(rank..rank + 1).next().expect("a rank below the length");
            assert_eq!(found.to_vec(), member);
        }
        assert!(
            zset.iter()
                .rev()
                .map(|(member, _)| member.to_vec())
                .eq(model.keys().rev().map(|number| format!("{number:06}").into_bytes()))
        );
        let frozen = zset.clone();
        while zset.len() > 0 {
            let from = rng.index(zset.len());
            let to = from + rng.index(2000);
            let expected = zset.len().min(to) - from;
            let mut removed = 0;
            zset.remove_range(from..to, |_, _| removed += 1);
            assert_eq!(removed, expected);
            zset.check();
        }
        frozen.check();
        assert_eq!(frozen.len(), model.len(), "a clone is not touched");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>, f64),
    Remove(Vec<u8>),
    PopFirst,
    PopLast,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-90..90_i64).prop_map(|number| number.to_string().into()),
        4 => (0..90_u8).prop_map(|number| vec![b'm', number]),
        1 => (0..400_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..3_i32).prop_map(f64::from),
        2 => any::<f64>().prop_filter("a number", |score| !score.is_nan()),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.1, -0.0]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (member(), score()).prop_map(|(member, score)| Op::Insert(member, score)),
        4 => member().prop_map(Op::Remove),
        1 => Just(Op::PopFirst),
        1 => Just(Op::PopLast),
    ]
}

fn apply(op: Op, zset: &mut Zset, model: &mut Model, limits: &Limits) {
    match op {
        Op::Insert(member, score) => {
            assert_eq!(zset.insert(&member, score, limits), model.insert(&member, score));
        }
        Op::Remove(member) => assert_eq!(zset.remove(&member), model.remove(&member)),
        Op::PopFirst if model.0.is_empty() => assert_eq!(zset.pop_first(), None),
        Op::PopFirst => {
            let (score, member) = model.0.remove(0);
            assert_eq!(zset.pop_first(), Some((member, score)));
        }
        Op::PopLast => {
            let expected = model.0.pop().map(|(score, member)| (member, score));
            assert_eq!(zset.pop_last(), expected);
        }
    }
}

proptest! {
    #[test]
    fn a_sorted_set_agrees_with_a_sorted_vec(ops in vec(op(), 0..400), entries in 0..100_usize) {
        let limits = limits(entries, 200);
        let (mut zset, mut model) = (Zset::default(), Model::default());
        for op in ops {
            apply(op, &mut zset, &mut model, &limits);
            zset.check();
            prop_assert_eq!(zset.len(), model.0.len());
        }
        let copy = zset.clone();
        copy.check();
        prop_assert_eq!(&contents(copy.iter()), &model.0);
        for (rank, (score, member)) in model.0.iter().enumerate() {
            prop_assert_eq!(zset.rank(member), Some((rank, *score)));
            prop_assert_eq!(zset.score(member), Some(*score));
        }
        let mut scanned = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = zset.scan(cursor, 5, |member, _| {
                scanned.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(scanned.len(), model.0.len());
        let mut sampled = BTreeSet::new();
        zset.sample(7, &mut Rng::from_seed(1), |member, _| {
            sampled.insert(member.to_vec());
        });
        prop_assert_eq!(sampled.len(), model.0.len().min(7));
    }

    #[test]
    fn ranges_are_what_a_filter_finds(
        members in vec((member(), score()), 0..200),
        entries in prop_oneof![Just(0_usize), Just(1000)],
        bounds in (score(), score(), any::<bool>(), any::<bool>()),
        ranks in (0..220_usize, 0..220_usize),
    ) {
        let limits = limits(entries, 1000);
        let (mut zset, mut model) = (Zset::default(), Model::default());
        for (member, score) in members {
            zset.insert(&member, score, &limits);
            model.insert(&member, score);
        }
        let (low, high, open_low, open_high) = bounds;
        let min = if open_low { Bound::Excluded(low) } else { Bound::Included(low) };
        let max = if open_high { Bound::Excluded(high) } else { Bound::Included(high) };
        let mut expected = model.0.clone();
        expected.retain(|(score, _)| {
            (if open_low { *score > low } else { *score >= low })
                && (if open_high { *score < high } else { *score <= high })
        });
        prop_assert_eq!(contents(zset.range(zset.ranks_by_score(min, max))), expected);
        let start = ranks.0.min(model.0.len());
        let end = ranks.1.clamp(start, model.0.len().max(start));
        let expected = &model.0[start..end];
        prop_assert_eq!(contents(zset.range(ranks.0..ranks.1)), expected);
        let mut both = zset.range(ranks.0..ranks.1);
        let mut met = Vec::new();
        while let (Some(front), back) = (both.next(), both.next_back()) {
            met.insert(met.len() / 2, (front.1, front.0.to_vec()));
            if let Some(back) = back {
                met.insert(met.len().div_ceil(2), (back.1, back.0.to_vec()));
            }
        }
        prop_assert_eq!(met, expected);
    }

    #[test]
    fn ranges_by_member_are_what_a_filter_finds(
        members in vec(member(), 0..200),
        entries in prop_oneof![Just(0_usize), Just(1000)],
        low in member(),
        high in member(),
    ) {
        let limits = limits(entries, 1000);
        let mut zset = Zset::default();
        members.iter().for_each(|member| {
            zset.insert(member, 4.0, &limits);
        });
        let all: BTreeSet<&Vec<u8>> = members.iter().collect();
        let found = |min, max| -> Vec<Vec<u8>> {
            let ranks = zset.ranks_by_lex(min, max, false);
            zset.range(ranks).map(|(member, _)| member.to_vec()).collect()
        };
        let expected: Vec<_> =
            all.iter().filter(|&&one| low <= *one && *one < high).map(|one| one.to_vec()).collect();
        prop_assert_eq!(found(LexBound::Included(&low), LexBound::Excluded(&high)), expected);
        let expected: Vec<_> =
            all.iter().filter(|&&one| low < *one && *one <= high).map(|one| one.to_vec()).collect();
        prop_assert_eq!(found(LexBound::Excluded(&low), LexBound::Included(&high)), expected);
        prop_assert_eq!(found(LexBound::Min, LexBound::Max).len(), all.len());
        prop_assert_eq!(found(LexBound::Max, LexBound::Min).len(), 0);
    }
}
