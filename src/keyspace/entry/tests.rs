use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};
use crate::types::Limits;
use crate::types::hash::Hash;

/// What an entry should be.
#[derive(Clone, Debug)]
struct Model {
    key: Vec<u8>,
    text: Vec<u8>,
    encoding: &'static str,
    expiry: Option<Millis>,
    lru: u32,
}

#[derive(Clone, Debug)]
enum Op {
    Set(Vec<u8>, Option<Millis>, u32),
    SetRaw(Vec<u8>),
    SetInt(i64),
    SetShared(usize),
    Expire(Option<Millis>),
    Extend(usize, u8),
    Rename(Vec<u8>),
    Touch(u32),
    Duplicate,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // Around every bound: lengths of one byte and of four, embstr, inline and big.
    let len = prop_oneof![0..40usize, 40..50usize, 240..270usize, 16_300..16_500usize];
    (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len])
}

fn expiry() -> impl Strategy<Value = Option<Millis>> {
    prop::option::of(any::<u64>().prop_map(Millis))
}

fn op() -> impl Strategy<Value = Op> {
    let lru = 0..=LRU_BITS;
    prop_oneof![
        (bytes(), expiry(), lru.clone()).prop_map(|(text, expiry, lru)| Op::Set(text, expiry, lru)),
        any::<i64>().prop_map(|n| Op::Set(n.to_string().into_bytes(), None, 0)),
        bytes().prop_map(Op::SetRaw),
        any::<i64>().prop_map(Op::SetInt),
        (0..40_000usize).prop_map(Op::SetShared),
        expiry().prop_map(Op::Expire),
        (0..20_000usize, any::<u8>()).prop_map(|(len, byte)| Op::Extend(len, byte)),
        (0..300usize, any::<u8>()).prop_map(|(len, byte)| Op::Extend(len, byte)),
        bytes().prop_map(Op::Rename),
        lru.prop_map(Op::Touch),
        Just(Op::Duplicate),
    ]
}

impl Model {
    fn set(&mut self, text: &[u8], detect: bool, raw: bool) {
        self.text = text.to_vec();
        let is_int = detect
            && std::str::from_utf8(text).is_ok_and(|text| {
                text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
            });
        let short = text.len() <= EMBSTR_MAX;
        self.encoding = match (is_int, raw, short) {
            (true, ..) => "int",
            (_, false, true) => "embstr",
            _ => "raw",
        };
    }

    fn apply(&mut self, entry: &mut Entry, op: Op) {
        let (old_expiry, old_lru) = (self.expiry, self.lru);
        let mut edit = entry.edit();
        match op {
            Op::Set(text, expiry, lru) => {
                self.set(&text, true, false);
                (self.expiry, self.lru) = (expiry, lru);
                edit.set_string(NewStr::Bytes(&text), expiry, lru);
            }
            Op::SetRaw(text) => {
                self.set(&text, false, true);
                edit.set_string(NewStr::Raw(&text), old_expiry, old_lru);
            }
            Op::SetInt(value) => {
                self.set(value.to_string().as_bytes(), true, false);
                edit.set_string(NewStr::Int(value), old_expiry, old_lru);
            }
            Op::SetShared(len) => {
                let text = Arc::new(vec![b'x'; len]);
                self.set(&text, false, false);
                edit.set_string(NewStr::Shared(Arc::clone(&text)), old_expiry, old_lru);
            }
            Op::Expire(expiry) => {
                self.expiry = expiry;
                edit.set_expiry(expiry);
            }
            Op::Extend(len, byte) => {
                let len = len.max(self.text.len());
                self.text.resize(len, 0);
                self.encoding = "raw";
                let bytes = edit.string_mut(len).expect("a string");
                if let (Some(last), Some(end)) = (bytes.last_mut(), self.text.last_mut()) {
                    (*last, *end) = (byte, byte);
                }
            }
            Op::Rename(key) => {
                let taken = std::mem::replace(entry, Entry::string(b"", NewStr::Int(0), None, 0));
                *entry = taken.with_key(&key);
                self.key = key;
            }
            Op::Touch(lru) => {
                self.lru = lru;
                edit.set_lru(lru);
            }
            Op::Duplicate => *entry = entry.view().duplicate(&self.key),
        }
    }

