//! Space that is written ahead, and seals that tell what of it was used.
//!
//! A file that grows has its length in the file system's journal, which every sync waits for. With
//! space behind its end, written before, a sync is of the commands alone. The space consists of
//! lines of `#`, which Redis skips as it skips any annotation.
//!
//! Blocks that a crash of the machine leaves unwritten are such space, too, even in the midst of a
//! command. So each write into it ends with a seal, an annotation that says how many bytes there
//! are since the last one and what their CRC-64 is; a seal of no bytes begins:
//!
//! ```text
//! #SEAL:0:0000000000000000 CRLF
//! *3 CRLF $3 CRLF SET CRLF ... #SEAL:62:85d59c3ab0f1f1f5 CRLF
//! ############################################################### LF
//! ```
//!
//! [`ending`] finds what is whole of a file that ends with space.

use std::io::{self, Read, Seek, SeekFrom};

use crc_fast::{CrcAlgorithm, Digest};

use super::scan::{Item, ScanError, Scanner};

/// Bytes of a line of space. Lines end where the file's offset is a multiple of it.
pub const LINE_BYTES: u64 = 64;
/// A seal has no more bytes than this.
pub const SEAL_MAX: u64 = 64;
const MARK: &[u8] = b"#SEAL:";
/// Bytes behind a torn write in which seals are looked for.
const LOOK_BYTES: u64 = 128 * 1024 * 1024;

/// What a seal says of the bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    pub len: u64,
    pub crc: u64,
}

impl Seal {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Seal {
        let crc = match bytes {
            [] => 0,
            bytes => crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes),
        };
        Seal { len: bytes.len() as u64, crc }
    }

    /// Appends it to `out`, of which the first byte has the offset `start` in the file. It ends so
    /// that what is left of a line of space behind it is an annotation, too.
    pub fn write(self, start: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(MARK);
        out.extend_from_slice(self.text().as_bytes());
        if (start + out.len() as u64 + 2) % LINE_BYTES == LINE_BYTES - 1 {
            out.push(b' ');
        }
        out.extend_from_slice(b"\r\n");
    }

    fn text(self) -> String {
        format!("{}:{:016x}", self.len, self.crc)
    }

    /// The seal that an annotation is, with or without its line end. Nothing else is one that
    /// differs in a single bit.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Seal> {
        let text = line.strip_prefix(MARK)?;
        let text = text.strip_suffix(b"\r\n").unwrap_or(text);
        let text = std::str::from_utf8(text.strip_suffix(b" ").unwrap_or(text)).ok()?;
        let (len, crc) = text.split_once(':')?;
        let seal = Seal { len: len.parse().ok()?, crc: u64::from_str_radix(crc, 16).ok()? };
        (seal.text() == text).then_some(seal)
    }
}

/// Space from one offset of the file to another.
#[must_use]
pub fn space(from: u64, to: u64) -> Vec<u8> {
    let mut bytes = vec![b'#'; (to - from) as usize];
    let first = LINE_BYTES - 1 - from % LINE_BYTES;
    for end in bytes.iter_mut().skip(first as usize).step_by(LINE_BYTES as usize) {
        *end = b'\n';
    }
    if let Some(last) = bytes.last_mut() {
        *last = b'\n';
    }
    bytes
}

/// Whether an annotation is space.
fn is_space(line: &[u8]) -> bool {
    line.iter().all(|&byte| byte == b'#')
}

/// Checks seals while a file is read.
#[derive(Default)]
pub(super) struct Checker {
    /// What came since the latest seal.
    since: Option<(Digest, u64)>,
    /// Where that begins.
    start: u64,
}

impl Checker {
    /// The file goes on with these bytes, which are no seal.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        if let Some((digest, len)) = &mut self.since {
            digest.update(bytes);
            *len += bytes.len() as u64;
        }
    }

    /// There is a seal, up to the offset `end`; whether it is of what came before it.
    pub(super) fn meet(&mut self, seal: Seal, end: u64) -> bool {
        let since = self.since.take().map(|(digest, len)| Seal { len, crc: digest.finalize() });
        let holds = seal.len == 0 || since == Some(seal);
        if holds {
            self.since = Some((Digest::new(CrcAlgorithm::Crc64Redis), 0));
            self.start = end;
        }
        holds
    }

    /// The end of the latest seal that holds.
    pub(super) fn sealed(&self) -> u64 {
        self.start
    }
}

/// How a file ends that has space at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Bytes up to the latest seal.
    pub sealed: u64,
    /// Something was being written behind it.
    pub is_torn: bool,
}

/// How a file of commands ends; `None` if without space, or without a seal before it.
///
/// # Errors
/// If it cannot be read, or is spoilt before its latest seal.
pub fn ending<F: Read + Seek>(file: &mut F, size: u64) -> Result<Option<Ending>, ScanError> {
    let failed = |offset: u64| move |cause: io::Error| ScanError::Read { offset, cause };
    if !ends_with_space(file, size).map_err(failed(size))? {
        return Ok(None);
    }
    file.rewind().map_err(failed(0))?;
    let mut scanner = Scanner::new(&mut *file, 0, size);
    let mut is_torn = false;
    let error = loop {
        match scanner.next_item() {
            Ok(None) => break None,
            Ok(Some(Item::Annotation(line))) if is_space(line) => {}
            Ok(Some(Item::Annotation(line))) if Seal::parse(line).is_some() => is_torn = false,
            Ok(Some(_)) => is_torn = true,
            Err(error @ ScanError::Read { .. }) => return Err(error),
            Err(error) => break Some(error),
        }
    };
    let sealed = scanner.sealed();
    if sealed == 0 {
        return Ok(None);
    }
    let Some(error) = error else { return Ok(Some(Ending { sealed, is_torn })) };
    // A write that was torn is the last one.
    file.seek(SeekFrom::Start(sealed)).map_err(failed(sealed))?;
    let mut tail = Vec::new();
    (&mut *file).take(LOOK_BYTES).read_to_end(&mut tail).map_err(failed(sealed))?;
    if has_seal(&tail) { Err(error) } else { Ok(Some(Ending { sealed, is_torn: true })) }
}

fn ends_with_space<F: Read + Seek>(file: &mut F, size: u64) -> io::Result<bool> {
    let Some(start) = size.checked_sub(LINE_BYTES) else { return Ok(false) };
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    (&mut *file).take(LINE_BYTES).read_to_end(&mut tail)?;
    Ok(tail == space(start, size))
}

/// Whether somewhere in these bytes there is a seal of other bytes of them. Where that would take
/// too long to find out, it is taken for granted.
fn has_seal(bytes: &[u8]) -> bool {
    let mut left = 4 * bytes.len() as u64;
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(MARK.len()).position(|some| some == MARK) {
        let at = from + found;
        from = at + MARK.len();
        let line = &bytes[at..bytes.len().min(at + SEAL_MAX as usize)];
        let line = line.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let Some(seal) = Seal::parse(line).filter(|seal| (1..=at as u64).contains(&seal.len))
        else {
            continue;
        };
        if left < seal.len || Seal::of(&bytes[at - seal.len as usize..at]) == seal {
            return true;
        }
        left -= seal.len;
    }
    false
}

#[cfg(test)]
mod tests;
