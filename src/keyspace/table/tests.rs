use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::bucket::drained;
use super::*;
use crate::base::Rng;
use crate::keyspace::string::{NewStr, StrRef};

fn hasher() -> KeyHasher {
    KeyHasher::seeded(&mut Rng::from_seed(3))
}

fn entry(key: u32, value: i64) -> Entry {
    Entry::string(&key.to_be_bytes(), NewStr::Int(value), None, 0)
}

fn value(entry: EntryRef<'_>) -> i64 {
    match entry.string() {
        Some(StrRef::Int(value)) => value,
        other => panic!("{other:?}"),
    }
}

fn number(entry: EntryRef<'_>) -> u32 {
    u32::from_be_bytes(entry.key().try_into().expect("four bytes"))
}

/// A table and what should be in it.
struct Pair {
    table: Table,
    model: BTreeMap<u32, i64>,
    hasher: KeyHasher,
    /// Most buckets that one insertion or removal emptied.
    most_moved: usize,
}

impl Pair {
    fn new() -> Pair {
        Pair { table: Table::default(), model: BTreeMap::new(), hasher: hasher(), most_moved: 0 }
    }

    fn hash(&self, key: u32) -> u64 {
        self.hasher.hash(&key.to_be_bytes())
    }

    fn set(&mut self, key: u32, new: i64) {
        let hash = self.hash(key);
        let before = drained();
        if let Some(mut found) = self.table.find_mut(hash, &key.to_be_bytes()) {
            assert!(found.set_string(NewStr::Int(new), None, 0).is_none(), "fits its block");
        } else {
            self.table.insert(hash, entry(key, new), &self.hasher);
        }
        self.most_moved = self.most_moved.max(drained() - before);
        self.model.insert(key, new);
    }

    fn remove(&mut self, key: u32) {
        let before = drained();
        let removed = self.table.remove(self.hash(key), &key.to_be_bytes(), &self.hasher);
        self.most_moved = self.most_moved.max(drained() - before);
        assert_eq!(removed.map(|entry| value(entry.view())), self.model.remove(&key));
    }

    fn sweep(&mut self, odd: bool) {
        let gone = |key: u32| key % 2 == u32::from(odd);
        let mut taken = Vec::new();
        let mut next = Some(0);
        while let Some(at) = next {
            let keep = |entry: EntryRef<'_>| gone(number(entry));
            next = self.table.sweep(at, keep, |entry| taken.push(number(entry.view())));
        }
        self.table.give_room_back(&self.hasher);
        for key in taken {
            assert!(gone(key));
            assert!(self.model.remove(&key).is_some(), "taken once");
        }
        assert!(!self.model.keys().any(|&key| gone(key)), "none is overlooked");
    }

    fn check(&self) {
        self.table.check(&self.hasher);
        assert_eq!(self.table.len(), self.model.len());
        for (&key, &expected) in &self.model {
            let found = self.table.find(self.hash(key), &key.to_be_bytes());
            assert_eq!(found.map(value), Some(expected));
        }
        let mut scanned = BTreeMap::new();
        let mut next = Some(0);
        while let Some(at) = next {
            next = self.table.scan(at, |entry| {
                assert!(scanned.insert(number(entry), value(entry)).is_none(), "emitted once");
            });
            assert!(next.is_none_or(|next| next > at), "a scan goes forward");
        }
        assert_eq!(scanned, self.model);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set(u32, i64),
    Remove(u32),
    /// Many keys at once, so that tables of every size come up.
    Fill(u32),
    Drain(u32),
    Sweep(bool),
    Step,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..400u32, any::<i64>()).prop_map(|(key, value)| Op::Set(key, value)),
        6 => (0..400u32).prop_map(Op::Remove),
        1 => (0..300u32).prop_map(Op::Fill),
        1 => (0..300u32).prop_map(Op::Drain),
        1 => any::<bool>().prop_map(Op::Sweep),
        1 => Just(Op::Step),
    ]
}

