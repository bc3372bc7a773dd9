//! Redis' listpack: a sequence of integers and byte strings in one block, walked in both
//! directions.
//!
//! ```text
//! 4 bytes LE total | 2 bytes LE number of entries, 0xffff = must be counted | entries | 0xff
//! entry = encoding byte(s), data, back length
//! back length = size of encoding and data in 7-bit groups, read backwards
//! ```
//!
//! An entry is named by its offset, written `at`. Offsets are valid until the next change before
//! them. Foreign bytes pass [`Listpack::parse`] first; after that a malformed entry is a broken
//! invariant.

use smallvec::SmallVec;

use super::{Malformed, Pack};
use crate::types::value::{Needle, ValueRef};

const HEADER: usize = 6;
const END: u8 = 0xff;
/// The count field's way of saying "not known".
const UNCOUNTED: usize = 0xffff;
/// Redis refuses to let a listpack grow further.
pub const MAX_BYTES: usize = 1 << 30;

/// A read-only view of a listpack's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Listpack<'a>(&'a [u8]);

impl<'a> Listpack<'a> {
    #[inline]
    #[must_use]
    pub fn of(pack: &'a Pack) -> Listpack<'a> {
        Listpack(pack.bytes())
    }

    /// Checks foreign bytes completely: lengths, every entry, back lengths, count, terminator.
    ///
    /// # Errors
    /// If anything about them is not as a listpack's writer would have left it.
    pub fn parse(bytes: &'a [u8]) -> Result<Listpack<'a>, Malformed> {
        let total = bytes.first_chunk().map(|total| u32::from_le_bytes(*total) as usize);
        if total != Some(bytes.len()) || bytes.len() <= HEADER || bytes.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let list = Listpack(bytes);
        let (mut at, mut entries) = (HEADER, 0_usize);
        while at + 1 < bytes.len() {
            let (_, size) = decode(bytes, at).ok_or(Malformed)?;
            let back = BackLength::of(size);
            let next = at + size + back.bytes().len();
            if bytes.get(at + size..next) != Some(back.bytes()) {
                return Err(Malformed);
            }
            (at, entries) = (next, entries + 1);
        }
        let counted = list.count_field();
        let count_fits = counted == UNCOUNTED || counted == entries;
        if at + 1 == bytes.len() && bytes[at] == END && count_fits {
            Ok(list)
        } else {
            Err(Malformed)
        }
    }

    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    fn count_field(&self) -> usize {
        usize::from(u16::from_le_bytes([self.0[4], self.0[5]]))
    }

    /// Number of entries: O(1) below 65535, else O(n).
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match self.count_field() {
            UNCOUNTED => self.iter().count(),
            counted => counted,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() <= HEADER + 1
    }

    /// Where the first entry is, or [`Listpack::end`].
    #[must_use]
    pub const fn start(&self) -> usize {
        HEADER
    }

    /// Where the next pushed entry will be.
    #[inline]
    #[must_use]
    pub fn end(&self) -> usize {
        self.0.len() - 1
    }

    /// The entry at `at` and where the next one is; None at the end.
    #[inline]
    #[must_use]
    pub fn entry(&self, at: usize) -> Option<(ValueRef<'a>, usize)> {
        if at >= self.end() {
            return None;
        }
        let (value, size) = decode(self.0, at).expect("a listpack's entries are whole");
        Some((value, at + size + back_length_size(size)))
    }

    /// Where the entry before `at` is; None if `at` is the first.
    #[inline]
    #[must_use]
    pub fn previous(&self, at: usize) -> Option<usize> {
        if at <= HEADER {
            return None;
        }
        let (mut size, mut back) = (0, at);
        loop {
            back -= 1;
            let byte = self.0[back];
            size |= usize::from(byte & 0x7f) << (7 * (at - 1 - back));
            if byte & 0x80 == 0 {
                return Some(back - size);
            }
        }
    }

    /// Where entry number `index` is, from whichever end is nearer.
    #[must_use]
    pub fn seek(&self, index: usize) -> Option<usize> {
        let len = self.len();
        if index >= len {
            return None;
        }
        let mut at = HEADER;
        if index <= len / 2 {
            for _ in 0..index {
                at = self.entry(at)?.1;
            }
        } else {
            at = self.end();
            for _ in index..len {
                at = self.previous(at)?;
            }
        }
        Some(at)
    }

    #[must_use]
    pub fn get(&self, index: usize) -> Option<ValueRef<'a>> {
        Some(self.entry(self.seek(index)?)?.0)
    }

    /// The first of entries `from`, `from + 1 + skip`, … that equals the needle, and where it is.
    #[inline]
    #[must_use]
    pub fn find(&self, from: usize, skip: usize, needle: &Needle<'_>) -> Option<usize> {
        let mut at = from;
        while let Some((value, mut next)) = self.entry(at) {
            if needle.is(value) {
                return Some(at);
            }
            for _ in 0..skip {
                next = self.entry(next)?.1;
            }
            at = next;
        }
        None
    }

    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { list: *self, front: HEADER, back: self.end() }
    }

