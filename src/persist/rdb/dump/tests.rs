use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Millis, Rng};
use crate::persist::rdb::file::skim;
use crate::persist::rdb::{Fault, VERSION, VERSION_VALKEY};
use crate::types::stream::StreamId;
use crate::types::{Collection, Hash, PackLimits, ValueRef, Zset};

fn limits(entries: usize) -> Limits {
    let hasher = KeyHasher::seeded(&mut Rng::from_seed(1));
    Limits { hash: PackLimits { entries, value_bytes: 64 }, ..Limits::new(hasher) }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// `body` with a good footer.
fn sealed(body: &[u8]) -> Vec<u8> {
    sealed_as(VERSION, body)
}

fn sealed_as(version: u16, body: &[u8]) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend(version.to_le_bytes());
    payload.extend(checksum(&payload).to_le_bytes());
    payload
}

/// Reads a payload, and sees that whatever can be read is also measured as long as it is.
fn read(payload: &[u8], limits: &Limits) -> Result<Loaded, DumpError> {
    let outcome = super::read(payload, limits);
    if let (Some(([kind, value @ ..], dialect)), Ok(_)) = (open(payload), &outcome) {
        let mut reader = Reader::placed(value, 0, dialect);
        read_object(&mut reader, *kind, limits).expect("as before");
        let length = reader.position() as usize;
        let record = [b"\x01k", value].concat();
        assert_eq!(skim::length(*kind, dialect, &record), Some(2 + length));
        for end in [0, 1, 2, 1 + length / 2, 1 + length] {
            let measured = skim::length(*kind, dialect, &record[..end]);
            assert_eq!(measured, None, "{end} of {length}");
        }
    }
    outcome
}

