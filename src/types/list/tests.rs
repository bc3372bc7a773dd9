use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};

fn limits(list_node: i64) -> Limits {
    Limits { list_node, ..Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1))) }
}

fn contents(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(|element| element.to_vec()).collect()
}

fn is_packed(list: &List) -> bool {
    matches!(list.0.shape(), Shape::Pack(_))
}

#[test]
fn nodes_have_the_bytes_of_redis() {
    let limits = limits(2);
    let mut list = List::default();
    for element in [b"a", b"b", b"c"] {
        list.push(End::Back, element, &limits);
    }
    let packs: Vec<&[u8]> = list.listpacks().collect();
    let expected: [&[u8]; 2] =
        [b"\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff", b"\x0a\0\0\0\x01\0\x81c\x02\xff"];
    assert_eq!(packs, expected);
    let mut copy = List::default();
    packs.iter().for_each(|pack| copy.push_listpack(pack, &limits).expect("well formed"));
    assert_eq!(contents(&copy), contents(&list));
    assert!(copy.push_listpack(b"", &limits).is_err());
}

#[test]
fn a_list_is_one_listpack_until_a_node_is_full() {
    let limits = limits(-1);
    let mut list = List::default();
    while is_packed(&list) {
        list.push(End::Back, b"0123456789", &limits);
    }
    assert_eq!(list.len(), (4096 - 7) / 12 + 1);
    list.remove_range(1..180, &limits);
    assert!(!is_packed(&list), "two nodes");
    list.pop(End::Back, &limits, |_| ());
    assert_eq!((is_packed(&list), list.len(), list.encoding()), (true, 161, "quicklist"));
    list.check();
    assert!(list.heap_bytes() <= 2560);
}

/// An element of any size takes a node of its own.
#[test]
fn long_elements_stand_alone() {
    let limits = limits(-1);
    let mut list = List::default();
    for len in [10, 100_000, 10, 5000, 10] {
        list.push(End::Front, &vec![b'x'; len], &limits);
        list.check();
    }
    assert!(list.set(0, &[b'y'; 70_000], &limits));
    assert!(!list.set(5, b"", &limits));
    list.check();
    let lengths: Vec<usize> = list.iter().map(|element| element.len()).collect();
    assert_eq!(lengths, [70_000, 5000, 10, 100_000, 10]);
}

/// A dump's nodes are taken as they are if they are at least half full, else filled up.
#[test]
fn a_dump_is_loaded_node_by_node() {
    let limits = limits(4);
    let node = |elements: &[&[u8]]| {
        let mut pack = Pack::empty_listpack();
        elements.iter().for_each(|element| listpack::push(&mut pack, &[ValueRef::of(element)]));
        pack.bytes().to_vec()
    };
    let mut list = List::default();
    for elements in [&[&b"a"[..]][..], &[b"b", b"7"], &[b"c"], &[b"d", b"e", b"f", b"g", b"h"]] {
        list.push_listpack(&node(elements), &limits).expect("well formed");
        list.check();
    }
    let expected: [&[&[u8]]; 3] = [&[b"a"], &[b"b", b"7", b"c", b"d"], &[b"e", b"f", b"g", b"h"]];
    let expected: Vec<Vec<u8>> = expected.into_iter().map(node).collect();
    assert_eq!(list.listpacks().collect::<Vec<_>>(), expected);
}

#[derive(Clone, Debug)]
enum Op {
    Push(bool, Vec<u8>),
    Pop(bool),
    Take(bool, usize),
    Set(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    RemoveRange(prop::sample::Index, usize),
    RemoveEqual(Vec<u8>, bool, usize),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0..6_u8).prop_map(|byte| vec![byte]),
        3 => (-4..4_i64).prop_map(|number| number.to_string().into()),
        2 => (0..900_usize).prop_map(|len| vec![b'x'; len]),
        1 => (0..5000_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (any::<bool>(), element()).prop_map(|(front, element)| Op::Push(front, element)),
        2 => any::<bool>().prop_map(Op::Pop),
        1 => (any::<bool>(), 0..9_usize).prop_map(|(front, count)| Op::Take(front, count)),
        2 => (index(), element()).prop_map(|(index, element)| Op::Set(index, element)),
        4 => (index(), element()).prop_map(|(index, element)| Op::Insert(index, element)),
        1 => (index(), 0..12_usize).prop_map(|(index, count)| Op::RemoveRange(index, count)),
        1 => (element(), any::<bool>(), 0..4_usize)
            .prop_map(|(element, front, count)| Op::RemoveEqual(element, front, count)),
    ]
}