    /// The entries from `at` on, up to the one at `end`.
    #[must_use]
    pub fn iter_between(&self, at: usize, end: usize) -> Iter<'a> {
        Iter { list: *self, front: at, back: end }
    }

    /// Asserts that the bytes are well formed.
    pub fn check(&self) {
        assert!(Listpack::parse(self.0).is_ok(), "malformed listpack {:?}", self.0);
    }
}

/// The entries between two offsets, from either end.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    list: Listpack<'a>,
    front: usize,
    back: usize,
}

impl Iter<'_> {
    /// Where the entry that comes next from the front is.
    #[must_use]
    pub fn at(&self) -> usize {
        self.front
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (value, next) = self.list.entry(self.front)?;
        self.front = next;
        Some(value)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.list.previous(self.back)?;
        Some(self.list.entry(self.back)?.0)
    }
}

/// Inserts `values` before the entry at `at` (or at the end).
pub fn insert(pack: &mut Pack, at: usize, values: &[ValueRef<'_>]) {
    splice(pack, at, (0, 0), values);
}

pub fn push(pack: &mut Pack, values: &[ValueRef<'_>]) {
    let end = Listpack::of(pack).end();
    splice(pack, end, (0, 0), values);
}

/// Entries encoded one after the other, to be pushed in one piece.
#[derive(Default)]
pub struct Run {
    bytes: SmallVec<[u8; Run::INLINE]>,
    entries: usize,
}

impl Run {
    /// Bytes that need no heap: a stream's entry of a few short fields.
    const INLINE: usize = 192;

    #[inline]
    pub fn push(&mut self, value: ValueRef<'_>) {
        let (head, body) = (Head::of(value), body(value));
        let back = BackLength::of(head.bytes().len() + body.len());
        self.bytes.extend_from_slice(head.bytes());
        self.bytes.extend_from_slice(body);
        self.bytes.extend_from_slice(back.bytes());
        self.entries += 1;
    }
}

pub fn push_run(pack: &mut Pack, run: &Run) {
    let list = Listpack::of(pack);
    let (end, counted) = (list.end(), list.count_field());
    pack.splice(end, 0, &[&run.bytes]);
    if counted != UNCOUNTED {
        set_count(pack, counted + run.entries);
    }
}

pub fn replace(pack: &mut Pack, at: usize, value: ValueRef<'_>) {
    let (_, next) = Listpack::of(pack).entry(at).expect("replace names an entry");
    splice(pack, at, (1, next - at), &[value]);
}

/// Removes `count` entries from `at` on, or as many as there are; returns how many.
pub fn remove(pack: &mut Pack, at: usize, count: usize) -> usize {
    let list = Listpack::of(pack);
    let (mut end, mut removed) = (at, 0);
    while removed < count {
        let Some((_, next)) = list.entry(end) else { break };
        (end, removed) = (next, removed + 1);
    }
    splice(pack, at, (removed, end - at), &[]);
    removed
}

/// The bytes that `value` takes in a listpack.
#[must_use]
pub fn encoded_len(value: ValueRef<'_>) -> usize {
    let size = Head::of(value).bytes().len() + body(value).len();
    size + back_length_size(size)
}

/// Replaces `removed` = (entries, bytes) from `at` on by `values`, in one move of what follows.
fn splice(pack: &mut Pack, at: usize, removed: (usize, usize), values: &[ValueRef<'_>]) {
    let counted = Listpack::of(pack).count_field();
    let encoded: SmallVec<[(Head, BackLength); 2]> = values
        .iter()
        .map(|&value| {
            let head = Head::of(value);
            let size = head.bytes().len() + body(value).len();
            (head, BackLength::of(size))
        })
        .collect();
    let mut parts: SmallVec<[&[u8]; 6]> = SmallVec::new();
    for (&value, (head, back)) in values.iter().zip(&encoded) {
        parts.extend([head.bytes(), body(value), back.bytes()]);
    }
    pack.splice(at, removed.1, &parts);
    if counted != UNCOUNTED {
        set_count(pack, counted - removed.0 + values.len());
    } else if removed.0 > 0 {
        // Known again once few enough remain, as Redis does when it next counts.
        let entries = Listpack::of(pack).len();
        set_count(pack, entries);
    }
}

fn set_count(pack: &mut Pack, entries: usize) {
    let field = u16::try_from(entries).unwrap_or(u16::MAX);
    pack.body_mut()[..2].copy_from_slice(&field.to_le_bytes());
}

fn body(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Int(_) => &[],
        ValueRef::Bytes(bytes) => bytes,
    }
}

/// What precedes a string's bytes; all of an integer.
struct Head {
    buffer: [u8; 9],
    len: u8,
}

impl Head {
    fn of(value: ValueRef<'_>) -> Head {
        match value {
            ValueRef::Int(value) => Head::of_int(value),
            ValueRef::Bytes(bytes) => Head::of_string(bytes.len()),
        }
    }

    fn new(parts: [&[u8]; 2]) -> Head {
        let mut head = Head { buffer: [0; 9], len: 0 };
        for part in parts {
            let start = usize::from(head.len);
            head.buffer[start..start + part.len()].copy_from_slice(part);
            head.len += part.len() as u8;
        }
        head
    }

    fn of_int(value: i64) -> Head {
        let bytes = value.to_le_bytes();
        match value {
            0..=127 => Head::new([&bytes[..1], &[]]),
            -4096..=4095 => Head::new([&[0xc0 | (bytes[1] & 0x1f), bytes[0]], &[]]),
            -0x8000..=0x7fff => Head::new([&[0xf1], &bytes[..2]]),
            -0x80_0000..=0x7f_ffff => Head::new([&[0xf2], &bytes[..3]]),
            -0x8000_0000..=0x7fff_ffff => Head::new([&[0xf3], &bytes[..4]]),
            _ => Head::new([&[0xf4], &bytes]),
        }
    }

    fn of_string(len: usize) -> Head {
        let bytes = u32::try_from(len).expect("callers bound a listpack's length").to_le_bytes();
        match len {
            0..64 => Head::new([&[0x80 | bytes[0]], &[]]),
            64..4096 => Head::new([&[0xe0 | bytes[1], bytes[0]], &[]]),
            _ => Head::new([&[0xf0], &bytes]),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}

/// The trailing length of an entry: 7-bit groups, the most significant first, all but it with bit
/// 7.
struct BackLength {
    buffer: [u8; 5],
    len: u8,
}

impl BackLength {
    fn of(size: usize) -> BackLength {
        let len = back_length_size(size);
        let mut buffer = [0; 5];
        for (index, byte) in buffer[..len].iter_mut().enumerate() {
            let group = (size >> (7 * (len - 1 - index))) as u8 & 0x7f;
            *byte = if index == 0 { group } else { group | 0x80 };
        }
        BackLength { buffer, len: len as u8 }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}

/// The format's limits are one short of what 7-bit groups could hold.
#[inline]
fn back_length_size(size: usize) -> usize {
    match size {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// The value at `at` and the size of its encoding and data; None if it does not fit or is no entry.
#[inline]
fn decode(bytes: &[u8], at: usize) -> Option<(ValueRef<'_>, usize)> {
    let rest = bytes.get(at..)?;
    let (&first, data) = rest.split_first()?;
    let string = |head: usize, len: usize| {
        Some((ValueRef::Bytes(rest.get(head..head.checked_add(len)?)?), head + len))
    };
    let int = |size: usize| {
        let data = data.get(..size)?;
        let mut extended = [if data[size - 1] & 0x80 == 0 { 0 } else { 0xff }; 8];
        extended[..size].copy_from_slice(data);
        Some((ValueRef::Int(i64::from_le_bytes(extended)), 1 + size))
    };
    match first {
        0..=0x7f => Some((ValueRef::Int(i64::from(first)), 1)),
        0x80..=0xbf => string(1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let unsigned = i64::from(first & 0x1f) << 8 | i64::from(*data.first()?);
            Some((ValueRef::Int((unsigned ^ 0x1000) - 0x1000), 2))
        }
        0xe0..=0xef => string(2, usize::from(first & 0xf) << 8 | usize::from(*data.first()?)),
        0xf0 => string(5, u32::from_le_bytes(*data.first_chunk()?) as usize),
        0xf1 => int(2),
        0xf2 => int(3),
        0xf3 => int(4),
        0xf4 => int(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
