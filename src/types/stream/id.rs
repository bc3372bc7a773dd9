//! Entry ids: a time in milliseconds and a number within it.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// Written `ms-seq`; ordered by time, then number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The least id above this one; None at the very end.
    #[must_use]
    pub const fn next(self) -> Option<StreamId> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(StreamId { seq, ..self }),
            (None, Some(ms)) => Some(StreamId { ms, seq: 0 }),
            (None, None) => None,
        }
    }

    /// The greatest id below this one; None at the very beginning.
    #[must_use]
    pub const fn previous(self) -> Option<StreamId> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(StreamId { seq, ..self }),
            (None, Some(ms)) => Some(StreamId { ms, seq: u64::MAX }),
            (None, None) => None,
        }
    }

    /// As dumps have it: both halves big-endian, so that bytes sort as ids do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// As it is written.
    #[inline]
    #[must_use]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; IdText::LEN_MAX], len: 0 };
        text.push(itoa::Buffer::new().format(self.ms).as_bytes());
        text.push(b"-");
        text.push(itoa::Buffer::new().format(self.seq).as_bytes());
        text
    }
}

/// A written id, on the stack.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; IdText::LEN_MAX],
    len: u8,
}

impl IdText {
    /// Two numbers of 20 digits and the `-` between them.
    const LEN_MAX: usize = 41;

    #[inline]
    fn push(&mut self, part: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }
}

impl Deref for IdText {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// What a stream remembers of the ids that it has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The greatest id ever; new ones are greater.
    pub last: StreamId,
    /// The first live entry's; 0-0 if there is none.
    pub first: StreamId,
    /// The greatest that was deleted on its own (not trimmed).
    pub max_deleted: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

impl Ids {
    /// As [`super::Stream::entries_up_to`], for a stream of `len` live entries.
    #[must_use]
    pub(super) fn entries_up_to(&self, id: StreamId, len: usize) -> Option<u64> {
        let Ids { last, first, max_deleted, entries_added } = *self;
        let trimmed = entries_added.checked_sub(len as u64);
        if entries_added == 0 {
            return Some(0);
        }
        if id == last || len == 0 && id < last {
            return Some(entries_added);
        }
        if id > last || max_deleted != StreamId::MIN && max_deleted >= first {
            return None;
        }
        match id.cmp(&first) {
            Ordering::Less => trimmed,
            Ordering::Equal => trimmed.map(|trimmed| trimmed + 1),
            Ordering::Greater => None,
        }
    }

    /// Whether an entry from `start` on was deleted on its own, and not trimmed since, so that
    /// counting ids is no use.
    pub(super) fn has_gap_from(&self, start: StreamId, len: usize) -> bool {
        let max_deleted = self.max_deleted;
        let matters = max_deleted != StreamId::MIN && max_deleted >= self.first;
        len > 0 && matters && start <= max_deleted
    }
}
