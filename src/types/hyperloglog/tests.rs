use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SPARSE_MAX: usize = 3000;

/// FNV-1a: stands for the 12 KB that a server returned.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn filled(prefix: &str, count: u32) -> Vec<u8> {
    let mut hll = new();
    for number in 0..count {
        add(&mut hll, format!("{prefix}{number}").as_bytes(), SPARSE_MAX).expect("sound");
    }
    hll
}

/// Length, digest, count, and the digest once the count is cached.
fn summary(hll: &[u8]) -> (usize, u64, u64, u64) {
    let mut cached = hll.to_vec();
    let count = count(hll).expect("sound");
    assert_eq!(cached_count(hll), None);
    cache_count(&mut cached, count);
    assert_eq!(cached_count(&cached), Some(count));
    (hll.len(), digest(hll), count, digest(&cached))
}

/// What Redis 7.0.15 had after adding so many of `element:0`, `element:1`, …
#[test]
fn every_byte_and_count_is_that_of_redis() {
    let mut hll = new();
    let mut added = 0_u32;
    for (stop, changes, expected) in [
        (0, 0, (18, 0x524b_c36d_036c_0579, 0, 0xfd8f_436a_8f6e_62f9)),
        (1, 1, (21, 0x5db2_e01c_3370_7b73, 1, 0xee0d_c2da_ee40_50ac)),
        (2, 1, (24, 0xf025_e8e2_dad2_663a, 2, 0x5d89_3b7a_822f_218c)),
        (5, 3, (33, 0xd891_3c96_e34d_952e, 5, 0xb2a7_452e_d04a_b5c9)),
        (20, 15, (76, 0xc995_2ed3_6266_a2bf, 20, 0xfb26_8352_181c_44ab)),
        (100, 80, (285, 0x67b3_25af_8799_02d0, 99, 0x033e_4e4e_6be9_ec79)),
        (400, 299, (875, 0x64f0_5bee_29fe_c968, 401, 0x19c6_2216_76f1_4596)),
        (700, 293, (1401, 0x1ee1_e7db_4c44_da07, 703, 0x00f1_a383_f6fe_06ec)),
        (1000, 286, (1897, 0x0f28_a9d9_3d31_64c9, 997, 0xb2a2_cc50_8fc5_ee31)),
        (1100, 96, (2057, 0x26f7_6aa6_8df4_7cb6, 1095, 0xfe0d_def2_1af1_ae8b)),
        (1300, 191, (2387, 0x414e_8e6d_6efe_3b09, 1294, 0x79cf_8dc5_07ee_a21a)),
        (1500, 197, (2722, 0xf838_0719_71f9_3338, 1500, 0xac1c_3b14_4623_00f7)),
        (2000, 469, (12304, 0xcce1_8855_76fa_ad71, 2004, 0x6f04_93b0_7f19_385c)),
        (5000, 2639, (12304, 0x71b5_9976_ab1a_a332, 5005, 0x34cb_6bb2_d0f2_df6a)),
        (20000, 9516, (12304, 0x50d6_b0a9_6d37_3a57, 19986, 0x73d1_f56d_b36c_fbff)),
        (100_000, 18236, (12304, 0x8c61_5f2c_0212_2d45, 100_039, 0xf9c0_1647_cea5_9fdd)),
    ] {
        let mut changed = 0;
        while added < stop {
            let element = format!("element:{added}").into_bytes();
            changed += u32::from(add(&mut hll, &element, SPARSE_MAX) == Ok(true));
            added += 1;
        }
        assert_eq!((changed, summary(&hll)), (changes, expected), "{stop} elements");
    }
}