fn end(front: bool) -> End {
    if front { End::Front } else { End::Back }
}

fn apply(op: Op, list: &mut List, model: &mut Vec<Vec<u8>>, limits: &Limits) {
    match op {
        Op::Push(front, element) => {
            list.push(end(front), &element, limits);
            model.insert(if front { 0 } else { model.len() }, element);
        }
        Op::Pop(front) => {
            let expected = match front {
                true if !model.is_empty() => Some(model.remove(0)),
                _ => model.pop(),
            };
            assert_eq!(list.pop(end(front), limits, |element| element.to_vec()), expected);
        }
        Op::Take(front, count) => {
            let count = count.min(model.len());
            let expected: Vec<_> = match front {
                true => model.drain(..count).collect(),
                false => model.drain(model.len() - count..).rev().collect(),
            };
            let mut taken = Vec::new();
            list.take(end(front), count, limits, |element| taken.push(element.to_vec()));
            assert_eq!(taken, expected);
        }
        Op::Set(index, element) if !model.is_empty() => {
            let index = index.index(model.len());
            assert!(list.set(index, &element, limits));
            model[index] = element;
        }
        Op::Insert(index, element) => {
            let index = index.index(model.len() + 1);
            list.insert(index, &element, limits);
            model.insert(index, element);
        }
        Op::RemoveRange(index, count) => {
            let index = index.index(model.len() + 1);
            list.remove_range(index..index + count, limits);
            model.drain(index..(index + count).min(model.len()));
        }
        Op::RemoveEqual(element, front, count) => {
            let mut equal: Vec<usize> =
                (0..model.len()).filter(|&index| model[index] == element).collect();
            if !front {
                equal.reverse();
            }
            equal.truncate(count);
            assert_eq!(list.remove_equal(&element, end(front), count, limits), equal.len());
            equal.sort_unstable();
            for index in equal.into_iter().rev() {
                model.remove(index);
            }
        }
        Op::Set(..) => {}
    }
}

proptest! {
    #[test]
    fn a_list_agrees_with_a_vec(
        ops in vec(op(), 0..200),
        list_node in prop_oneof![-2..5_i64, Just(-1)],
        ends in (0..60_usize, 0..60_usize),
    ) {
        let limits = limits(list_node);
        let (mut list, mut model) = (List::default(), Vec::new());
        let half = ops.len() / 2;
        let mut frozen = (list.clone(), model.clone());
        for (step, op) in ops.into_iter().enumerate() {
            if step == half {
                frozen = (list.clone(), model.clone());
            }
            apply(op, &mut list, &mut model, &limits);
            list.check();
            prop_assert_eq!(list.len(), model.len());
        }
        frozen.0.check();
        prop_assert_eq!(contents(&frozen.0), frozen.1);
        prop_assert_eq!(&contents(&list), &model);
        for (index, element) in model.iter().enumerate() {
            prop_assert_eq!(&list.get(index).expect("below the length").to_vec(), element);
        }
        prop_assert!(list.get(model.len()).is_none());
        let start = ends.0.min(model.len());
        let expected = &model[start..ends.1.clamp(start, model.len())];
        let mut seen = Vec::new();
        list.each(ends.0..ends.1, |element| seen.push(element.to_vec()));
        prop_assert_eq!(&seen, expected);
        let mut both = list.range(ends.0..ends.1);
        let mut met = Vec::new();
        while let (Some(front), back) = (both.next(), both.next_back()) {
            met.insert(met.len() / 2, front.to_vec());
            if let Some(back) = back {
                met.insert(met.len().div_ceil(2), back.to_vec());
            }
        }
        prop_assert_eq!(met, expected);
        let backwards: Vec<_> = list.iter().rev().map(|element| element.to_vec()).collect();
        prop_assert!(backwards.iter().eq(model.iter().rev()));
    }
}
