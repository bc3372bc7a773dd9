use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Millis, ReplId, Rng};
use crate::keyspace::{Clock, Entry, EntryRef, NewStr, Recording};
use crate::persist::rdb::dump::{self, checksum};
use crate::persist::rdb::{Dialect, Fault, Loaded, Object, RdbError, Writer, write_object};
use crate::types::{Hash, Limits, Set, Zset};

/// What a value holds, whatever order it keeps it in.
fn elements(entry: EntryRef<'_>) -> Vec<Vec<u8>> {
    let pair = |one: &[u8], other: &[u8]| [one, b"=", other].concat();
    let mut elements: Vec<Vec<u8>> = match Object::of(entry) {
        Object::String(text) => vec![text.to_vec()],
        Object::Set(set) => set.iter().map(|member| member.to_vec()).collect(),
        Object::Hash(hash) => {
            let pairs = hash.iter().map(|(f, v)| pair(&f.to_vec(), &v.to_vec()));
            let times = hash.expiring().map(|(f, at)| pair(f, at.0.to_string().as_bytes()));
            pairs.chain(times).collect()
        }
        Object::Zset(zset) => {
            zset.iter().map(|(m, score)| pair(&m.to_vec(), score.to_string().as_bytes())).collect()
        }
        Object::List(_) | Object::Stream(_) => vec![dump::write(Object::of(entry), false)],
    };
    elements.sort();
    elements
}

type Noted = (Vec<Vec<u8>>, Option<Millis>, Option<Usage>);

/// What a file held, keys by database.
#[derive(Default, Debug, PartialEq)]
struct Seen {
    keys: BTreeMap<(u8, Vec<u8>), Noted>,
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    functions: Vec<Vec<u8>>,
    counts: Vec<(u8, u64, u64)>,
}

impl Sink for Seen {
    fn key(&mut self, record: Record) -> Result<(), Fault> {
        let Record { db, key, value, expiry, usage } = record;
        let entry = value.into_entry(&key, None, 0);
        match self.keys.insert((db, key), (elements(entry.view()), expiry, usage)) {
            Some(_) => Err(Fault::Duplicate),
            None => Ok(()),
        }
    }

    fn function(&mut self, source: Vec<u8>) -> Result<(), Fault> {
        self.functions.push(source);
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.aux.push((name.to_vec(), value.to_vec()));
    }

    fn counts(&mut self, db: u8, keys: u64, expires: u64) {
        self.counts.push((db, keys, expires));
    }
}

fn read(bytes: &[u8]) -> Result<(Seen, Outcome), RdbError> {
    let mut seen = Seen::default();
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    let loading = Loading { limits: &limits, databases: 16, checksum: true };
    load(bytes, loading, &mut seen).map(|outcome| (seen, outcome))
}

/// Keys that were handed over as they stood in the file, decoded later.
struct Later {
    seen: Seen,
    batch: RawBatch,
}

impl Sink for Later {
    fn takes_raw(&self) -> bool {
        true
    }

    fn raw(&mut self, record: RawRecord<'_>) -> Result<(), Fault> {
        self.batch.push(record);
        Ok(())
    }

    fn key(&mut self, record: Record) -> Result<(), Fault> {
        self.seen.key(record)
    }

    fn function(&mut self, source: Vec<u8>) -> Result<(), Fault> {
        self.seen.function(source)
    }
}

/// As [`read`], with keys decoded when everything else was read.
fn read_later(bytes: &[u8]) -> Result<Seen, RdbError> {
    let mut later = Later { seen: Seen::default(), batch: RawBatch::default() };
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    let loading = Loading { limits: &limits, databases: 16, checksum: true };
    let outcome = load(bytes, loading, &mut later);
    let Later { mut seen, batch } = later;
    for record in batch.iter() {
        let one = record.key()?;
        let noted = match one.entry(&limits, 0) {
            Ok(entry) => (elements(entry.view()), one.note.expiry, one.note.usage),
            Err(RdbError { fault: Fault::Empty, .. }) => continue,
            Err(error) => return Err(error),
        };
        if seen.keys.insert((one.note.db, one.key.into_owned()), noted).is_some() {
            return Err(RdbError { at: one.end, fault: Fault::Duplicate });
        }
    }
    outcome.map(|_| seen)
}

