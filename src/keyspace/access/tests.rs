use super::*;
use crate::base::{KeyHasher, Rng, Slot};
use crate::keyspace::{Keyspace, NewStr};

const NOW: Millis = Millis(1_000_000);

fn keyspace() -> Keyspace {
    Keyspace::new(2, KeyHasher::seeded(&mut Rng::from_seed(1)), 1)
}

fn with_key<R>(
    keyspace: &Keyspace,
    now: Millis,
    work: impl FnOnce(&mut Held<'_>, &Key<'_>) -> R,
) -> R {
    let bytes = b"key";
    let mut keys = [Key::new(bytes, keyspace.hash(bytes), Slot::of(bytes))];
    let mut held = Held::lock(keyspace, 0, &mut keys, now);
    let result = work(&mut held, &keys[0]);
    held.slot(&keys[0]).check(keyspace.hasher());
    result
}

fn text(held: &mut Held<'_>, key: &Key<'_>) -> Option<Vec<u8>> {
    held.string(key).expect("a string").map(|text| text.to_cow().into_owned())
}

#[test]
fn a_string_is_set_read_and_removed() {
    let keyspace = keyspace();
    with_key(&keyspace, NOW, |held, key| {
        assert!(held.set_string(key, NewStr::Bytes(b"value"), Lifetime::Forever));
        assert!(!held.set_string(key, NewStr::Bytes(b"12"), Lifetime::Forever));
        assert_eq!(held.read(key).map(EntryRef::encoding), Some("int"));
        assert_eq!(held.append(key, b"3"), Ok(3));
        assert_eq!(text(held, key), Some(b"123".to_vec()));
        assert_eq!(held.read(key).map(EntryRef::encoding), Some("raw"));
    });
    assert_eq!(keyspace.counts(0), (1, 0));
    with_key(&keyspace, NOW, |held, key| {
        assert!(held.remove(key));
        assert!(!held.remove(key));
        assert_eq!(text(held, key), None);
        assert_eq!((held.counters.hits, held.counters.misses), (0, 1));
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}

#[test]
fn an_expired_key_is_deleted_by_a_primary_and_hidden_by_a_replica() {
    let keyspace = keyspace();
    with_key(&keyspace, NOW, |held, key| {
        held.set_string(key, NewStr::Bytes(b"v"), Lifetime::Until(NOW + Millis(10)));
        assert_eq!(held.expiry(key), Some(Some(NOW + Millis(10))));
    });
    assert_eq!(keyspace.counts(0), (1, 1));
    let later = NOW + Millis(10);
    keyspace.set_expiry(Expiry::Hide);
    with_key(&keyspace, later, |held, key| assert!(held.read(key).is_none()));
    assert_eq!(keyspace.counts(0), (1, 1));
    keyspace.set_expiry(Expiry::Delete);
    with_key(&keyspace, later, |held, key| {
        assert!(held.peek(key).is_none());
        assert!(held.read(key).is_none());
        assert_eq!(held.counters.expired, 1);
        assert_eq!(&*held.expired[0].key, b"key");
    });
    assert_eq!(keyspace.counts(0), (0, 0));
}
