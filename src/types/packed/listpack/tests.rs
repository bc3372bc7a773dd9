use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn texts(pack: &Pack) -> Vec<Vec<u8>> {
    Listpack::of(pack).iter().map(|value| value.to_vec()).collect()
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..80),
        vec(0..=2_u8, 0..5),
        any::<i64>().prop_flat_map(|n| (0..64_u32).prop_map(move |s| (n >> s).to_string().into())),
        (0..5000_usize).prop_map(|len| vec![b'x'; len]),
        Just(vec![b'y'; 20_000]),
    ]
}

#[test]
fn bytes_are_those_of_redis() {
    let mut pack = Pack::empty_listpack();
    let values = [&b"a"[..], b"b", b"1000", b"-1"].map(ValueRef::of);
    push(&mut pack, &values);
    let expected = b"\x13\0\0\0\x04\0\x81a\x02\x81b\x02\xc3\xe8\x02\xdf\xff\x02\xff";
    assert_eq!(pack.bytes(), expected);
}

#[test]
fn integers_take_the_smallest_class() {
    let classes = [
        (127, 1),
        (128, 2),
        (-1, 2),
        (4095, 2),
        (-4096, 2),
        (4096, 3),
        (-4097, 3),
        (-32768, 3),
        (32768, 4),
        (0x7f_ffff, 4),
        (-0x80_0000, 4),
        (0x80_0000, 5),
        (i64::from(i32::MIN), 5),
        (1 << 31, 9),
        (i64::MIN, 9),
        (i64::MAX, 9),
    ];
    for (value, size) in classes {
        assert_eq!(encoded_len(ValueRef::Int(value)), size + 1, "{value}");
        let mut pack = Pack::empty_listpack();
        push(&mut pack, &[ValueRef::Int(value)]);
        assert_eq!(Listpack::of(&pack).get(0).and_then(|v| v.as_i64()), Some(value));
    }
}

#[test]
fn back_lengths_switch_where_redis_switches() {
    for (size, bytes) in [(127, 1), (128, 2), (16_382, 2), (16_383, 3), (2_097_150, 3)] {
        assert_eq!(BackLength::of(size).bytes().len(), bytes, "{size}");
    }
    assert_eq!(BackLength::of(300).bytes(), [2, 0x80 | 44]);
}

#[test]
fn more_entries_than_the_count_field_holds_are_counted() {
    let mut pack = Pack::empty_listpack();
    let some = vec![ValueRef::Int(7); 13_107];
    for _ in 0..5 {
        push(&mut pack, &some);
    }
    assert_eq!(Listpack::of(&pack).count_field(), UNCOUNTED);
    assert_eq!(Listpack::of(&pack).len(), 65_535);
    push(&mut pack, &some[..2]);
    assert_eq!(Listpack::of(&pack).len(), 65_537);
    Listpack::of(&pack).check();
    remove(&mut pack, HEADER, 3);
    assert_eq!(Listpack::of(&pack).count_field(), 65_534);
    Listpack::of(&pack).check();
}

#[derive(Clone, Debug)]
enum Op {
    Insert(prop::sample::Index, Vec<u8>),
    PushTwo(Vec<u8>, Vec<u8>),
    Replace(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), text()).prop_map(|(at, value)| Op::Insert(at, value)),
        (text(), text()).prop_map(|(one, two)| Op::PushTwo(one, two)),
        (index(), text()).prop_map(|(at, value)| Op::Replace(at, value)),
        (index(), 0..3_usize).prop_map(|(at, count)| Op::Remove(at, count)),
    ]
}

fn apply(op: Op, pack: &mut Pack, model: &mut Vec<Vec<u8>>) {
    let end = Listpack::of(pack).end();
    let seek = |pack: &Pack, index| Listpack::of(pack).seek(index).unwrap_or(end);
    match op {
        Op::Insert(at, value) => {
            let index = at.index(model.len() + 1);
            let at = seek(pack, index);
            insert(pack, at, &[ValueRef::of(&value)]);
            model.insert(index, value);
        }
        Op::PushTwo(one, two) => {
            push(pack, &[ValueRef::of(&one), ValueRef::of(&two)]);
            model.extend([one, two]);
        }
        Op::Replace(at, value) if !model.is_empty() => {
            let index = at.index(model.len());
            let at = seek(pack, index);
            replace(pack, at, ValueRef::of(&value));
            model[index] = value;
        }
        Op::Remove(at, count) if !model.is_empty() => {
            let index = at.index(model.len());
            let at = seek(pack, index);
            let expected = count.min(model.len() - index);
            assert_eq!(remove(pack, at, count), expected);
            model.drain(index..index + expected);
        }
        Op::Replace(..) | Op::Remove(..) => {}
    }
}

proptest! {
    #[test]
    fn a_listpack_agrees_with_a_vec(ops in vec(op(), 0..60), needle in text()) {
        let mut pack = Pack::empty_listpack();
        let mut model = Vec::new();
        for op in ops {
            apply(op, &mut pack, &mut model);
            let list = Listpack::of(&pack);
            list.check();
            prop_assert_eq!(list.len(), model.len());
        }
        prop_assert_eq!(&texts(&pack), &model);
        let list = Listpack::of(&pack);
        let backwards: Vec<_> = list.iter().rev().map(|value| value.to_vec()).collect();
        prop_assert!(backwards.iter().eq(model.iter().rev()));
        for needle in model.iter().chain([&needle]) {
            let every_second = model.iter().step_by(2).position(|value| value == needle);
            let found = list.find(HEADER, 1, &Needle::new(needle));
            prop_assert_eq!(found, every_second.and_then(|index| list.seek(index * 2)));
        }
        let mut both = list.iter();
        let mut met = Vec::new();
        while let (Some(front), back) = (both.next(), both.next_back()) {
            met.insert(met.len() / 2, front.to_vec());
            if let Some(back) = back {
                met.insert(met.len().div_ceil(2), back.to_vec());
            }
        }
        prop_assert_eq!(met, model);
    }

    /// Whatever the bytes, parsing ends with a verdict, and what it accepts can be walked.
    #[test]
    fn foreign_bytes_never_panic(
        values in vec(text(), 0..6),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut pack = Pack::empty_listpack();
        for value in &values {
            push(&mut pack, &[ValueRef::of(value)]);
        }
        let mut bytes = pack.bytes().to_vec();
        prop_assert!(Listpack::parse(&bytes).is_ok());
        prop_assert!(Listpack::parse(&bytes[..cut.index(bytes.len())]).is_err());
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(list) = Listpack::parse(&bytes) {
            prop_assert_eq!(list.iter().count(), list.iter().rev().count());
        }
    }
}