fn fault(bytes: &[u8]) -> String {
    read(bytes).map(|_| "accepted".to_owned()).unwrap_or_else(|error| error.fault.to_string())
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// What redis-server 7.0.15 saved: two databases, an expiry.
const FROM_REDIS: &str = "524544495330303130
    fa0972656469732d76657206372e302e3135 fa0a72656469732d62697473c040
    fa056374696d65c287bd006b fa08757365642d6d656dc238bc1400 fa08616f662d62617365c000
    fe00fb0201 00016b0176 fc00d8c32cbb030000000165 0178 fe03fb0100 00016ec007
    ff37eebbf35e318af7";

#[test]
fn a_file_of_redis_is_read() {
    let (seen, outcome) = read(&hex(FROM_REDIS)).unwrap();
    assert!(outcome.is_checked && outcome.rest.is_empty() && outcome.keys == 3);
    assert_eq!(outcome.bytes, hex(FROM_REDIS).len() as u64);
    let keys: Vec<_> = seen.keys.iter().map(|((db, key), v)| (*db, key.as_slice(), v.1)).collect();
    let at = Some(Millis(4_102_444_800_000));
    assert_eq!(keys, [(0, &b"e"[..], at), (0, b"k", None), (3, b"n", None)]);
    assert_eq!(seen.counts, [(0, 2, 1), (3, 1, 0)]);
    assert_eq!(seen.aux[0], (b"redis-ver".to_vec(), b"7.0.15".to_vec()));
    assert_eq!(seen.aux[4], (b"aof-base".to_vec(), b"0".to_vec()));
}

#[test]
fn what_follows_a_file_is_handed_back() {
    let mut bytes = hex(FROM_REDIS);
    bytes.extend(b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(read(&bytes).unwrap().1.rest, b"*1\r\n$4\r\nPING\r\n");
}

#[test]
fn damage_is_told_by_its_kind() {
    let good = hex(FROM_REDIS);
    for end in 0..good.len() {
        assert_eq!(fault(&good[..end]), "the data ends too early", "{end}");
    }
    let mut flipped = good.clone();
    let at = good.windows(2).position(|pair| pair == b"\x01x").unwrap() + 1;
    flipped[at] ^= 1;
    let said = fault(&flipped);
    assert!(said.starts_with("the checksum is"), "{said}");
    let mut unchecked = good.clone();
    unchecked.truncate(good.len() - 8);
    unchecked.extend([0; 8]);
    assert!(!read(&unchecked).unwrap().1.is_checked);
    assert_eq!(fault(b"RIDES0010\xff00000000"), "not an RDB file");
    assert_eq!(fault(b"VALKEY08_\xff"), "not an RDB file");
    assert_eq!(fault(b"VALKEY081\xff"), "version 81 of the format is not known here");
    assert_eq!(fault(b"VALKEY010\xff"), "version 10 of the format is not known here");
    assert_eq!(fault(b"REDIS0013\xff"), "version 13 of the format is not known here");
    assert_eq!(fault(b"REDIS0000\xff"), "version 0 of the format is not known here");
    let body = |body: &[u8]| [b"REDIS0011", body, b"\xff", &[0; 8]].concat();
    assert_eq!(fault(&body(b"")), "accepted");
    assert_eq!(
        fault(&body(b"\xfe\x10")),
        "there is no database 16 here: see the setting databases"
    );
    assert_eq!(fault(&body(b"\x00\x01k\x01v\x00\x01k\x01v")), "an element occurs twice");
    assert_eq!(fault(&body(b"\x16\x01k")), "unknown value type 22");
    assert_eq!(fault(&body(b"\xf3")), "unknown value type 243");
    let module = "the key belongs to the module AAAAAAAAB, which is not here";
    assert_eq!(fault(&body(b"\x07\x01k\x44\x00")), module);
}

#[test]
fn what_is_not_for_us_is_skipped() {
    let module =
        [0xf7, 1, 2, 1, 1, 5, 2, 9, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, b'x', 0];
    let rest = [&module[..], b"\xf4\x01\x02\x00\xf5\x05#!lua\xf8\x09\x00\x01k\x01v"].concat();
    // A set without members, and a key whose time is noted in seconds.
    let more = b"\x02\x01s\x00\xf9\x07\xfd\xff\xff\xff\x7f\x00\x01t\x01v";
    let bytes = [b"REDIS0012", &rest[..], more, b"\xff", &[0; 8]].concat();
    let (seen, outcome) = read(&bytes).unwrap();
    assert_eq!((outcome.keys, outcome.empty), (2, 1));
    assert_eq!(seen.functions, [b"#!lua".to_vec()]);
    assert_eq!(seen.keys[&(0, b"k".to_vec())].2, Some(Usage::IdleSecs(9)));
    let late = &seen.keys[&(0, b"t".to_vec())];
    assert_eq!((late.1, late.2), (Some(Millis(2_147_483_647_000)), Some(Usage::Frequency(7))));
}

fn header() -> Header {
    let id = ReplId::random(&mut Rng::from_seed(1));
    Header {
        redis_version: "7.2.4",
        created: Millis::from_secs(1_700_000_000),
        used_memory: 1 << 40,
        replication: Some(ReplicationPoint { db: 3, id, offset: 12_345_678_901 }),
        is_aof_base: true,
        is_timed: false,
        dialect: Dialect::Redis,
    }
}

#[test]
fn a_file_for_valkey_has_its_head_and_its_hashes() {
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    let mut hash = Hash::default();
    for n in 0..600 {
        let field = format!("field {n}");
        assert!(hash.insert(field.as_bytes(), b"v", &limits));
        assert!(n > 8 || hash.set_expiry(field.as_bytes(), Some(Millis(n + 1))));
    }
    let header = Header { dialect: Dialect::Valkey, ..header() };
    let mut file = FileWriter::start(Vec::new(), true, &header).unwrap();
    let mut writer = Writer::new(true);
    writer.dialect = Dialect::Valkey;
    write_object(&mut writer, Some(b"key"), Object::Hash(&hash), &mut |_| {});
    assert_eq!(writer.out[..5], *b"\x16\x03key");
    file.records(0, &writer.out).unwrap();
    let bytes = file.finish().unwrap();
    assert!(bytes.starts_with(b"VALKEY080\xfa\x09redis-ver"), "{}", bytes.escape_ascii());
    let (seen, outcome) = read(&bytes).unwrap();
    assert_eq!((outcome.version, outcome.is_checked), (80, true));
    let (read, ..) = &seen.keys[&(0, b"key".to_vec())];
    let entry = Loaded::Hash(hash).into_entry(b"key", None, 0);
    assert_eq!(*read, elements(entry.view()));
}

#[test]
fn a_written_file_says_what_its_header_said() {
    let mut file = FileWriter::start(Vec::new(), true, &header()).unwrap();
    file.function(b"#!lua name=x\n").unwrap();
    let bytes = file.finish().unwrap();
    let (seen, outcome) = read(&bytes).unwrap();
    assert!(outcome.is_checked && outcome.version == 10);
    let aux: BTreeMap<_, _> = seen.aux.into_iter().collect();
    let said = |name: &str| String::from_utf8(aux[name.as_bytes()].clone()).unwrap();
    assert_eq!(said("used-mem"), "1099511627776");
    assert_eq!(said("repl-stream-db"), "3");
    assert_eq!(said("repl-id"), header().replication.unwrap().id.to_string());
    assert_eq!(said("repl-offset"), "12345678901");
    assert_eq!(said("aof-base"), "1");
    assert_eq!(seen.functions, [b"#!lua name=x\n".to_vec()]);
    let quiet = FileWriter::start(Vec::new(), false, &header()).unwrap().finish().unwrap();
    assert!(quiet.ends_with(&[0; 8]) && read(&quiet).is_ok());
}

/// An entry of some type, by small numbers.
fn entry(key: &[u8], kind: u8, size: usize, expiry: Option<Millis>, lru: u32) -> Entry {
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    let name = |n: usize| format!("member {n}").into_bytes();
    match kind % 4 {
        0 => Entry::string(key, NewStr::Bytes(&b"text ".repeat(size)), expiry, lru),
        1 => {
            let mut set = Set::default();
            (0..=size).for_each(|n| assert!(set.insert(&name(n), &limits)));
            Entry::collection(key, set, expiry, lru)
        }
        2 => {
            let mut zset = Zset::default();
            (0..=size)
                .for_each(|n| assert!(zset.insert(&name(n), n as f64 / 3.0, &limits).is_none()));
            Entry::collection(key, zset, expiry, lru)
        }
        _ => {
            let mut hash = Hash::default();
            (0..=size).for_each(|n| assert!(hash.insert(&name(n), &name(n + 1), &limits)));
            Entry::collection(key, hash, expiry, lru)
        }
    }
}

proptest! {
    #[test]
    fn keys_come_back_as_they_were(
        keys in vec((0..3_u8, any::<u8>(), 0..600_usize, any::<bool>(), 0..1000_u64), 0..20),
        hints in prop_oneof![Just(Hints::None), Just(Hints::Idle), Just(Hints::Frequency)],
        compress in any::<bool>(),
    ) {
        let recording = match hints {
            Hints::Frequency => Recording::Frequency { log_factor: 10, decay_minutes: 1 },
            Hints::Idle | Hints::None => Recording::LastUse,
        };
        let clock = Clock::new(Millis::from_secs(1_700_000_000), recording);
        let mut expected = Seen::default();
        let mut file = FileWriter::start(Vec::new(), true, &header()).unwrap();
        let mut writer = Writer::new(compress);
        for (number, (db, kind, size, expires, usage)) in keys.into_iter().enumerate() {
            let key = format!("key {number}").into_bytes();
            let expiry = expires.then_some(Millis(usage * 1_000_003));
            let (lru, usage) = match hints {
                Hints::None => (0, None),
                Hints::Idle => (clock.from_idle(usage), Some(Usage::IdleSecs(usage))),
                Hints::Frequency => {
                    (clock.from_frequency(usage as u8), Some(Usage::Frequency(usage as u8)))
                }
            };
            let entry = entry(&key, kind, size, expiry, lru);
            write_record(&mut writer, entry.view(), hints, &clock, &mut |out| {
                file.records(db, &std::mem::take(out)).unwrap();
            });
            file.records(db, &std::mem::take(&mut writer.out)).unwrap();
            expected.keys.insert((db, key), (elements(entry.view()), expiry, usage));
        }
        let bytes = file.finish().unwrap();
        let (seen, outcome) = read(&bytes).unwrap();
        prop_assert!(outcome.is_checked);
        prop_assert_eq!(&seen.keys, &expected.keys);
        prop_assert_eq!(read_later(&bytes).unwrap().keys, expected.keys);
    }

    #[test]
    fn foreign_bytes_do_no_harm(
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        noise in vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        good_checksum in any::<bool>(),
    ) {
        let mut writer = Writer::new(true);
        let clock = Clock::new(Millis(0), Recording::LastUse);
        for kind in 0..4 {
            let entry = entry(&[kind], kind, 40, None, 0);
            write_record(&mut writer, entry.view(), Hints::None, &clock, &mut |_| {});
        }
        let mut file = FileWriter::start(Vec::new(), true, &header()).unwrap();
        file.records(0, &writer.out).unwrap();
        let mut bytes = file.finish().unwrap();
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let at = at.index(bytes.len());
        bytes.splice(at..at, noise);
        if good_checksum {
            let end = bytes.len() - 8;
            let sum = checksum(&bytes[..end]);
            bytes[end..].copy_from_slice(&sum.to_le_bytes());
        }
        // Whatever comes of it: neither a panic nor memory that was only promised.
        let told = |error: RdbError| (error.at, error.fault.to_string());
        let at_once = read(&bytes).map(|(seen, _)| seen.keys).map_err(told);
        prop_assert_eq!(read_later(&bytes).map(|seen| seen.keys).map_err(told), at_once);
    }
}
