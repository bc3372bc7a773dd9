use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::{KeyHasher, Rng};
use crate::types::PackLimits;

fn limits(integers: usize, entries: usize, value_bytes: usize) -> Limits {
    let hasher = KeyHasher::seeded(&mut Rng::from_seed(1));
    let set = PackLimits { entries, value_bytes };
    Limits { set_intset_entries: integers, set, ..Limits::new(hasher) }
}

fn set_of(members: &[&str], limits: &Limits) -> Set {
    let mut set = Set::default();
    for member in members {
        set.insert(member.as_bytes(), limits);
        set.check();
    }
    set
}

fn contents(set: &Set) -> Vec<Vec<u8>> {
    set.iter().map(|member| member.to_vec()).collect()
}

#[test]
fn small_sets_have_the_bytes_of_redis() {
    let limits = limits(512, 128, 64);
    let integers = set_of(&["1", "2", "300", "-5"], &limits);
    let dump = b"\x02\0\0\0\x04\0\0\0\xfb\xff\x01\0\x02\0\x2c\x01";
    assert_eq!((integers.encoding(), integers.as_intset()), ("intset", Some(dump.to_vec())));
    assert_eq!(Set::from_intset(dump, &limits).map(|set| set.len()), Ok(4));
    let mixed = set_of(&["a", "12"], &limits);
    let bytes = b"\x0c\0\0\0\x02\0\x81a\x02\x0c\x01\xff";
    assert_eq!((mixed.encoding(), mixed.as_listpack()), ("listpack", Some(&bytes[..])));
    assert_eq!(Set::from_listpack(bytes, &limits).map(|set| set.len()), Ok(2));
    assert!(Set::from_listpack(b"\x0c\0\0\0\x02\0\x81a\x02\x81a\x02\xff", &limits).is_err());
}

#[test]
fn the_reported_encoding_changes_where_it_does_in_redis() {
    let limits = limits(4, 6, 5);
    for (members, encoding) in [
        (&["1", "2", "3", "4"][..], "intset"),
        (&["1", "2", "3", "4", "5"], "hashtable"),
        (&["1", "2", "3", "4", "x"], "listpack"),
        (&["1", "2", "3", "4", "123456"], "hashtable"),
        (&["123456", "x"], "hashtable"),
        (&["x", "1", "2", "3", "4", "5"], "listpack"),
        (&["x", "1", "2", "3", "4", "5", "6"], "hashtable"),
        (&["1", "x12345"], "hashtable"),
        (&["x1234"], "listpack"),
    ] {
        assert_eq!(set_of(members, &limits).encoding(), encoding, "{members:?}");
    }
    let dump = b"\x02\0\0\0\x05\0\0\0\0\0\x01\0\x02\0\x03\0\x04\0";
    let loaded = Set::from_intset(dump, &limits).expect("well formed");
    assert_eq!((loaded.encoding(), loaded.len()), ("hashtable", 5));
}

#[test]
fn popping_empties_a_set_of_any_form() {
    let limits = limits(20, 30, 64);
    for members in [vec!["5", "6", "7"], vec!["a", "b", "6"], (0..300).map(|_| "").collect()] {
        let mut set = set_of(&members, &limits);
        if members.len() == 300 {
            (0..300_u32).for_each(|number| {
                set.insert(&number.to_le_bytes(), &limits);
            });
        }
        let (mut rng, mut popped) = (Rng::from_seed(1), BTreeSet::new());
        let len = set.len();
        let mut sampled = 0;
        set.sample(2, &mut rng, |_| sampled += 1);
        assert_eq!(sampled, 2);
        while let Some(member) = set.pop(&mut rng) {
            assert!(popped.insert(member));
            set.check();
        }
        assert_eq!((popped.len(), set.len()), (len, 0));
    }
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-60..60_i64).prop_map(|number| number.to_string().into()),
        1 => any::<i64>().prop_map(|number| number.to_string().into()),
        2 => (0..60_u8).prop_map(|number| vec![b'm', number]),
        1 => (0..1500_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

proptest! {
    #[test]
    fn a_set_agrees_with_a_set(
        ops in vec((member(), prop::bool::weighted(0.6)), 0..300),
        only_integers in 0..100_usize,
        integers in 0..30_usize,
        entries in 0..40_usize,
    ) {
        let limits = limits(integers, entries, 64);
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        for (step, (member, add)) in ops.into_iter().enumerate() {
            if step < only_integers && parse_i64(&member).is_none() {
                continue;
            }
            if add {
                prop_assert_eq!(set.insert(&member, &limits), model.insert(member));
            } else {
                prop_assert_eq!(set.remove(&member), model.remove(&member));
            }
            set.check();
            prop_assert_eq!(set.len(), model.len());
            match set.encoding() {
                "intset" => prop_assert!(model.len() <= integers),
                "listpack" => prop_assert!(model.len() <= entries),
                _ => {}
            }
        }
        prop_assert_eq!(&contents(&set).into_iter().collect::<BTreeSet<_>>(), &model);
        for member in &model {
            prop_assert!(set.contains(member));
        }
        prop_assert!(!set.contains(b"not there"));
        let set = set.clone();
        set.check();
        let (mut scanned, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = set.scan(cursor, 3, |member| {
                scanned.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(scanned, model);
    }
}
