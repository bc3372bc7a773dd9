//! Parsed requests: where each argument's bytes stand, in one buffer shared by a whole batch.
//!
//! A small argument is never copied: it is a [`Span`] of the connection's input buffer. A big one
//! was read into a block of its own, behind an `Arc` so that a handler can keep it without a copy
//! and without borrowing the batch mutably.

use std::sync::Arc;

use super::limits::BIG_ARG;

/// Where an argument's bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset in the input, or [`Span::BIG`].
    start: u32,
    /// Length in bytes, or the index of a big argument.
    len: u32,
}

impl Span {
    /// The `start` of an argument that has its own block.
    const BIG: u32 = u32::MAX;

    /// The bytes `start..start + len` of the input; both below 2^32 − 1, which the caller has
    /// checked.
    #[inline]
    pub(super) fn of_input(start: usize, len: usize) -> Span {
        Span { start: start as u32, len: len as u32 }
    }

    #[inline]
    pub(super) fn of_big(index: usize) -> Span {
        Span { start: Span::BIG, len: index as u32 }
    }

    #[inline]
    fn is_big(self) -> bool {
        self.start == Span::BIG
    }

    /// The same argument, seen from `bytes` further back and with `bigs` big arguments before it.
    #[inline]
    fn shifted(self, bytes: usize, bigs: usize) -> Span {
        if self.is_big() {
            Span::of_big(self.len as usize + bigs)
        } else {
            Span::of_input(self.start as usize + bytes, self.len as usize)
        }
    }
}

/// One request of a batch: `count` spans from `first` on, `wire` bytes in the stream.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u32,
    count: u32,
    wire: u64,
}

/// The requests parsed from one buffer. Reusable: once warm, a request costs no allocation.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) spans: Vec<Span>,
    requests: Vec<Entry>,
    bigs: Vec<Arc<Vec<u8>>>,
}

/// Room for spans that a cleared batch keeps.
const SPANS_KEPT_MAX: usize = 16 * 1024;

impl Batch {
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Request number `index`. `input` is what [`super::Parser::input`] gives until the batch is
    /// consumed.
    ///
    /// # Panics
    /// When there is no such request.
    #[inline]
    #[must_use]
    pub fn request<'a>(&'a self, input: &'a [u8], index: usize) -> RawRequest<'a> {
        let entry = self.requests[index];
        let first = entry.first as usize;
        RawRequest {
            input,
            spans: &self.spans[first..first + entry.count as usize],
            bigs: &self.bigs,
        }
    }

    /// Every request in the order of arrival.
    pub fn iter<'a>(&'a self, input: &'a [u8]) -> impl Iterator<Item = RawRequest<'a>> + 'a {
        (0..self.len()).map(move |index| self.request(input, index))
    }

    /// How many bytes of the stream request number `index` took, with any empty requests before it.
    /// What a replica adds to its replication offset.
    #[inline]
    #[must_use]
    pub fn wire_len(&self, index: usize) -> u64 {
        self.requests[index].wire
    }

    /// Forgets the requests and lets go of their big arguments.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.bigs.clear();
        self.spans.clear();
        if self.spans.capacity() > SPANS_KEPT_MAX {
            self.spans.shrink_to(SPANS_KEPT_MAX);
        }
    }

    /// Adds an argument of the request that [`Batch::finish`] will close.
    #[inline]
    pub(super) fn push_small(&mut self, start: usize, len: usize) {
        self.spans.push(Span::of_input(start, len));
    }

    /// Closes a request made of the spans from `first` on.
    #[inline]
    pub(super) fn finish(&mut self, first: usize, wire: usize) {
        let count = (self.spans.len() - first) as u32;
        self.requests.push(Entry { first: first as u32, count, wire: wire as u64 });
    }

    /// Adds a request that was put together over several reads, `begin` bytes into the input.
    pub(super) fn adopt(&mut self, parts: &mut Parts, begin: usize, wire: usize) {
        let (first, bigs) = (self.spans.len(), self.bigs.len());
        self.spans.extend(parts.spans.drain(..).map(|span| span.shifted(begin, bigs)));
        self.bigs.append(&mut parts.bigs);
        parts.big_bytes = 0;
        if parts.spans.capacity() > SPANS_KEPT_MAX {
            parts.spans = Vec::new();
        }
        self.finish(first, wire);
    }
}

/// The arguments of a request that is still arriving; offsets count from the request's first byte.
#[derive(Debug, Default)]
pub(super) struct Parts {
    spans: Vec<Span>,
    bigs: Vec<Arc<Vec<u8>>>,
    big_bytes: usize,
}

