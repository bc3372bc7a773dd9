//! Space that is written ahead, and seals that tell what of it was used.
//!
//! A file that grows has its length in the file system's journal, which every sync waits for. With
//! space behind its end, written before, a sync is of the commands alone. The space consists of
//! lines of `#`, which Redis skips as it skips any annotation.
//!
//! Blocks that a crash of the machine leaves unwritten are such space, too, even in the midst of a
//! command. So each write into it ends with a seal, an annotation that says how many bytes there
//! are since the last one and what their CRC-64 is. Seals of no bytes begin and end that:
//!
//! ```text
//! #SEAL:0:0000000000000000 CRLF
//! *3 CRLF $3 CRLF SET CRLF ... #SEAL:62:85d59c3ab0f1f1f5 CRLF
//! ############################################################### LF
//!
//! #SEAL:0:ffffffffffffffff CRLF, where the space was given back
//! ```
//!
//! Each of these is on the disk before anything follows it. So a file that ends with space has
//! nothing behind its latest seal but what was being written, unless that seal is an end.
//! [`ending`] finds what is whole of such a file.

use std::io::{self, Read, Seek, SeekFrom};

use crc_fast::{CrcAlgorithm, Digest};

use super::scan::{Item, ScanError, Scanner};

/// Bytes of a line of space. Lines end where the file's offset is a multiple of it.
pub const LINE_BYTES: u64 = 64;
/// A seal has no more bytes than this.
pub const SEAL_MAX: u64 = 64;
const MARK: &[u8] = b"#SEAL:";
/// Behind the latest seal there is not more than twice the most space that may be wanted.
const LOOK_BYTES: u64 = 129 * 1024 * 1024;

/// What a seal says of the bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    pub len: u64,
    pub crc: u64,
}

impl Seal {
    /// From here on all is sealed.
    pub const BEGIN: Seal = Seal { len: 0, crc: 0 };
    /// What follows is not sealed.
    pub const END: Seal = Seal { len: 0, crc: u64::MAX };

    /// Of these bytes, of which there are some.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Seal {
        let crc = crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes);
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

    /// There is a seal, up to the offset `end`; whether it is of what came before it. If nobody
    /// knows where that begins, it is believed.
    pub(super) fn meet(&mut self, seal: Seal, end: u64) -> bool {
        if seal == Seal::END {
            *self = Checker::default();
            return true;
        }
        let since = self.since.take().map(|(digest, len)| Seal { len, crc: digest.finalize() });
        let holds = seal.len == 0 || since.is_none_or(|since| since == seal);
        if holds {
            self.since = Some((Digest::new(CrcAlgorithm::Crc64Redis), 0));
            self.start = end;
        }
        holds
    }

    /// The end of the latest seal that holds; 0 if there is none, or it is an end.
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

/// How a file of commands ends; `None` if without space, or what is before it is not sealed.
///
/// # Errors
/// If it cannot be read, or is spoilt before its latest seal.
pub fn ending<F: Read + Seek>(file: &mut F, size: u64) -> Result<Option<Ending>, ScanError> {
    let failed = |offset: u64| move |cause: io::Error| ScanError::Read { offset, cause };
    let last = read_from(file, size.saturating_sub(LINE_BYTES)).map_err(failed(size))?;
    let ends_with_space = last == space(size.saturating_sub(LINE_BYTES), size);
    let is_unwritten = last.iter().all(|&byte| byte == 0);
    if size < LINE_BYTES || !(ends_with_space || is_unwritten) {
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
    if size - sealed > LOOK_BYTES {
        return Err(error);
    }
    let tail = read_from(file, sealed).map_err(failed(sealed))?;
    // Space of which not all got through, because the machine stopped before it was of use.
    let is_blank = tail.iter().all(|byte| b"#\n\0".contains(byte));
    match (is_blank, ends_with_space) {
        (true, _) => Ok(Some(Ending { sealed, is_torn: false })),
        (false, false) => Ok(None),
        // A write that was torn is the last one.
        (false, true) if has_seal(&tail) => Err(error),
        (false, true) => Ok(Some(Ending { sealed, is_torn: true })),
    }
}

/// What a file has from `start` on.
fn read_from<F: Read + Seek>(file: &mut F, start: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(LOOK_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
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
