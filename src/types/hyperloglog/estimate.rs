//! From an element to its register, and from registers to a count.

use super::{COUNTED_BITS, INDEX_BITS, REGISTERS, Registers};

/// The seed of the hash: part of the format, since merged HyperLogLogs must agree.
const SEED: u64 = 0xadc8_3b19;
/// 1 / (2 ln 2): the estimator's bias correction for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The register that an element belongs to, and the value that it raises it to: one more than the
/// zeros that end the rest of its hash.
pub(super) fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur64(element, SEED);
    let index = hash as usize & (REGISTERS - 1);
    let rest = hash >> INDEX_BITS | 1 << COUNTED_BITS;
    (index, rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash64A.
fn murmur64(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |word: u64| {
        let word = word.wrapping_mul(FACTOR);
        (word ^ word >> 47).wrapping_mul(FACTOR)
    };
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ mix(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}

/// Estimates the number of distinct elements: Otmar Ertl's estimator ("New cardinality estimation
/// algorithms for HyperLogLog sketches", 2017), which needs no correction for small or large
/// counts.
#[must_use]
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = [0_u32; 64];
    for &value in registers {
        histogram[usize::from(value & 63)] += 1;
    }
    let total = REGISTERS as f64;
    let highest = COUNTED_BITS as usize;
    let mut sum = total * tau((total - f64::from(histogram[highest + 1])) / total);
    for &registers in histogram[1..=highest].iter().rev() {
        sum = (sum + f64::from(registers)) * 0.5;
    }
    sum += total * sigma(f64::from(histogram[0]) / total);
    (ALPHA * total * total / sum).round() as u64
}

fn tau(mut share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - share);
    loop {
        share = share.sqrt();
        factor *= 0.5;
        let last = sum;
        sum -= (1.0 - share).powi(2) * factor;
        if sum == last {
            return sum / 3.0;
        }
    }
}

fn sigma(mut share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, share);
    loop {
        share *= share;
        let last = sum;
        sum += share * factor;
        factor += factor;
        if sum == last {
            return sum;
        }
    }
}
