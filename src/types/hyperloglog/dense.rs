//! Registers of six bits each, from the lowest bit of the first byte on.

use super::REGISTERS;

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;
/// What all registers take.
pub(super) const BYTES: usize = REGISTERS * BITS / 8;

/// The two bytes that a register may touch (the last one ends with its byte), and its shift.
fn place(bytes: &[u8], index: usize) -> (usize, u32, u16) {
    let bit = index * BITS;
    let high = bytes.get(bit / 8 + 1).copied().unwrap_or(0);
    (bit / 8, (bit % 8) as u32, u16::from_le_bytes([bytes[bit / 8], high]))
}

pub(super) fn get(bytes: &[u8], index: usize) -> u8 {
    let (_, shift, word) = place(bytes, index);
    (word >> shift & MASK) as u8
}

pub(super) fn set(bytes: &mut [u8], index: usize, value: u8) {
    let (at, shift, word) = place(bytes, index);
    let [low, high] = (word & !(MASK << shift) | u16::from(value) << shift).to_le_bytes();
    bytes[at] = low;
    if let Some(next) = bytes.get_mut(at + 1) {
        *next = high;
    }
}

pub(super) fn raise(bytes: &mut [u8], index: usize, value: u8) -> bool {
    let raised = get(bytes, index) < value;
    if raised {
        set(bytes, index, value);
    }
    raised
}
