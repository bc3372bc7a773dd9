//! The primitives of the format, read from any source.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::{Dialect, Fault, RdbError, lzf, special};

/// Memory is set aside in steps of this many bytes at most before the bytes are there to fill it.
const STEP_BYTES: u64 = 64 * 1024;

/// Reads primitives and counts bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<R> {
    input: R,
    at: u64,
    /// Who wrote what is read.
    pub dialect: Dialect,
}

/// The two meanings of the byte a string or length begins with.
enum Lead {
    Length(u64),
    Special(u8),
}

impl<R: Read> Reader<R> {
    #[must_use]
    pub fn new(input: R) -> Reader<R> {
        Reader::placed(input, 0, Dialect::Redis)
    }

    /// A reader of what stands `at` bytes from the beginning of something larger.
    #[must_use]
    pub fn placed(input: R, at: u64, dialect: Dialect) -> Reader<R> {
        Reader { input, at, dialect }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at
    }

    /// What is read from.
    pub fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// Counts bytes that were taken from the input itself.
    pub(super) fn count(&mut self, bytes: usize) {
        self.at += bytes as u64;
    }

    /// What was read from.
    #[must_use]
    pub fn into_input(self) -> R {
        self.input
    }

    /// `fault`, placed where reading stopped.
    #[must_use]
    pub fn error(&self, fault: Fault) -> RdbError {
        RdbError { at: self.at, fault }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RdbError> {
        match self.input.read_exact(buffer) {
            Ok(()) => {
                self.at += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.error(Fault::Truncated))
            }
            Err(error) => Err(self.error(Fault::Io(error))),
        }
    }

    pub fn byte(&mut self) -> Result<u8, RdbError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `count` bytes. Never reserves much more than has arrived.
    pub fn bytes(&mut self, count: u64) -> Result<Vec<u8>, RdbError> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            let have = bytes.len();
            let step = (count - have as u64).min(STEP_BYTES.max(have as u64)) as usize;
            bytes.reserve_exact(step);
            bytes.resize(have + step, 0);
            self.fill(&mut bytes[have..])?;
        }
        Ok(bytes)
    }

    /// A length: 6, 14, 32 or 64 bits.
    pub fn length(&mut self) -> Result<u64, RdbError> {
        match self.lead()? {
            Lead::Length(length) => Ok(length),
            Lead::Special(_) => Err(self.error(Fault::NotALength)),
        }
    }

    fn lead(&mut self) -> Result<Lead, RdbError> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match first >> 6 {
            0 => Lead::Length(u64::from(low)),
            1 => Lead::Length(u64::from(u16::from_be_bytes([low, self.byte()?]))),
            2 if first == 0x80 => Lead::Length(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == 0x81 => Lead::Length(u64::from_be_bytes(self.array()?)),
            2 => return Err(self.error(Fault::NotALength)),
            _ => Lead::Special(low),
        })
    }

    /// A string, however it is encoded; integers become their decimal text.
    pub fn string(&mut self) -> Result<Vec<u8>, RdbError> {
        let value = match self.lead()? {
            Lead::Length(length) => return self.bytes(length),
            Lead::Special(special::INT8) => i32::from(i8::from_le_bytes(self.array()?)),
            Lead::Special(special::INT16) => i32::from(i16::from_le_bytes(self.array()?)),
            Lead::Special(special::INT32) => i32::from_le_bytes(self.array()?),
            Lead::Special(special::LZF) => return self.compressed(),
            Lead::Special(other) => return Err(self.error(Fault::UnknownEncoding(other))),
        };
        Ok(itoa::Buffer::new().format(value).as_bytes().to_vec())
    }

    fn compressed(&mut self) -> Result<Vec<u8>, RdbError> {
        let packed = self.length()?;
        let length = self.length()?;
        let bytes = self.bytes(packed)?;
        lzf::decompress(&bytes, length).ok_or_else(|| self.error(Fault::BadCompression))
    }
}

impl<'a> Reader<&'a [u8]> {
    /// As [`Reader::string`], without a copy of what stands there as it is.
    #[inline]
    pub fn text(&mut self) -> Result<Cow<'a, [u8]>, RdbError> {
        let first = self.input.first().copied().unwrap_or(u8::MAX);
        if first >> 6 >= 2 {
            return self.string().map(Cow::Owned);
        }
        let length = self.length()?;
        let taken =
            usize::try_from(length).ok().and_then(|length| self.input.split_at_checked(length));
        let (text, rest) = taken.ok_or_else(|| self.error(Fault::Truncated))?;
        self.input = rest;
        self.count(text.len());
        Ok(Cow::Borrowed(text))
    }
}