fn read_string(payload: &[u8]) -> Vec<u8> {
    match read(payload, &limits(512)) {
        Ok(Loaded::String(text)) => text,
        Ok(other) => panic!("a {}", other.kind().name()),
        Err(error) => panic!("{error:?}"),
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn read_hash(payload: &[u8], limits: &Limits) -> Result<Pairs, DumpError> {
    match read(payload, limits)? {
        Loaded::Hash(hash) => {
            hash.check();
            Ok(hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
        }
        other => panic!("a {}", other.kind().name()),
    }
}

/// What is wrong with the value of a payload whose footer is good.
fn fault(body: &[u8]) -> Fault {
    match read(&sealed(body), &limits(512)) {
        Err(DumpError::Value(error)) => error.fault,
        Err(DumpError::Footer) => panic!("the footer is good"),
        Ok(loaded) => panic!("a good {}", loaded.kind().name()),
    }
}

/// Payloads as Redis 7.0 makes them.
const STRINGS: &[(&str, &str)] = &[
    ("hello", "000568656c6c6f0a006372df766534200a"),
    ("-12", "00c0f40a004474ced75aa7ef82"),
    ("1000", "00c1e8030a0089d1478ebac4b764"),
    ("100000", "00c2a08601000a00f12403506f2fa674"),
    ("12345678901", "000b31323334353637383930310a00304e52d727176510"),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "00c30928016161e01b000161610a00cf092faaae25831d"),
    ("abcabcabcabcabcabcabcabcabcabc", "00c30b1e0361626361e00f020162630a008874be6d67e59d2a"),
];

#[test]
fn strings_are_read_and_written_as_redis_does() {
    for (text, payload) in STRINGS {
        let payload = hex(payload);
        assert_eq!(read_string(&payload), text.as_bytes());
        let written = write(Object::String(ValueRef::of(text.as_bytes())), true);
        if text.len() <= 20 {
            assert_eq!(written, payload, "{text}");
        } else {
            assert_eq!(read_string(&written), text.as_bytes());
            assert!(written.len() <= payload.len() + 2, "{text} compresses");
            let plain = write(Object::String(ValueRef::of(text.as_bytes())), false);
            assert_eq!(plain.len(), 1 + 1 + text.len() + 10, "not compressed");
        }
    }
}

#[test]
fn hashes_are_read_and_written_as_redis_does() {
    let packed = hex("10171700000004008266310382763103816e02f240e20104ff0a001a3a713fcf8fa3e4");
    let spread = hex("04010266310276310a00fcf27c841f560a15");
    let pairs = read_hash(&packed, &limits(512)).expect("good");
    assert_eq!(pairs, [(b"f1".into(), b"v1".into()), (b"n".into(), b"123456".to_vec())]);
    let pairs = read_hash(&spread, &limits(512)).expect("good");
    assert_eq!(pairs, [(b"f1".to_vec(), b"v1".to_vec())]);

    let (small, none) = (limits(512), limits(0));
    let mut hash = Hash::default();
    hash.insert(b"f1", b"v1", &small);
    hash.insert(b"n", b"123456", &small);
    assert_eq!(write(Object::Hash(&hash), true), packed);
    let mut hash = Hash::default();
    hash.insert(b"f1", b"v1", &none);
    assert_eq!(write(Object::Hash(&hash), true), spread);
}

#[test]
fn hashes_of_older_versions_are_read() {
    let ziplist = b"\x0d\x16\x16\0\0\0\x13\0\0\0\x04\0\x00\x01f\x03\x01v\x03\x01n\x03\xf8\xff";
    let pairs = read_hash(&sealed(ziplist), &limits(512)).expect("good");
    assert_eq!(pairs, [(b"f".to_vec(), b"v".to_vec()), (b"n".to_vec(), b"7".to_vec())]);

    let zipmap = b"\x09\x0a\x01\x01f\x03\x01val.\xff";
    let pairs = read_hash(&sealed(zipmap), &limits(512)).expect("good");
    assert_eq!(pairs, [(b"f".to_vec(), b"val".to_vec())]);
}

/// The elements of any value but a string, in order, scores and fields among them.
fn elements(loaded: &Loaded) -> Vec<Vec<u8>> {
    match loaded {
        Loaded::String(_) => panic!("a string"),
        Loaded::List(list) => {
            list.check();
            list.iter().map(|element| element.to_vec()).collect()
        }
        Loaded::Set(set) => {
            set.check();
            set.iter().map(|member| member.to_vec()).collect()
        }
        Loaded::Zset(zset) => {
            zset.check();
            let pair = |(member, score): (ValueRef<'_>, f64)| {
                [member.to_vec(), score.to_string().into_bytes()]
            };
            zset.iter().flat_map(pair).collect()
        }
        Loaded::Stream(stream) => {
            stream.check();
            let entries = stream.range(StreamId::MIN, StreamId::MAX);
            let groups = stream.groups().map(|(name, group)| {
                group.check();
                format!("{} {group:?}", String::from_utf8_lossy(name))
            });
            entries.map(|entry| entry.id.to_string()).chain(groups).map(String::into).collect()
        }
        Loaded::Hash(hash) => {
            hash.check();
            hash.iter().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect()
        }
    }
}

fn object(loaded: &Loaded) -> Object<'_> {
    match loaded {
        Loaded::String(text) => Object::String(ValueRef::Bytes(text)),
        Loaded::List(list) => Object::List(list),
        Loaded::Set(set) => Object::Set(set),
        Loaded::Zset(zset) => Object::Zset(zset),
        Loaded::Hash(hash) => Object::Hash(hash),
        Loaded::Stream(stream) => Object::Stream(stream),
    }
}

/// Payloads of Redis 7.0 (its hash tables have no order, so the elements are few).
const COLLECTIONS: &[(&[&str], &str)] = &[
    (
        &["a", "b", "1000", "-1"],
        "12010213130000000400816102816202c3e802dfff02ff0a00fe0cc9f3dc648132",
    ),
    (&["-5", "1", "2", "300"], "0b100200000004000000fbff010002002c010a0088f631da7988f241"),
    (&["a"], "020101610a006296e97e44d21a6d"),
    (
        &["a", "1", "b", "2.5", "c", "inf"],
        "111c1c0000000600816102010181620283322e350481630283696e6604ff0a006b1ddedce8e2c399",
    ),
    (&["a", "1", "b", "2.5"], "0502016200000000000004400161000000000000f03f0a00f46eb73919767291"),
];

#[test]
fn collections_are_read_and_written_as_redis_does() {
    for (expected, payload) in COLLECTIONS {
        let payload = hex(payload);
        let none = Limits { zset: PackLimits { entries: 0, value_bytes: 0 }, ..limits(512) };
        let limits = if payload[0] == 5 { none } else { limits(512) };
        let loaded = read(&payload, &limits).expect("good");
        let expected: Vec<Vec<u8>> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(elements(&loaded), expected);
        assert_eq!(write(object(&loaded), true), payload);
    }
}

/// Streams of Redis 7.0: one with a deleted entry, one with an entry pending for a consumer.
const STREAMS: [&str; 2] = [
    "130110000000000000000100000000000000014044440000001900020101010201816102816202000102\
         010001000101010201050103010101dfff0281780281790205010001020104010101856f746865720681\
         7a020601ff0203050101020003000a00c68855a93f48f235",
    "130110000000000000000500000000000000001d1d0000000a0001010001010181660200010201000100\
         018176020401ff010500050000000101016705000101000000000000000500000000000000008c0be4fa\
         a101000001010263318c0be4faa101000001000000000000000500000000000000000a000f75249d6532\
         bee1",
];

/// A stream of Valkey 8, whose consumers also say when they last got something.
const STREAM_3: &str = "\
    150110000000000000000500000000000000001d1d0000000a0001010001010181660200010201000100\
    018176020401ff01050005000000010101670500010100000000000000050000000000000000a31cfefa\
    a10100000102026330a31cfefaa1010000ffffffffffffffff00026331a31cfefaa1010000a31cfefaa1\
    01000001000000000000000500000000000000000b00a8f3932a3311760b";

#[test]
fn streams_are_read_and_written_as_redis_does() {
    for payload in STREAMS.map(hex) {
        let loaded = read(&payload, &limits(512)).expect("good");
        assert_eq!(write(object(&loaded), true), payload);
    }
    let loaded = read(&hex(STREAMS[0]), &limits(512)).expect("good");
    assert_eq!(elements(&loaded), [b"1-1", b"3-5"]);

    let Ok(Loaded::Stream(stream)) = read(&hex(STREAM_3), &limits(512)) else { panic!("a stream") };
    stream.check();
    let group = stream.group(b"g").expect("the group");
    let consumers: Vec<_> = group.consumers().map(|consumer| consumer.active.is_some()).collect();
    assert_eq!((group.pending_len(), consumers), (1, vec![false, true]));
}

#[test]
fn what_is_pending_belongs_to_one_consumer() {
    // No nodes, no entries, last id 5-0, first 0-0, deleted 0-0, none added; one group, at 0-0.
    let start = b"\x13\0\0\x05\0\0\0\0\0\0\x01\x01g\0\0\0";
    let id = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let pending = [b"\x01", &id[..], &[0; 8], b"\x01"].concat();
    let consumer = |name: &[u8], ids: &[&[u8]]| {
        [b"\x01", name, &[0; 8], &[ids.len() as u8], &ids.concat()].concat()
    };
    let body = |consumers: &[Vec<u8>]| {
        [&start[..], &pending, &[consumers.len() as u8], &consumers.concat()].concat()
    };
    let good = body(&[consumer(b"a", &[]), consumer(b"b", &[&id])]);
    assert!(matches!(read(&sealed(&good), &limits(512)), Ok(Loaded::Stream(_))));
    let nobody = fault(&body(&[consumer(b"a", &[])]));
    assert!(matches!(nobody, Fault::Malformed("pending entry that is nobody's")));
    for both in [&[&id[..], &id][..], &[&id, &[0; 16]]] {
        let twice = fault(&body(&[consumer(b"a", both)]));
        assert!(matches!(twice, Fault::Malformed("pending entry of a consumer")));
    }
    assert!(matches!(
        fault(&body(&[consumer(b"a", &[&id]), consumer(b"a", &[])])),
        Fault::Duplicate
    ));
}

#[test]
fn collections_of_other_versions_are_read() {
    let ziplist = b"\x15\x15\0\0\0\x12\0\0\0\x04\0\x00\x01f\x03\xf2\x02\x01n\x03\xf8\xff";
    let cases: &[(&[u8], &[&str])] = &[
        (b"\x01\x02\x01b\xc0\x05", &["b", "5"]),
        (&[b"\x0a", &ziplist[..]].concat(), &["f", "1", "n", "7"]),
        (&[b"\x0e\x01", &ziplist[..]].concat(), &["f", "1", "n", "7"]),
        (b"\x12\x02\x01\x03abc\x02\x0a\x0a\0\0\0\x01\0\x81x\x02\xff", &["abc", "x"]),
        (&[b"\x0c", &ziplist[..]].concat(), &["f", "1", "n", "7"]),
        (b"\x03\x03\x01a\xff\x01b\x03-.5\x01c\xfe", &["a", "-inf", "b", "-0.5", "c", "inf"]),
        (b"\x14\x0a\x0a\0\0\0\x01\0\x81x\x02\xff", &["x"]),
    ];
    for (body, expected) in cases {
        let loaded = read(&sealed(body), &limits(512)).expect("good");
        let expected: Vec<Vec<u8>> = expected.iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(elements(&loaded), expected, "{body:x?}");
    }
    let nan = b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f";
    assert!(matches!(fault(nan), Fault::Malformed("score")));
    assert!(matches!(fault(b"\x03\x01\x01a\xfd"), Fault::Malformed("score")));
    assert!(matches!(fault(b"\x03\x01\x01a\x01x"), Fault::Malformed("score")));
    assert!(matches!(fault(b"\x02\x02\x01a\x01a"), Fault::Duplicate));
    assert!(matches!(fault(b"\x12\x01\x03\x01a"), Fault::Malformed("list node")));
}

#[test]
fn a_wrong_footer_is_told_from_a_bad_value() {
    let good = hex(STRINGS[0].1);
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 1;
        assert!(matches!(read(&bent, &limits(512)), Err(DumpError::Footer)), "byte {at}");
        assert!(matches!(read(&good[..at], &limits(512)), Err(DumpError::Footer)), "cut at {at}");
    }
    let mut newer = good[..good.len() - 10].to_vec();
    newer.extend((VERSION_MAX + 1).to_le_bytes());
    newer.extend(checksum(&newer).to_le_bytes());
    assert!(matches!(read(&newer, &limits(512)), Err(DumpError::Footer)), "a newer version");

    assert!(matches!(fault(b""), Fault::Truncated));
    assert!(matches!(fault(b"\x00\x05hell"), Fault::Truncated));
    assert!(matches!(fault(b"\x06\x01a"), Fault::UnknownType(6)));
    assert!(matches!(fault(b"\x00\xc4"), Fault::UnknownEncoding(4)));
    assert!(matches!(fault(b"\x04\xc0\x01"), Fault::NotALength));
    assert!(matches!(fault(b"\x04\x00"), Fault::Empty));
    assert!(matches!(fault(b"\x10\x07\x07\0\0\0\0\0\xff"), Fault::Empty));
    assert!(matches!(fault(b"\x04\x02\x01f\x011\x01f\x012"), Fault::Duplicate));
    assert!(matches!(fault(b"\x00\xc3\x02\x05\x00a"), Fault::BadCompression));
}

