//! Numbers: integers in a range, memory sizes, permissions.

use std::ops::RangeInclusive;

use super::{Kind, Source, ValueError, single};
use crate::base::{Millis, number};

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

fn out_of_range<T: ToString>(low: T, high: T) -> ValueError {
    ValueError::OutOfRange { low: low.to_string(), high: high.to_string() }
}

/// A whole number within the range.
#[derive(Clone, Debug)]
pub struct Int(pub RangeInclusive<i64>);

/// The number types an [`Int`] can fill.
pub trait Whole: Copy {
    fn from_i64(value: i64) -> Option<Self>;
    fn to_i64(self) -> i64;
}

macro_rules! whole {
    ($($type:ty)*) => { $(
        impl Whole for $type {
            fn from_i64(value: i64) -> Option<$type> {
                <$type>::try_from(value).ok()
            }
            fn to_i64(self) -> i64 {
                i64::try_from(self).expect("a setting's range ends at i64::MAX")
            }
        }
    )* };
}

whole! { u8 u16 u32 u64 usize i32 i64 }

impl Whole for Millis {
    fn from_i64(value: i64) -> Option<Millis> {
        u64::from_i64(value).map(Millis)
    }
    fn to_i64(self) -> i64 {
        self.0.to_i64()
    }
}

impl<T: Whole> Kind<T> for Int {
    fn read(&self, words: &[&[u8]], _: &T, _: Source) -> Result<T, ValueError> {
        let value = number::parse_i64(single(words)?).ok_or(ValueError::NotInteger)?;
        let in_range = self.0.contains(&value).then(|| T::from_i64(value)).flatten();
        in_range.ok_or_else(|| out_of_range(self.0.start(), self.0.end()))
    }

    fn show(&self, value: &T) -> Vec<u8> {
        value.to_i64().to_string().into_bytes()
    }

    fn describe(&self) -> String {
        format!("a number, {}", describe_range(*self.0.start(), *self.0.end()))
    }
}

/// "0 to 10", or "0 or more" when the upper bound is only the type's.
fn describe_range(low: i64, high: i64) -> String {
    match (low, high) {
        (i64::MIN | -2_147_483_648, 2_147_483_647 | i64::MAX) => "positive or negative".to_owned(),
        (_, 2_147_483_647 | 4_294_967_295 | i64::MAX) => format!("{low} or more"),
        _ => format!("{low} to {high}"),
    }
}

/// An [`Int`] that is moved to the nearest value in `to` instead of being refused, as Redis does
/// with `hz`.
#[derive(Clone, Debug)]
pub struct Rounded {
    pub accepts: RangeInclusive<i64>,
    pub to: RangeInclusive<i64>,
}

impl<T: Whole> Kind<T> for Rounded {
    fn read(&self, words: &[&[u8]], current: &T, source: Source) -> Result<T, ValueError> {
        let value: i64 = Int(self.accepts.clone()).read(words, &current.to_i64(), source)?;
        let nearest = value.clamp(*self.to.start(), *self.to.end());
        Ok(T::from_i64(nearest).expect("the range it is rounded to fits the field"))
    }

    fn show(&self, value: &T) -> Vec<u8> {
        value.to_i64().to_string().into_bytes()
    }

    fn describe(&self) -> String {
        let (low, high) = (self.to.start(), self.to.end());
        format!("a number, rounded to {}", describe_range(*low, *high))
    }
}

/// A number of bytes within the range: digits and one of `b k kb m mb g gb`, in any case.
///
/// `k` is 1000 and `kb` is 1024, and so on.
#[derive(Clone, Debug)]
pub struct Memory(pub RangeInclusive<u64>);

impl Memory {
    /// Anything.
    pub const ANY: Memory = Memory(0..=u64::MAX);
    /// What Redis keeps in a signed number.
    pub const SIGNED: Memory = Memory(0..=i64::MAX as u64);
}

/// Reads a memory size as Redis does: a missing number is zero, a negative one is refused.
///
/// Unlike Redis, a size past 2^64 is refused rather than wrapped around.
#[must_use]
pub fn parse_memory(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => KIB,
        b"m" => 1_000_000,
        b"mb" => MIB,
        b"g" => 1_000_000_000,
        b"gb" => KIB * MIB,
        _ => return None,
    };
    let number = number
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    number.checked_mul(unit)
}