    fn check(&self, entry: EntryRef<'_>) {
        assert_eq!(entry.key(), self.key);
        assert_eq!(entry.expiry(), self.expiry);
        assert_eq!(entry.lru(), self.lru);
        assert_eq!((entry.kind(), entry.encoding()), (Kind::String, self.encoding));
        let text = entry.string().expect("a string");
        assert!(*text.to_cow() == *self.text, "the value");
        assert_eq!(text.len(), self.text.len());
        assert_eq!(entry.heap_bytes() > 0, self.text.len() > INLINE_MAX);
    }
}

proptest! {
    #[test]
    fn a_string_entry_agrees_with_its_model(
        key in bytes(),
        history in prop::collection::vec(op(), 0..40),
    ) {
        let mut entry = Entry::string(&key, NewStr::Bytes(b""), None, 7);
        let mut model = Model { key, text: vec![], encoding: "embstr", expiry: None, lru: 7 };
        for op in history {
            model.apply(&mut entry, op);
            model.check(entry.view());
        }
    }
}

fn small_hash() -> (Hash, Limits) {
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_seed(1)));
    let mut hash = Hash::default();
    hash.insert(b"field", b"value", &limits);
    (hash, limits)
}

#[test]
fn a_collection_is_kept_through_every_change_of_its_block() {
    let (hash, limits) = small_hash();
    let mut entry = Entry::collection(b"key", hash, None, 1);
    entry.edit().set_expiry(Some(Millis(9)));
    let mut entry = entry.with_key(&[b'k'; 300]);
    entry.edit().get_mut::<Hash>().expect("a hash").insert(b"other", b"2", &limits);
    entry.edit().set_expiry(None);
    entry.edit().set_lru(5);
    let view = entry.view();
    assert_eq!((view.kind(), view.elements(), view.lru()), (Kind::Hash, 2, 5));
    assert_eq!((view.encoding(), view.expiry()), ("listpack", None));
    assert_eq!(view.heap_bytes(), view.get::<Hash>().expect("a hash").heap_bytes());
    assert!(view.string().is_none() && view.get::<crate::types::set::Set>().is_none());

    let mut copy = view.duplicate(b"copy");
    copy.edit().get_mut::<Hash>().expect("a hash").remove(b"field");
    assert_eq!((copy.view().key(), copy.view().elements()), (&b"copy"[..], 1));
    assert_eq!(entry.view().elements(), 2);

    let old = copy.edit().set_string(NewStr::Bytes(b"string"), None, 0).expect("does not fit");
    assert_eq!(old.view().elements(), 1);
    assert_eq!(copy.view().encoding(), "embstr");
    assert!(entry.edit().string_mut(3).is_none());
}

#[test]
fn a_shared_big_string_is_copied_when_one_side_is_edited() {
    let original = Arc::new(vec![b'a'; 20_000]);
    let mut entry = Entry::string(b"k", NewStr::Shared(Arc::clone(&original)), None, 0);
    let sent = entry.view().string().expect("a string").to_bytes();
    assert_eq!(sent.as_ptr(), original.as_ptr(), "sent by reference");
    entry.edit().string_mut(20_001).expect("a string")[0] = b'b';
    assert_eq!((sent[0], original[0]), (b'a', b'a'));
    let now = entry.view().string().expect("a string").to_cow().into_owned();
    assert_eq!((now.len(), now[0], now[1], now[20_000]), (20_001, b'b', b'a', 0));
}

#[test]
fn a_typical_entry_is_one_block_of_96_bytes() {
    let value = NewStr::Bytes(&[b'v'; 64]);
    let mut entry = Entry::string(&[b'k'; 16], value, None, 0);
    assert_eq!(entry.view().total_bytes(), 96);
    entry.edit().set_expiry(Some(Millis(1)));
    assert_eq!(entry.view().total_bytes(), 96);
    let (hash, _) = small_hash();
    assert_eq!(Entry::collection(&[b'k'; 16], hash, None, 0).view().block_bytes(), 32);
}

#[test]
fn appending_byte_by_byte_is_linear() {
    let mut entry = Entry::string(b"k", NewStr::Bytes(b""), None, 0);
    let (mut moves, mut before) = (0, entry.view().key().as_ptr());
    for len in 1..=INLINE_MAX {
        entry.edit().string_mut(len).expect("a string")[len - 1] = len as u8;
        let now = entry.view().key().as_ptr();
        moves += usize::from(now != before);
        before = now;
    }
    assert!(moves < 60, "the block moved {moves} times");
    let text = entry.view().string().expect("a string").to_cow().into_owned();
    assert!(text.iter().enumerate().all(|(at, &byte)| byte == (at + 1) as u8));
}