#[test]
fn a_length_that_lies_reserves_no_memory() {
    assert!(matches!(fault(b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"), Fault::Truncated));
    assert!(matches!(fault(b"\x00\x81\x7f\xff\xff\xff\xff\xff\xff\xffabc"), Fault::Truncated));
    assert!(matches!(fault(b"\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff"), Fault::Truncated));
    let compressed = b"\x00\xc3\x02\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00a";
    assert!(matches!(fault(compressed), Fault::BadCompression));
    let mut limits = limits(512);
    limits.zset.entries = 1 << 40;
    let members = sealed(b"\x05\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a");
    let Err(DumpError::Value(error)) = read(&members, &limits) else { panic!("cut off") };
    assert!(matches!(error.fault, Fault::Truncated));
}

#[derive(Clone, Debug)]
enum Damage {
    Set(u8),
    Flip(u8),
    Insert(u8),
    /// A length of 32 or 64 bits.
    Claim(u64),
    Remove,
    Cut,
    /// Another type.
    Retype(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        (0..8_u8).prop_map(Damage::Flip),
        any::<u8>().prop_map(Damage::Insert),
        (any::<u64>(), 0..64_u32).prop_map(|(length, shift)| Damage::Claim(length >> shift)),
        Just(Damage::Remove),
        Just(Damage::Cut),
        (0..26_u8).prop_map(Damage::Retype),
    ]
}

fn damaged(body: &mut Vec<u8>, at: usize, damage: &Damage) {
    let at = at % body.len();
    match *damage {
        Damage::Set(byte) => body[at] = byte,
        Damage::Flip(bit) => body[at] ^= 1 << bit,
        Damage::Insert(byte) => body.insert(at, byte),
        Damage::Claim(length) => {
            let wide = length > u64::from(u32::MAX);
            let bytes = length.to_be_bytes();
            let length = if wide { &bytes[..] } else { &bytes[4..] };
            let lead = [if wide { 0x81 } else { 0x80 }];
            body.splice(at..=at, lead.iter().chain(length).copied());
        }
        Damage::Remove if body.len() > 1 => drop(body.remove(at)),
        Damage::Remove => {}
        Damage::Cut => body.truncate(at.max(1)),
        Damage::Retype(byte) => body[0] = byte,
    }
}

/// Hashes with expiring fields, packed and not, as Redis 7.4 makes them.
const TIMED: [&str; 2] = [
    "1900d8c32cbb030000232300000006008266320382763203f400d8c32cbb030000098266310382763103000\
        1ff0c00647f527ce4c6d935",
    "1800d8c32cbb0300000341f502663102763100026633027633010266320276320c005ec2bb9c92797988",
];

proptest! {
    #[test]
    fn any_string_comes_back(text in vec(any::<u8>(), 0..100), repeat in 1..2000_usize) {
        let text = text.repeat(repeat);
        let payload = write(Object::String(ValueRef::of(&text)), true);
        prop_assert_eq!(read_string(&payload), text);
    }

    #[test]
    fn any_integer_comes_back(number in any::<i64>(), shift in 0..64_u32) {
        let number = number >> shift;
        let payload = write(Object::String(ValueRef::Int(number)), true);
        prop_assert_eq!(read_string(&payload), number.to_string().into_bytes());
    }

    #[test]
    fn any_hash_comes_back(
        pairs in btree_map(vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..90), 1..60),
        entries in prop_oneof![Just(0), Just(512), Just(20)],
    ) {
        let limits = limits(entries);
        let mut hash = Hash::default();
        for (field, value) in &pairs {
            hash.insert(field, value, &limits);
        }
        let mut read = read_hash(&write(Object::Hash(&hash), true), &limits).expect("good");
        read.sort();
        prop_assert_eq!(read, pairs.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn foreign_bytes_do_no_harm(
        kind in prop_oneof![0..26_u8, any::<u8>()],
        version in prop_oneof![Just(VERSION), Just(VERSION_VALKEY)],
        mut body in vec(prop_oneof![Just(0), Just(0xff), 0..12_u8, any::<u8>()], 0..80),
    ) {
        body.insert(0, kind);
        match read(&sealed_as(version, &body), &limits(4)) {
            Ok(Loaded::String(_)) | Err(_) => {}
            Ok(Loaded::Stream(stream)) => stream.check(),
            Ok(collection) => prop_assert!(!elements(&collection).is_empty()),
        }
    }

    #[test]
    fn what_is_read_of_a_damaged_payload_can_be_dumped_and_read_again(
        which in any::<prop::sample::Index>(),
        damages in vec((any::<prop::sample::Index>(), any::<bool>(), damage()), 1..5),
        entries in prop_oneof![Just(0), Just(512)],
    ) {
        let collections = COLLECTIONS.iter().map(|(_, payload)| *payload);
        let strings = STRINGS.iter().map(|(_, payload)| *payload);
        let streams = STREAMS.into_iter().chain([STREAM_3]).chain(TIMED);
        let all: Vec<&str> = collections.chain(strings).chain(streams).collect();
        let mut body = hex(which.get::<&str>(&all));
        body.truncate(body.len() - VERSION_BYTES - CHECKSUM_BYTES);
        for (at, near, damage) in &damages {
            // Lengths stand at the start.
            let span = if *near { body.len().min(12) } else { body.len() };
            damaged(&mut body, at.index(span), damage);
        }
        let limits = limits(entries);
        if let Ok(loaded) = read(&sealed(&body), &limits) {
            let again = read(&write(object(&loaded), true), &limits).expect("ours is good");
            prop_assert_eq!(again.kind(), loaded.kind());
            match loaded {
                Loaded::String(_) => {}
                // When consumers were active has no place in the form we write.
                Loaded::Stream(stream) => stream.check(),
                loaded => {
                    let (mut one, mut other) = (elements(&loaded), elements(&again));
                    one.sort();
                    other.sort();
                    prop_assert_eq!(one, other);
                }
            }
        }
    }
}

#[test]
fn expiring_fields_are_read_and_written_as_redis_does() {
    let [packed, spread] = TIMED;
    let (second, first) = (Millis(4_102_444_800_500), Millis(4_102_444_800_000));
    for (payload, entries) in [(packed, 512), (spread, 0)] {
        let loaded = read(&hex(payload), &limits(entries)).expect("well formed");
        let Loaded::Hash(hash) = loaded else { panic!("a hash") };
        hash.check();
        assert_eq!(hash.expiry(b"f2"), Some(Some(first)));
        let is_spread = entries == 0;
        assert_eq!(hash.expiry(b"f1"), Some(is_spread.then_some(second)));
        assert_eq!(hash.expiry(b"f3"), is_spread.then_some(None));
        let written = write(Object::Hash(&hash), false);
        if !is_spread {
            assert_eq!(written, hex(payload));
        }
        let Ok(Loaded::Hash(again)) = read(&written, &limits(entries)) else { panic!("a hash") };
        assert!(again.expiring().eq(hash.expiring()));
        assert_eq!(again.len(), hash.len());
    }
    assert!(matches!(fault(b"\x18\0\0\0\0\0\0\0\0\x02\0\x01a\x01b\0\x01a\x01c"), Fault::Duplicate));
    let odd = b"\x19\0\0\0\0\0\0\0\0\x0b\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff";
    assert!(matches!(fault(odd), Fault::Malformed("listpack")));
    let beyond = b"\x18\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x01\x01a\x01b";
    assert!(matches!(fault(beyond), Fault::Malformed("time of a field")));
}

/// A payload as Valkey 9 makes it; what both would read differently is refused.
#[test]
fn expiring_fields_are_read_as_valkey_writes_them() {
    let payload = hex("16020161c001e23fd1ffa10100000162c002ffffffffffffffff5000d169dee7c55dd0d8");
    let Ok(Loaded::Hash(hash)) = read(&payload, &limits(512)) else { panic!("a hash") };
    hash.check();
    assert_eq!(hash.expiry(b"a"), Some(Some(Millis(1_795_293_265_890))));
    assert_eq!((hash.expiry(b"b"), hash.len()), (Some(None), 2));
    let fault = |version, body: &[u8]| match read(&sealed_as(version, body), &limits(512)) {
        Err(DumpError::Value(error)) => error.fault,
        _ => panic!("a good footer and a bad value"),
    };
    let never = &[0xff; 8][..];
    let pair = [b"\x01a\x01b", never].concat();
    let hash = |pairs: &[&[u8]]| [b"\x16", &[pairs.len() as u8][..], &pairs.concat()].concat();
    assert!(matches!(fault(VERSION, &hash(&[&pair])), Fault::UnknownType(22)));
    assert!(matches!(fault(VERSION_VALKEY, &hash(&[&pair, &pair])), Fault::Duplicate));
    let before = hash(&[&[b"\x01a\x01b\xfe", &never[1..]].concat()]);
    assert!(matches!(fault(VERSION_VALKEY, &before), Fault::Malformed("time")));
    let theirs = b"\x18\0\0\0\0\0\0\0\0\x01\0\x01a\x01b";
    assert!(matches!(fault(VERSION_VALKEY, theirs), Fault::UnknownType(24)));
}

/// A listpack would write it as the integer 0; Redis reads large sets without one.
#[test]
fn a_score_of_minus_zero_keeps_its_sign_in_a_large_set() {
    let limits = limits(512);
    let mut zset = Zset::default();
    zset.begin_big(200, &limits);
    for n in 0..200 {
        zset.insert(format!("m{n}").as_bytes(), -0.0, &limits);
    }
    let payload = write(Object::Zset(&zset), true);
    let Ok(Loaded::Zset(back)) = read(&payload, &limits) else { panic!("a sorted set") };
    back.check();
    assert!(back.iter().all(|(_, score)| score.is_sign_negative()));
}
