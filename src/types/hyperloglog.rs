//! HyperLogLog: how many distinct elements were added, within 0.81 %, in Redis' bytes.
//!
//! A HyperLogLog is a string value, so that GET, SET and dumps carry it between servers:
//!
//! ```text
//! "HYLL" | encoding (0 dense, 1 sparse) | 3 zero bytes | cached count (8 bytes LE) | registers
//! ```
//!
//! The count's topmost bit says that registers changed since it was cached. Bytes come from
//! clients: every read is checked, and what does not add up is [`HllError`].

mod dense;
mod estimate;
mod sparse;

pub use estimate::count_registers;

/// 2^14 registers: the standard error is 1.04 / sqrt(16384).
const INDEX_BITS: u32 = 14;
/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of hash that are left to count zeros in.
const COUNTED_BITS: u32 = 64 - INDEX_BITS;
const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The byte and bit of the header that say "the count is stale".
const STALE: (usize, u8) = (15, 0x80);

/// Registers in the open: what several HyperLogLogs are merged in.
pub type Registers = [u8; REGISTERS];

/// A string is not a HyperLogLog, or a damaged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HllError {
    #[error("WRONGTYPE Key is not a valid HyperLogLog string value.")]
    NotOne,
    #[error("INVALIDOBJ Corrupted HLL object detected")]
    Corrupt,
}

/// A HyperLogLog of nothing, its count not cached yet.
#[must_use]
pub fn new() -> Vec<u8> {
    let mut hll = Vec::with_capacity(HEADER + sparse::EMPTY.len());
    hll.extend_from_slice(MAGIC);
    hll.extend_from_slice(&[SPARSE, 0, 0, 0]);
    hll.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, STALE.1]);
    hll.extend_from_slice(&sparse::EMPTY);
    hll
}

/// Checks what can be checked without walking the registers.
///
/// # Errors
/// [`HllError::NotOne`].
pub fn validate(bytes: &[u8]) -> Result<(), HllError> {
    if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
        return Err(HllError::NotOne);
    }
    match bytes[ENCODING] {
        DENSE if bytes.len() == HEADER + dense::BYTES => Ok(()),
        SPARSE => Ok(()),
        _ => Err(HllError::NotOne),
    }
}

/// Whether the registers are in the dense form (of a string that [`validate`] accepts).
#[must_use]
pub fn is_dense(bytes: &[u8]) -> bool {
    bytes.get(ENCODING) == Some(&DENSE)
}