impl Parts {
    pub(super) fn push(&mut self, start: usize, len: usize) {
        self.spans.push(Span::of_input(start, len));
    }

    pub(super) fn push_big(&mut self, big: Vec<u8>) {
        self.spans.push(Span::of_big(self.bigs.len()));
        self.big_bytes += big.len();
        self.bigs.push(Arc::new(big));
    }

    /// Memory held besides the input buffer.
    pub(super) fn heap_bytes(&self) -> usize {
        self.big_bytes + self.spans.capacity() * size_of::<Span>()
    }
}

/// One request: a command's name and its arguments. Cheap to copy; borrows the batch and its input.
#[derive(Clone, Copy)]
pub struct RawRequest<'a> {
    input: &'a [u8],
    spans: &'a [Span],
    bigs: &'a [Arc<Vec<u8>>],
}

impl<'a> RawRequest<'a> {
    /// The number of arguments, the command's name among them; at least one.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// Argument number `index`; number 0 is the command's name.
    ///
    /// # Panics
    /// When there is no such argument.
    #[inline]
    #[must_use]
    pub fn arg(self, index: usize) -> &'a [u8] {
        self.bytes(self.spans[index])
    }

    #[inline]
    #[must_use]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|&span| self.bytes(span))
    }

    /// The block of an argument of at least [`BIG_ARG`] bytes: clone the `Arc` to keep it without a
    /// copy.
    #[inline]
    #[must_use]
    pub fn big(self, index: usize) -> Option<&'a Arc<Vec<u8>>> {
        let span = *self.spans.get(index)?;
        span.is_big().then(|| &self.bigs[span.len as usize])
    }

    /// The arguments in order, the command's name first.
    #[inline]
    pub fn args(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + 'a {
        self.spans.iter().map(move |&span| self.bytes(span))
    }

    /// Bytes of all arguments together.
    #[must_use]
    pub fn bytes_total(self) -> usize {
        self.args().map(<[u8]>::len).sum()
    }

    #[inline]
    fn bytes(self, span: Span) -> &'a [u8] {
        if span.is_big() {
            &self.bigs[span.len as usize]
        } else {
            let start = span.start as usize;
            &self.input[start..start + span.len as usize]
        }
    }
}

impl std::fmt::Debug for RawRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.args().map(String::from_utf8_lossy)).finish()
    }
}

/// A request that outlives the buffer it was read from: queued in MULTI, blocked, or made by a
/// script.
#[derive(Clone, Default)]
pub struct OwnedRequest {
    data: Vec<u8>,
    spans: Vec<Span>,
    bigs: Vec<Arc<Vec<u8>>>,
}

impl OwnedRequest {
    /// A request of these arguments, the command's name first.
    pub fn from_args<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> OwnedRequest {
        let mut request = OwnedRequest::default();
        for arg in args {
            request.push(arg.as_ref());
        }
        request
    }

    /// Appends one argument.
    pub fn push(&mut self, arg: &[u8]) {
        let end = self.data.len().saturating_add(arg.len());
        if arg.len() >= BIG_ARG || end >= Span::BIG as usize {
            self.push_big(Arc::new(arg.to_vec()));
        } else {
            self.spans.push(Span::of_input(self.data.len(), arg.len()));
            self.data.extend_from_slice(arg);
        }
    }

    /// Appends one argument that already has its own block.
    pub fn push_big(&mut self, arg: Arc<Vec<u8>>) {
        self.spans.push(Span::of_big(self.bigs.len()));
        self.bigs.push(arg);
    }

    /// Makes it empty and keeps its memory for the next request.
    pub fn clear(&mut self) {
        self.data.clear();
        self.spans.clear();
        self.bigs.clear();
    }

    #[inline]
    #[must_use]
    pub fn as_raw(&self) -> RawRequest<'_> {
        RawRequest { input: &self.data, spans: &self.spans, bigs: &self.bigs }
    }

    /// Bytes on the heap: what a client's MULTI queue is charged with.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let bigs: usize = self.bigs.iter().map(|big| big.capacity()).sum();
        self.data.capacity() + self.spans.capacity() * size_of::<Span>() + bigs
    }
}

impl From<RawRequest<'_>> for OwnedRequest {
    fn from(raw: RawRequest<'_>) -> OwnedRequest {
        let mut request = OwnedRequest::default();
        request.spans.reserve_exact(raw.len());
        for index in 0..raw.len() {
            match raw.big(index) {
                Some(big) => request.push_big(Arc::clone(big)),
                None => request.push(raw.arg(index)),
            }
        }
        request
    }
}

impl std::fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_raw().fmt(f)
    }
}