proptest! {
    #[test]
    fn a_table_agrees_with_a_sorted_map(history in prop::collection::vec(op(), 0..120)) {
        let mut pair = Pair::new();
        for op in history {
            match op {
                Op::Set(key, value) => pair.set(key, value),
                Op::Remove(key) => pair.remove(key),
                Op::Fill(from) => (from..from + 100).for_each(|key| pair.set(key, 1)),
                Op::Drain(from) => (from..from + 100).for_each(|key| pair.remove(key)),
                Op::Sweep(odd) => pair.sweep(odd),
                Op::Step => {
                    pair.table.step(1, &pair.hasher);
                }
            }
            pair.check();
        }
    }

    #[test]
    fn a_scan_returns_every_key_that_stays(
        kept in 1..300u32,
        bursts in prop::collection::vec((any::<bool>(), 1..200u32), 1..60),
    ) {
        let mut pair = Pair::new();
        (0..kept).for_each(|key| pair.set(key, 0));
        let mut seen = BTreeSet::new();
        let mut next = Some(0);
        let mut bursts = bursts.into_iter().cycle();
        let mut others = kept;
        while let Some(at) = next {
            next = pair.table.scan(at, |entry| {
                seen.insert(number(entry));
            });
            let (grow, count) = bursts.next().expect("a cycle");
            for _ in 0..count {
                // Bounded, or the end would recede faster than the scan comes on.
                if grow && others < kept + 2000 {
                    pair.set(others, 0);
                    others += 1;
                } else if others > kept {
                    others -= 1;
                    pair.remove(others);
                }
            }
        }
        prop_assert!((0..kept).all(|key| seen.contains(&key)));
    }
}

#[test]
fn a_big_table_grows_and_shrinks_a_little_at_a_time() {
    let mut pair = Pair::new();
    let keys = 60 * SMALL_MAX as u32;
    let (mut moving, mut sizes) = (0, BTreeSet::new());
    for key in 0..keys {
        pair.set(key, 0);
        if let Repr::Big(big) = &pair.table.repr {
            moving += usize::from(big.is_moving());
            sizes.insert(big.target());
        }
    }
    assert!(moving > 0 && sizes.len() > 5, "the test saw resizes: {sizes:?}");
    pair.check();
    (0..keys).for_each(|key| pair.remove(key));
    pair.check();
    assert!(matches!(pair.table.repr, Repr::Small(_)), "an empty table is small");
    assert_eq!(pair.table.bytes(), 0);
    let bound = SMALL_MAX.max(STEP_BUCKETS);
    assert!(pair.most_moved <= bound, "{} buckets moved at once", pair.most_moved);
}

#[test]
fn a_resize_ends_without_writes() {
    let mut pair = Pair::new();
    let mut key = 0;
    while !matches!(&pair.table.repr, Repr::Big(big) if big.is_moving()) {
        pair.set(key, 0);
        key += 1;
    }
    let mut steps = 0;
    while pair.table.step(1, &pair.hasher) {
        steps += 1;
        pair.check();
    }
    assert!(steps > 0);
}

#[test]
fn every_entry_is_drawn_about_equally_often() {
    let mut pair = Pair::new();
    (0..100).for_each(|key| pair.set(key, 0));
    let mut rng = Rng::from_seed(5);
    let mut drawn = [0u32; 100];
    for _ in 0..100_000 {
        let entry = pair.table.random(|| rng.next_u64()).expect("not empty");
        drawn[number(entry) as usize] += 1;
    }
    assert!(drawn.iter().all(|count| (800..1200).contains(count)), "{drawn:?}");
    (1..100).for_each(|key| pair.remove(key));
    assert_eq!(pair.table.random(|| rng.next_u64()).map(number), Some(0));
}

#[test]
fn sizes_are_those_of_the_allocator() {
    let sizes: Vec<usize> =
        std::iter::successors(Some(0), |&size| Some(grown(size))).take(16).collect();
    assert_eq!(sizes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]);
}
