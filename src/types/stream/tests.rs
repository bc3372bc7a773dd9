use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Millis, Rng};

fn limits(entries: usize, bytes: usize) -> Limits {
    let hasher = KeyHasher::seeded(&mut Rng::from_seed(1));
    Limits { stream_node_entries: entries, stream_node_bytes: bytes, ..Limits::new(hasher) }
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn pairs(entry: &Entry<'_>) -> Pairs {
    entry.fields.clone().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn listed<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<(StreamId, Pairs)> {
    entries.map(|entry| (entry.id, pairs(&entry))).collect()
}

fn append(stream: &mut Stream, id: StreamId, fields: &Pairs, limits: &Limits) -> bool {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    stream.append(id, &fields, limits)
}

#[test]
fn a_node_has_the_bytes_of_redis() {
    let limits = limits(100, 4096);
    let mut stream = Stream::default();
    assert!(stream.append(id(1, 1), &[(b"a", b"1"), (b"b", b"2")], &limits));
    assert!(stream.append(id(2, 0), &[(b"a", b"x"), (b"b", b"y")], &limits));
    assert!(stream.append(id(3, 5), &[(b"other", b"z")], &limits));
    assert!(!stream.append(id(3, 5), &[(b"late", b"z")], &limits));
    assert!(stream.remove(id(2, 0)));
    assert!(!stream.remove(id(2, 0)) && !stream.remove(id(2, 1)) && !stream.remove(id(0, 9)));
    let node = b"\x44\0\0\0\x19\0\x02\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\0\x01\x02\x01\0\x01\
        \0\x01\x01\x01\x02\x01\x05\x01\x03\x01\x01\x01\xdf\xff\x02\x81x\x02\x81y\x02\x05\x01\
        \0\x01\x02\x01\x04\x01\x01\x01\x85other\x06\x81z\x02\x06\x01\xff";
    assert_eq!(stream.nodes().collect::<Vec<_>>(), [(id(1, 1), &node[..])]);
    let ids = Ids { last: id(3, 5), first: id(1, 1), max_deleted: id(2, 0), entries_added: 3 };
    assert_eq!((stream.len(), stream.ids()), (2, ids));
    stream.check();

    let mut copy = Stream::default();
    copy.push_node(id(1, 1), node).expect("well formed");
    assert!(copy.push_node(id(3, 5), node).is_err(), "ids ascend");
    copy.restore_ids(ids).expect("they fit");
    assert!(copy.restore_ids(Ids { last: id(3, 4), ..ids }).is_err());
    assert_eq!(listed(copy.range(StreamId::MIN, StreamId::MAX)), {
        listed(stream.range(StreamId::MIN, StreamId::MAX))
    });
    copy.check();
}

#[test]
fn ids_step_over_their_halves() {
    assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
    assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
    assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    assert_eq!(StreamId::from_bytes(id(1, 258).to_bytes()), id(1, 258));
    let mut stream = Stream::default();
    assert_eq!(stream.next_id(5), Some(id(5, 0)));
    assert_eq!(stream.next_id(0), Some(id(0, 1)));
    stream.append(id(7, 3), &[(b"f", b"v")], &limits(0, 0));
    assert_eq!((stream.next_id(7), stream.next_id(8)), (Some(id(7, 4)), Some(id(8, 0))));
}

#[test]
fn a_dump_with_wrong_counts_is_refused() {
    let limits = limits(100, 4096);
    let mut stream = Stream::default();
    stream.append(id(1, 1), &[(b"a", b"1")], &limits);
    stream.append(id(1, 2), &[(b"b", b"1")], &limits);
    let (node_id, bytes) = stream.nodes().next().expect("one node");
    let mut refused = 0;
    for at in 6..bytes.len() {
        for value in [0, 1, 2, 3, 9, 0x7f, 0x81, 0xf4] {
            let mut bad = bytes.to_vec();
            bad[at] = value;
            let mut copy = Stream::default();
            match copy.push_node(node_id, &bad) {
                Ok(()) => copy.check(),
                Err(Malformed) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "{refused}");
    assert!(Stream::default().push_node(id(1, 1), b"").is_err());
}

/// What XINFO and XREADGROUP tell of groups in Redis 7.0.15 with the same commands.
#[test]
fn lags_are_known_until_deletions_hide_them() {
    let limits = limits(100, 4096);
    let mut stream = Stream::default();
    for number in 1..=5 {
        stream.append(id(number, 0), &[(b"f", b"v")], &limits);
    }
    assert!(stream.add_group(b"g", Group::new(StreamId::MIN, None)));
    assert!(!stream.add_group(b"g", Group::default()));
    let lag = |stream: &Stream| stream.lag(stream.group(b"g").expect("there"));
    assert_eq!(lag(&stream), Some(5));
    let deliver = |stream: &mut Stream, after, count| {
        let mut given = Vec::new();
        let now = Millis(1);
        stream.deliver(b"g", None, after, count, now, |entry| given.push(entry.id.ms));
        given
    };
    assert_eq!(deliver(&mut stream, StreamId::MIN, 2), [1, 2]);
    assert_eq!(deliver(&mut stream, StreamId::MIN, 1), [1], "nothing new");
    let group = stream.group(b"g").expect("there");
    assert_eq!((group.last_delivered, group.entries_read), (id(2, 0), Some(2)));
    assert_eq!(lag(&stream), Some(3));
    stream.remove(id(4, 0));
    assert_eq!(lag(&stream), None, "the gap is still ahead");
    assert_eq!(deliver(&mut stream, id(2, 0), 1), [3]);
    assert_eq!(stream.group(b"g").map(|group| group.entries_read), Some(None));
    assert_eq!(deliver(&mut stream, id(3, 0), 9), [5]);
    assert_eq!(lag(&stream), Some(0), "at the last entry all are read");
    assert!(deliver(&mut stream, StreamId::MAX, 9).is_empty());
    assert!(stream.remove_group(b"g") && !stream.remove_group(b"g"));
}

#[test]
fn a_pending_entry_has_one_owner() {
    let mut group = Group::new(StreamId::MIN, None);
    let delivery = |at| Delivery { at: Millis(at), count: 1 };
    assert!(group.add_consumer(b"one", Millis(1)) && !group.add_consumer(b"one", Millis(2)));
    assert!(group.add_consumer(b"a", Millis(3)));
    for number in 1..=4 {
        group.assign(id(number, 0), b"one", delivery(number));
    }
    group.assign(id(2, 0), b"a", delivery(9));
    group.check();
    let names: Vec<&[u8]> = group.consumers().map(Consumer::name).collect();
    assert_eq!(names, [&b"a"[..], b"one"]);
    let owners: Vec<_> =
        group.pending_in(id(2, 0)..=id(3, 0)).map(|one| (one.id.ms, one.consumer)).collect();
    assert_eq!(owners, [(2, &b"a"[..]), (3, &b"one"[..])]);
    assert_eq!(group.pending_in(id(3, 0)..=id(2, 0)).count(), 0);
    assert!(group.acknowledge(id(1, 0)) && !group.acknowledge(id(1, 0)));
    assert!(
        group.set_delivery(id(2, 0), delivery(7)) && !group.set_delivery(id(1, 0), delivery(7))
    );
    assert_eq!(group.pending_entry(id(2, 0)).map(|one| one.delivery), Some(delivery(7)));
    assert_eq!(group.remove_consumer(b"one"), Some(2));
    assert_eq!((group.pending_len(), group.remove_consumer(b"one")), (1, None));
    group.check();
}

#[derive(Clone, Debug)]
enum Op {
    Append(u64, u64, Pairs),
    Remove(prop::sample::Index),
    TrimNewest(usize, bool, usize),
    TrimFrom(prop::sample::Index, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let text = prop_oneof![
        (0..3_u8).prop_map(|byte| vec![b'a' + byte]),
        (0..200_usize).prop_map(|number| number.to_string().into()),
        (0..100_usize).prop_map(|len| vec![b'x'; len]),
    ];
    let name = (0..2_u8).prop_map(|byte| vec![b'f' + byte]);
    let index = any::<prop::sample::Index>;
    prop_oneof![
        12 => (0..3_u64, 0..3_u64, vec((name, text), 1..4))
            .prop_map(|(ms, seq, fields)| Op::Append(ms, seq, fields)),
        4 => index().prop_map(Op::Remove),
        1 => (0..60_usize, any::<bool>(), 0..30_usize)
            .prop_map(|(count, whole, limit)| Op::TrimNewest(count, whole, limit)),
        1 => (index(), any::<bool>()).prop_map(|(from, whole)| Op::TrimFrom(from, whole)),
    ]
}

type Model = BTreeMap<StreamId, Pairs>;

fn apply(op: Op, stream: &mut Stream, model: &mut Model, limits: &Limits) {
    let nth = |model: &Model, index: prop::sample::Index| {
        model.keys().nth(index.index(model.len().max(1))).copied().unwrap_or_default()
    };
    match op {
        Op::Append(ms, seq, fields) => {
            let last = stream.ids().last;
            let id = StreamId { ms: last.ms + ms, seq: if ms == 0 { last.seq + seq } else { seq } };
            assert_eq!(append(stream, id, &fields, limits), id > last);
            if id > last {
                model.insert(id, fields);
            }
        }
        Op::Remove(index) => {
            let id = nth(model, index);
            assert_eq!(stream.remove(id), model.remove(&id).is_some());
        }
        Op::TrimNewest(count, whole, limit) => {
            let before = model.len();
            let limit = if whole { limit } else { 0 };
            let removed = stream.trim(Keep::Newest(count), whole, limit);
            let surplus = before.saturating_sub(count);
            assert!(if whole { removed <= surplus } else { removed == surplus });
            assert!(limit == 0 || removed <= limit);
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
        Op::TrimFrom(index, whole) => {
            let from = nth(model, index);
            let surplus = model.range(..from).count();
            let removed = stream.trim(Keep::From(from), whole, 0);
            assert!(if whole { removed <= surplus } else { removed == surplus });
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
    }
}

proptest! {
    #[test]
    fn a_stream_agrees_with_a_map(
        ops in vec(op(), 0..250),
        entries in 0..12_usize,
        bytes in prop_oneof![Just(0_usize), Just(300)],
        bounds in (0..40_u64, 0..3_u64, 0..40_u64, 0..3_u64),
    ) {
        let limits = limits(entries, bytes);
        let (mut stream, mut model) = (Stream::default(), Model::new());
        let half = ops.len() / 2;
        let mut frozen = (stream.clone(), model.clone());
        for (step, op) in ops.into_iter().enumerate() {
            if step == half {
                frozen = (stream.clone(), model.clone());
            }
            apply(op, &mut stream, &mut model, &limits);
            stream.check();
            prop_assert_eq!(stream.len(), model.len());
        }
        frozen.0.check();
        let unchanged: Vec<_> = frozen.1.into_iter().collect();
        prop_assert_eq!(listed(frozen.0.range(StreamId::MIN, StreamId::MAX)), unchanged);
        let all: Vec<_> = model.clone().into_iter().collect();
        prop_assert_eq!(&listed(stream.range(StreamId::MIN, StreamId::MAX)), &all);
        let (start, end) = (id(bounds.0, bounds.1), id(bounds.2, bounds.3));
        let mut expected = all;
        expected.retain(|(id, _)| (start..=end).contains(id));
        prop_assert_eq!(&listed(stream.range(start, end)), &expected);
        expected.reverse();
        prop_assert_eq!(&listed(stream.range_back(start, end)), &expected);
        let mut copy = Stream::default();
        for (id, node) in stream.nodes() {
            copy.push_node(id, node).expect("well formed");
        }
        copy.restore_ids(stream.ids()).expect("they fit");
        copy.check();
        prop_assert_eq!(copy.ids(), stream.ids());
    }
}