/// The size as CONFIG REWRITE prints it: in the largest unit that divides it.
fn write_memory(bytes: u64) -> Vec<u8> {
    let gib = KIB * MIB;
    match bytes {
        0 => "0".to_owned(),
        _ if bytes.is_multiple_of(gib) => format!("{}gb", bytes / gib),
        _ if bytes.is_multiple_of(MIB) => format!("{}mb", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{}kb", bytes / KIB),
        _ => bytes.to_string(),
    }
    .into_bytes()
}

/// The number types a [`Memory`] can fill.
pub trait ByteCount: Copy {
    fn from_u64(value: u64) -> Option<Self>;
    fn to_u64(self) -> u64;
}

impl ByteCount for u64 {
    fn from_u64(value: u64) -> Option<u64> {
        Some(value)
    }
    fn to_u64(self) -> u64 {
        self
    }
}

impl ByteCount for usize {
    fn from_u64(value: u64) -> Option<usize> {
        usize::try_from(value).ok()
    }
    fn to_u64(self) -> u64 {
        self as u64
    }
}

impl<T: ByteCount> Kind<T> for Memory {
    fn read(&self, words: &[&[u8]], _: &T, _: Source) -> Result<T, ValueError> {
        let value = parse_memory(single(words)?).ok_or(ValueError::NotMemory)?;
        let in_range = self.0.contains(&value).then(|| T::from_u64(value)).flatten();
        in_range.ok_or_else(|| out_of_range(self.0.start(), self.0.end()))
    }

    fn show(&self, value: &T) -> Vec<u8> {
        value.to_u64().to_string().into_bytes()
    }

    fn lines(&self, value: &T) -> Vec<Vec<u8>> {
        vec![write_memory(value.to_u64())]
    }

    fn describe(&self) -> String {
        match *self.0.start() {
            0 => "a memory size".to_owned(),
            low => format!("a memory size of at least {low} bytes"),
        }
    }
}

/// A memory size that is raised to a least useful one instead of being refused.
#[derive(Clone, Copy, Debug)]
pub struct AtLeast {
    pub accepts: u64,
    pub raised_to: u64,
}

impl Kind<u64> for AtLeast {
    fn read(&self, words: &[&[u8]], current: &u64, source: Source) -> Result<u64, ValueError> {
        let bytes: u64 = Memory(self.accepts..=i64::MAX as u64).read(words, current, source)?;
        Ok(bytes.max(self.raised_to))
    }

    fn show(&self, value: &u64) -> Vec<u8> {
        Memory::ANY.show(value)
    }

    fn lines(&self, value: &u64) -> Vec<Vec<u8>> {
        Memory::ANY.lines(value)
    }

    fn describe(&self) -> String {
        format!("a memory size, raised to at least {} bytes", self.raised_to)
    }
}

/// The memory all clients together may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsMemory {
    /// Zero means no limit.
    Bytes(u64),
    /// Of `maxmemory`, 1 to 100.
    Percent(u8),
}

impl ClientsMemory {
    /// The limit in bytes, if there is one: a share of an unlimited `maxmemory` is none.
    #[must_use]
    pub fn limit(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            ClientsMemory::Bytes(bytes) => bytes,
            ClientsMemory::Percent(percent) => maxmemory / 100 * u64::from(percent),
        };
        (bytes > 0).then_some(bytes)
    }
}

/// A memory size or a percentage of `maxmemory`.
#[derive(Clone, Copy, Debug)]
pub struct MemoryOrPercent;

impl Kind<ClientsMemory> for MemoryOrPercent {
    fn read(
        &self,
        words: &[&[u8]],
        _: &ClientsMemory,
        _: Source,
    ) -> Result<ClientsMemory, ValueError> {
        let word = single(words)?;
        let Some(number) = word.strip_suffix(b"%") else {
            let bytes = parse_memory(word).filter(|bytes| *bytes <= i64::MAX as u64);
            return bytes.map(ClientsMemory::Bytes).ok_or(ValueError::NotMemoryOrPercent);
        };
        match number::parse_i64(number) {
            Some(0) => Ok(ClientsMemory::Bytes(0)),
            Some(percent @ 1..=100) => Ok(ClientsMemory::Percent(percent as u8)),
            Some(101..) => Err(ValueError::PercentAbove100),
            Some(_) | None => Err(ValueError::NotMemoryOrPercent),
        }
    }

    fn show(&self, value: &ClientsMemory) -> Vec<u8> {
        match value {
            ClientsMemory::Bytes(bytes) => bytes.to_string().into_bytes(),
            ClientsMemory::Percent(percent) => format!("{percent}%").into_bytes(),
        }
    }

    fn lines(&self, value: &ClientsMemory) -> Vec<Vec<u8>> {
        match value {
            ClientsMemory::Bytes(bytes) => vec![write_memory(*bytes)],
            ClientsMemory::Percent(_) => vec![self.show(value)],
        }
    }

    fn describe(&self) -> String {
        "a memory size or a percentage".to_owned()
    }
}

/// Permission bits, written in octal; at most `777`.
#[derive(Clone, Copy, Debug)]
pub struct Octal;

impl Kind<u32> for Octal {
    fn read(&self, words: &[&[u8]], _: &u32, _: Source) -> Result<u32, ValueError> {
        let word = single(words)?;
        let (negative, digits) = match word.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, word),
        };
        if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
            return Err(ValueError::NotOctal);
        }
        let fold = |sum: u32, digit: &u8| sum.checked_mul(8)?.checked_add(u32::from(digit - b'0'));
        match digits.iter().try_fold(0_u32, fold) {
            Some(mode) if mode <= 0o777 && !(negative && mode > 0) => Ok(mode),
            _ => Err(out_of_range("0", "777")),
        }
    }

    fn show(&self, value: &u32) -> Vec<u8> {
        format!("{value:o}").into_bytes()
    }

    fn describe(&self) -> String {
        "an octal number, 0 to 777".to_owned()
    }
}