/// Adds an element; true if that changed a register.
///
/// A sparse HyperLogLog that would grow past `sparse_max_bytes` becomes dense.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged; they are unchanged then.
pub fn add(hll: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, HllError> {
    validate(hll)?;
    let (index, value) = estimate::register_of(element);
    raise(hll, index, value, sparse_max_bytes)
}

/// As [`add`], in place, for the dense form (of a string that [`validate`] accepts).
pub fn add_dense(hll: &mut [u8], element: &[u8]) -> bool {
    let (index, value) = estimate::register_of(element);
    let raised = dense::raise(&mut hll[HEADER..], index, value);
    if raised {
        hll[STALE.0] |= STALE.1;
    }
    raised
}

/// Makes a register at least `value`; true if it was less.
fn raise(
    hll: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
) -> Result<bool, HllError> {
    if !is_dense(hll) {
        match sparse::raise(hll, index, value, sparse_max_bytes)? {
            sparse::Raised::No => return Ok(false),
            sparse::Raised::Yes => {
                hll[STALE.0] |= STALE.1;
                return Ok(true);
            }
            sparse::Raised::TooLarge => to_dense(hll)?,
        }
    }
    let raised = dense::raise(&mut hll[HEADER..], index, value);
    if raised {
        hll[STALE.0] |= STALE.1;
    }
    Ok(raised)
}

/// Turns the registers into their dense form, whatever they are.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged; they are unchanged then.
pub fn to_dense(hll: &mut Vec<u8>) -> Result<(), HllError> {
    validate(hll)?;
    if is_dense(hll) {
        return Ok(());
    }
    let registers = registers(hll)?;
    hll.truncate(HEADER);
    hll.resize(HEADER + dense::BYTES, 0);
    hll[ENCODING] = DENSE;
    for (index, &value) in registers.iter().enumerate() {
        dense::set(&mut hll[HEADER..], index, value);
    }
    Ok(())
}

/// The registers in the open.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged.
pub fn registers(hll: &[u8]) -> Result<Box<Registers>, HllError> {
    let mut registers = Box::new([0; REGISTERS]);
    merge_into(&mut registers, hll)?;
    Ok(registers)
}

/// Raises each register to that of `hll`.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged; `registers` may have changed.
pub fn merge_into(registers: &mut Registers, hll: &[u8]) -> Result<(), HllError> {
    validate(hll)?;
    let mut raise = |index: usize, value: u8| registers[index] = registers[index].max(value);
    if is_dense(hll) {
        (0..REGISTERS).for_each(|index| raise(index, dense::get(&hll[HEADER..], index)));
        return Ok(());
    }
    for run in sparse::runs(&hll[HEADER..]) {
        let run = run?;
        run.registers().for_each(|index| raise(index, run.value));
    }
    Ok(())
}

/// Raises the registers of `hll` to those given; into the dense form if `dense`.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged.
pub fn raise_all(
    hll: &mut Vec<u8>,
    registers: &Registers,
    dense: bool,
    sparse_max_bytes: usize,
) -> Result<(), HllError> {
    validate(hll)?;
    if dense {
        to_dense(hll)?;
    }
    for (index, &value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
        raise(hll, index, value, sparse_max_bytes)?;
    }
    hll[STALE.0] |= STALE.1;
    Ok(())
}

/// The count as it was last cached; None if registers changed since.
#[must_use]
pub fn cached_count(hll: &[u8]) -> Option<u64> {
    let count = u64::from_le_bytes(*hll.get(8..)?.first_chunk()?);
    (hll[STALE.0] & STALE.1 == 0).then_some(count)
}

/// Writes the count into the header (of a string that [`validate`] accepts).
pub fn cache_count(hll: &mut [u8], count: u64) {
    hll[8..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// Estimates how many distinct elements were added, from the registers.
///
/// # Errors
/// If the bytes are no HyperLogLog, or damaged.
pub fn count(hll: &[u8]) -> Result<u64, HllError> {
    Ok(count_registers(&*registers(hll)?))
}

/// The codes of the sparse form in words, right or wrong; None if the form is dense.
#[must_use]
pub fn describe_sparse(hll: &[u8]) -> Option<String> {
    (!is_dense(hll)).then(|| sparse::describe(hll.get(HEADER..).unwrap_or_default()))
}

/// Whether registers keep what is put into them and estimates are close.
#[must_use]
pub fn self_test() -> bool {
    /// More than six times the standard error.
    const ERROR_MAX: f64 = 0.05;
    /// Where Redis makes a HyperLogLog dense unless told otherwise.
    const SPARSE_MAX: usize = 3000;
    let mut bytes = vec![0; dense::BYTES];
    let value = |index: usize| (index.wrapping_mul(7) % 51) as u8;
    (0..REGISTERS).for_each(|index| dense::set(&mut bytes, index, value(index)));
    if (0..REGISTERS).any(|index| dense::get(&bytes, index) != value(index)) {
        return false;
    }
    let (mut hll, mut added) = (new(), 0_u32);
    for stop in [1, 10, 100, 1000, 10_000] {
        for number in added..stop {
            if add(&mut hll, &number.to_le_bytes(), SPARSE_MAX).is_err() {
                return false;
            }
        }
        added = stop;
        let expected = f64::from(stop);
        let close = |count: u64| (count as f64 - expected).abs() <= (expected * ERROR_MAX).max(1.0);
        if !count(&hll).is_ok_and(close) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
