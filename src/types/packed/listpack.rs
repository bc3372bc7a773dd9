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

mod encoding;

use smallvec::SmallVec;

use super::{Malformed, Pack};
use crate::types::value::{Needle, ValueRef};
pub use encoding::encoded_len;
use encoding::{BackLength, Head, back_length_size, body, decode};

const LENGTH_BYTES: usize = 4;
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

/// Values in order, which are asked for twice: how long they are, then what they are.
pub trait Values {
    fn visit(&self, visitor: &mut impl Visitor);
}

pub trait Visitor {
    fn value(&mut self, value: ValueRef<'_>);
}

/// Adds up what values take.
#[derive(Default)]
struct Measure {
    entries: usize,
    bytes: usize,
}

impl Visitor for Measure {
    #[inline]
    fn value(&mut self, value: ValueRef<'_>) {
        self.entries += 1;
        self.bytes += encoded_len(value);
    }
}

/// Encodes values one after the other.
struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, part: &[u8]) {
        self.bytes[self.at..self.at + part.len()].copy_from_slice(part);
        self.at += part.len();
    }
}

impl Visitor for Writer<'_> {
    #[inline]
    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Int(small @ 0..=127) => self.put(&[small as u8, 1]),
            ValueRef::Bytes(short) if short.len() < 64 => {
                let len = short.len() as u8;
                self.put(&[0x80 | len]);
                self.put(short);
                self.put(&[len + 1]);
            }
            _ => {
                let (head, body) = (Head::of(value), body(value));
                self.put(head.bytes());
                self.put(body);
                self.put(BackLength::of(head.bytes().len() + body.len()).bytes());
            }
        }
    }
}

/// Pushes many values in one piece.
#[inline]
pub fn append(pack: &mut Pack, values: &impl Values) {
    let list = Listpack::of(pack);
    let (end, counted) = (list.end(), list.count_field());
    let mut measure = Measure::default();
    values.visit(&mut measure);
    values.visit(&mut Writer { bytes: pack.open_gap(end, measure.bytes), at: 0 });
    if counted != UNCOUNTED {
        set_count(pack, counted + measure.entries);
    }
}

pub fn replace(pack: &mut Pack, at: usize, value: ValueRef<'_>) {
    let head = Head::of(value);
    if head.is_as_long_as(&pack.bytes()[at..]) {
        let (head, text) = (head.bytes(), body(value));
        let old = &mut pack.body_mut()[at - LENGTH_BYTES..];
        old[..head.len()].copy_from_slice(head);
        old[head.len()..head.len() + text.len()].copy_from_slice(text);
        return;
    }
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

#[cfg(test)]
mod tests;
