//! What a connection still has to send: chunks in order, offered to the socket as slices.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use super::encoder::{Encoder, SHARED_MIN};

/// A written buffer up to this capacity is kept for the next reply.
const BUFFER_KEPT_MAX: usize = 64 * 1024;

#[derive(Debug)]
enum Chunk {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Owned(bytes) => bytes,
            Chunk::Shared(bytes) => bytes,
        }
    }
}

/// Replies and messages that the socket has not taken yet.
///
/// A reply that is written whole costs no copy and no allocation: its buffer is swapped in, and
/// back. A long backlog is made of chunks, so that its growth never moves what is already there.
#[derive(Debug, Default)]
pub struct OutputQueue {
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that are already sent.
    sent: usize,
    pending: usize,
    /// An empty buffer for the next [`OutputQueue::take_from`].
    spare: Vec<u8>,
}

impl OutputQueue {
    #[must_use]
    pub fn new() -> OutputQueue {
        OutputQueue::default()
    }

    /// Bytes still to be sent.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Bytes held, shared ones counted as if they were this queue's alone.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let chunks: usize = self
            .chunks
            .iter()
            .map(|chunk| match chunk {
                Chunk::Owned(bytes) => bytes.capacity(),
                Chunk::Shared(bytes) => bytes.len(),
            })
            .sum();
        chunks + self.spare.capacity() + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Queues everything `encoder` holds and leaves it empty.
    #[inline]
    pub fn take_from(&mut self, encoder: &mut Encoder) {
        if encoder.shared.is_empty() && self.chunks.is_empty() {
            if !encoder.buf.is_empty() {
                self.pending += encoder.buf.len();
                let buf = std::mem::replace(&mut encoder.buf, std::mem::take(&mut self.spare));
                self.chunks.push_back(Chunk::Owned(buf));
            }
            return;
        }
        let mut from = 0;
        for (at, part) in &encoder.shared {
            self.push_copy(&encoder.buf[from..*at]);
            self.push(part.clone());
            from = *at;
        }
        self.push_copy(&encoder.buf[from..]);
        encoder.clear();
    }

    /// Queues bytes that others may be sending too.
    pub fn push(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_MIN {
            return self.push_copy(&bytes);
        }
        self.pending += bytes.len();
        self.chunks.push_back(Chunk::Shared(bytes));
    }

    /// Queues a copy of `bytes`.
    pub fn push_copy(&mut self, bytes: &[u8]) {
        self.pending += bytes.len();
        match self.chunks.back_mut() {
            _ if bytes.is_empty() => {}
            Some(Chunk::Owned(last)) if last.capacity() - last.len() >= bytes.len() => {
                last.extend_from_slice(bytes);
            }
            _ => {
                let mut chunk = std::mem::take(&mut self.spare);
                chunk.reserve(bytes.len().max(SHARED_MIN));
                chunk.extend_from_slice(bytes);
                self.chunks.push_back(Chunk::Owned(chunk));
            }
        }
    }

    /// Fills `slices` with what is to be sent next and returns how many it used.
    #[inline]
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.sent;
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(&chunk.bytes()[skip..]);
            skip = 0;
            used += 1;
        }
        used
    }

    /// The next bytes to send, up to the end of their chunk; empty when there are none.
    #[inline]
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| &chunk.bytes()[self.sent..])
    }

    /// Forgets the next `n` bytes: the socket has taken them.
    ///
    /// # Panics
    /// When fewer are pending.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.pending -= n;
        self.sent += n;
        while let Some(first) = self.chunks.front()
            && self.sent >= first.bytes().len()
        {
            self.sent -= first.bytes().len();
            if let Some(Chunk::Owned(buf)) = self.chunks.pop_front() {
                self.keep(buf);
            }
        }
    }

    /// Drops everything: the connection is being closed.
    pub fn clear(&mut self) {
        *self = OutputQueue::default();
    }

    fn keep(&mut self, mut buf: Vec<u8>) {
        if buf.capacity() <= BUFFER_KEPT_MAX && buf.capacity() > self.spare.capacity() {
            buf.clear();
            self.spare = buf;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::base::rng::seeds;
    use crate::resp::Proto;

    /// Whatever is queued, and however little the socket takes, the bytes come out in order.
    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        for seed in seeds(200) {
            let rng = &mut Rng::from_seed(seed);
            let (mut queue, mut encoder) = (OutputQueue::new(), Encoder::new(Proto::Resp2));
            let (mut expected, mut sent) = (Vec::new(), Vec::new());
            for round in 0..60u8 {
                let bytes = vec![round; [0, 3, 700, 20_000, 100_000][rng.index(5)]];
                match rng.below(3) {
                    0 => {
                        queue.push(Bytes::from(bytes.clone()));
                        expected.extend_from_slice(&bytes);
                    }
                    _ => {
                        encoder.bulk_shared(Bytes::from(bytes.clone()));
                        expected.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
                        expected.extend_from_slice(&bytes);
                        expected.extend_from_slice(b"\r\n");
                        queue.take_from(&mut encoder);
                    }
                }
                assert_eq!(queue.pending(), expected.len() - sent.len());
                let all = rng.chance(0.3);
                let n = if all { queue.pending() } else { rng.index(queue.pending() + 1) };
                send(&mut queue, n, &mut sent);
            }
            let rest = queue.pending();
            send(&mut queue, rest, &mut sent);
            assert!(sent == expected, "seed {seed}");
            assert!(queue.is_empty() && queue.first().is_empty());
            assert!(queue.heap_bytes() <= 2 * BUFFER_KEPT_MAX);
        }
    }

    /// Takes `n` bytes off the queue, some slices at a time.
    fn send(queue: &mut OutputQueue, mut n: usize, sent: &mut Vec<u8>) {
        while n > 0 {
            let mut slices = [IoSlice::new(&[]); 3];
            let used = queue.slices(&mut slices);
            let mut taken = 0;
            for slice in &slices[..used] {
                let part = slice.len().min(n - taken);
                sent.extend_from_slice(&slice[..part]);
                taken += part;
            }
            queue.advance(taken);
            n -= taken;
        }
    }

    #[test]
    fn a_reply_written_whole_reuses_two_buffers() {
        let (mut queue, mut encoder) = (OutputQueue::new(), Encoder::new(Proto::Resp2));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10 {
            encoder.bulk(&[b'x'; 1000]);
            queue.take_from(&mut encoder);
            seen.insert(queue.first().as_ptr());
            queue.advance(queue.pending());
        }
        assert!(seen.len() <= 2, "{} buffers", seen.len());
        assert!(queue.spare.capacity() >= 1000 && queue.spare.is_empty());
    }
}
