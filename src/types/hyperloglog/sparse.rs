//! Registers as runs of equal ones.
//!
//! ```text
//! 00xxxxxx           x + 1 registers of zero
//! 01xxxxxx yyyyyyyy  x << 8 | y, plus 1, registers of zero
//! 1vvvvvxx           x + 1 registers of v + 1
//! ```
//!
//! Which of several encodings of the same registers is written follows Redis to the byte: a run is
//! split in place, then equal neighbours among the next few are joined.

use std::ops::Range;

use super::{HEADER, HllError, REGISTERS};

/// All registers zero.
pub(super) const EMPTY: [u8; 2] = [0x7f, 0xff];
/// A run of zeros that fits the short form.
const SHORT_ZEROS: usize = 64;
/// Values past this have no sparse form.
const VALUE_MAX: u8 = 32;
const VALUE_RUN_MAX: usize = 4;
/// After a change so many runs, from the one before it on, are looked at for equal neighbours.
const JOIN_SCAN: usize = 5;

/// One code: which registers it stands for, their value, and where its bytes are.
#[derive(Clone, Debug)]
pub(super) struct Run {
    first: usize,
    len: usize,
    pub value: u8,
    bytes: Range<usize>,
}

impl Run {
    pub fn registers(&self) -> Range<usize> {
        self.first..self.first + self.len
    }
}

pub(super) enum Raised {
    No,
    Yes,
    /// Nothing was changed: the dense form must take over.
    TooLarge,
}

/// Decodes one code at `at`.
fn decode(bytes: &[u8], at: usize, first: usize) -> Option<Run> {
    let code = *bytes.get(at)?;
    let (len, value, size) = match code >> 6 {
        0b00 => (usize::from(code & 0x3f) + 1, 0, 1),
        0b01 => {
            let low = usize::from(*bytes.get(at + 1)?);
            ((usize::from(code & 0x3f) << 8 | low) + 1, 0, 2)
        }
        _ => (usize::from(code & 0b11) + 1, (code >> 2 & 0x1f) + 1, 1),
    };
    (first + len <= REGISTERS).then_some(Run { first, len, value, bytes: at..at + size })
}

/// The runs; the last item is an error if they do not cover all registers exactly.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Result<Run, HllError>> + '_ {
    let (mut at, mut first, mut failed) = (0, 0, false);
    std::iter::from_fn(move || {
        if failed || at == bytes.len() && first == REGISTERS {
            return None;
        }
        let run = decode(bytes, at, first).ok_or(HllError::Corrupt);
        match &run {
            Ok(run) => (at, first) = (run.bytes.end, first + run.len),
            Err(_) => failed = true,
        }
        Some(run)
    })
}

/// The codes in words, without a look at what they add up to: `Z` and `z` for zeros in the long and
/// the short form, `v` for a value, with how many registers.
pub(super) fn describe(bytes: &[u8]) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(run) = decode(bytes, at, 0) {
        words.push(match (run.value, run.bytes.len()) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (value, _) => format!("v:{value},{}", run.len),
        });
        at = run.bytes.end;
    }
    words.join(" ")
}

/// The run that covers a register, and where the one before it begins (0 if it is the first).
fn find(bytes: &[u8], index: usize) -> Result<(Run, usize), HllError> {
    let mut before = 0;
    for run in runs(bytes) {
        let run = run?;
        if run.registers().contains(&index) {
            return Ok((run, before));
        }
        before = run.bytes.start;
    }
    Err(HllError::Corrupt)
}

/// Makes a register of the whole string `hll` at least `value`.
pub(super) fn raise(
    hll: &mut Vec<u8>,
    index: usize,
    value: u8,
    bytes_max: usize,
) -> Result<Raised, HllError> {
    let (run, before) = find(&hll[HEADER..], index)?;
    if value <= run.value {
        return Ok(Raised::No);
    }
    if value > VALUE_MAX {
        return Ok(Raised::TooLarge);
    }
    let (mut codes, mut len) = ([0; 5], 0);
    let mut write = |run_len: usize, value: u8| {
        let (code, size) = encode(run_len, value);
        codes[len..len + size].copy_from_slice(&code[..size]);
        len += size;
    };
    let registers = run.registers();
    if index > registers.start {
        write(index - registers.start, run.value);
    }
    write(1, value);
    if index + 1 < registers.end {
        write(registers.end - index - 1, run.value);
    }
    if len > run.bytes.len() && hll.len() + len - run.bytes.len() > bytes_max {
        return Ok(Raised::TooLarge);
    }
    hll.splice(HEADER + run.bytes.start..HEADER + run.bytes.end, codes[..len].iter().copied());
    join(hll, HEADER + before);
    Ok(Raised::Yes)
}

fn encode(len: usize, value: u8) -> ([u8; 2], usize) {
    let short = (len - 1) as u8; // truncated where the long form follows
    match value {
        0 if len <= SHORT_ZEROS => ([short, 0], 1),
        0 => ([0x40 | ((len - 1) >> 8) as u8, short], 2),
        value => ([0x80 | (value - 1) << 2 | short, 0], 1),
    }
}

/// Joins neighbouring runs of the same value, looking at a few codes from `at` on.
fn join(hll: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_SCAN {
        let Some(&code) = hll.get(at) else { return };
        match (code >> 6, hll.get(at + 1)) {
            (0b00, _) => at += 1,
            (0b01, _) => at += 2,
            (_, Some(&next)) if next >> 2 == code >> 2 => {
                let len = usize::from(code & 0b11) + usize::from(next & 0b11) + 2;
                if len <= VALUE_RUN_MAX {
                    hll[at] = code & !0b11 | (len - 1) as u8;
                    hll.remove(at + 1);
                } else {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
}