/// What PFMERGE left in Redis 7.0.15.
#[test]
fn merges_are_those_of_redis() {
    let (a, b, k) = (filled("a", 300), filled("b", 200), filled("element:", 100_000));
    let mut all = registers(&a).expect("sound");
    merge_into(&mut all, &b).expect("sound");
    let mut sparse = new();
    raise_all(&mut sparse, &all, false, SPARSE_MAX).expect("sound");
    assert_eq!(summary(&sparse), (1047, 0x24b6_2458_d120_a922, 503, 0x5c5f_3fc2_9492_8976));

    let mut dense = a.clone();
    let mut all = registers(&a).expect("sound");
    merge_into(&mut all, &k).expect("sound");
    raise_all(&mut dense, &all, true, SPARSE_MAX).expect("sound");
    assert_eq!(summary(&dense), (12304, 0xba02_8879_3ad0_e7d2, 100_279, 0x9207_adac_7239_7569));

    let (mut x, y) = (filled("x", 900), filled("y", 900));
    assert_eq!((x.len(), y.len()), (1703, 1715));
    let mut all = registers(&x).expect("sound");
    merge_into(&mut all, &y).expect("sound");
    raise_all(&mut x, &all, false, SPARSE_MAX).expect("sound");
    assert_eq!(summary(&x), (12304, 0xa687_0f8d_3930_4e89, 1796, 0xb910_94a6_01b2_7460));
}

/// The rest of a run that was split is joined with what follows it, as Redis 7.0.15 does.
#[test]
fn joining_reaches_past_the_split() {
    let mut hll = new();
    hll.truncate(HEADER);
    hll.extend_from_slice(&[0x88, 0x83, 0x81, 0x7f, 0xf8]);
    assert_eq!(add(&mut hll, b"j17171", SPARSE_MAX), Ok(true));
    assert_eq!(hll[HEADER..], [0x88, 0x80, 0x8c, 0x83, 0x7f, 0xf8]);
}

#[test]
fn strings_that_are_not_one_are_told_from_damaged_ones() {
    let mut damaged = new();
    damaged.truncate(17);
    assert_eq!(count(&damaged), Err(HllError::Corrupt));
    assert_eq!(add(&mut damaged, b"x", SPARSE_MAX), Err(HllError::Corrupt));
    assert_eq!(to_dense(&mut damaged), Err(HllError::Corrupt));
    let mut short_dense = new();
    short_dense[ENCODING] = DENSE;
    for not_one in [&b""[..], b"HYLL", b"a string of sixteen bytes and more", &short_dense] {
        assert_eq!(count(not_one), Err(HllError::NotOne));
        assert_eq!(add(&mut not_one.to_vec(), b"x", SPARSE_MAX), Err(HllError::NotOne));
    }
}

proptest! {
    /// Both forms hold the same registers, and each the highest value that it was raised to.
    #[test]
    fn both_forms_agree_with_an_array(raises in vec((0..300_usize, 1..36_u8), 0..300)) {
        let (mut sparse, mut dense) = (new(), new());
        to_dense(&mut dense).expect("sound");
        let mut model = Box::new([0; REGISTERS]);
        for (index, value) in raises {
            // Both ends of the registers, where runs begin and end.
            let index = if index < 150 { index } else { REGISTERS - 1 - (index - 150) };
            let raised = model[index] < value;
            model[index] = model[index].max(value);
            prop_assert_eq!(raise(&mut sparse, index, value, SPARSE_MAX), Ok(raised));
            prop_assert_eq!(raise(&mut dense, index, value, SPARSE_MAX), Ok(raised));
            prop_assert!(registers(&sparse).as_ref() == Ok(&model));
        }
        prop_assert!(registers(&dense).as_ref() == Ok(&model));
        to_dense(&mut sparse).expect("sound");
        prop_assert_eq!(&sparse[HEADER..], &dense[HEADER..]);
    }

    #[test]
    fn foreign_bytes_never_panic(
        mut bytes in vec(any::<u8>(), 0..60),
        dense in any::<bool>(),
        elements in vec(any::<u64>(), 0..20),
    ) {
        let mut hll = new();
        hll[ENCODING] = u8::from(!dense);
        hll.truncate(HEADER);
        hll.append(&mut bytes);
        for element in elements {
            let before = hll.clone();
            if add(&mut hll, &element.to_le_bytes(), SPARSE_MAX).is_err() {
                prop_assert_eq!(&hll, &before);
            }
        }
        let _ = count(&hll);
    }
}
