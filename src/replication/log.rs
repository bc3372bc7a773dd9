//! The log: one sequence of bytes, in blocks that many read and nobody copies.
//!
//! Workers append while they hold the locks of what they changed. Replica links, the append-only
//! file and the backlog read it at offsets of their own: a full block is shared, only the end that
//! is still growing is copied. An offset counts bytes since the history began, as Redis'
//! `master_repl_offset` does; the offset of a reader is how many bytes it has had.
//!
//! What is kept is bounded: always the newest `backlog` bytes, and for the sake of readers that are
//! behind as much more as each of them is allowed. A reader that falls further behind finds a
//! [`Gap`]. Only what the append-only file has not got is kept without a bound, as whoever lets it
//! fall behind has to refuse writes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::journal::{Journal, encode};

/// Bytes of a block; what is appended at once is never split, so one may be larger.
const BLOCK_BYTES: usize = 64 * 1024;
/// What is appended to a block that is almost full still finds room, if it is of usual size.
const BLOCK_SLACK: usize = 16 * 1024;
/// Blocks by which the log outgrows its bound before it is trimmed.
const TRIM_EVERY_BLOCKS: usize = 4;

/// What a reader asked for is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Older than what is kept.
    Evicted,
    /// Not written yet: the reader followed another history.
    Future,
}

#[derive(Debug, Default)]
struct Inner {
    /// Offset of the first byte that is kept.
    first: u64,
    blocks: VecDeque<Bytes>,
    /// Offset of the first byte of `tail`.
    tail_start: u64,
    tail: Vec<u8>,
    /// The database that the latest command works on; unknown at the start.
    db: Option<u8>,
    backlog: u64,
    readers: Vec<Weak<Place>>,
    /// Of the append-only file.
    patient: Weak<Place>,
    /// How often another history was begun.
    restarts: u64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Log {
    /// Whether anybody wants the effects.
    active: AtomicBool,
    end: AtomicU64,
    inner: Mutex<Inner>,
    /// Tasks to be woken by the next bytes.
    wakers: Mutex<Vec<Waker>>,
    has_wakers: AtomicBool,
    arrived: Condvar,
    sleeping: Mutex<()>,
    sleepers: AtomicUsize,
}

/// Where a reader is, and how many bytes beyond the backlog are kept for it.
#[derive(Debug)]
struct Place {
    at: AtomicU64,
    room: AtomicU64,
}

impl Place {
    fn new(offset: u64) -> Arc<Place> {
        Arc::new(Place { at: AtomicU64::new(offset), room: AtomicU64::new(u64::MAX) })
    }
}

/// A place in the log that keeps what comes after it as long as any copy of it is there; without a
/// bound until it is given one.
#[derive(Clone, Debug)]
pub struct LogReader {
    place: Arc<Place>,
}

impl LogReader {
    /// Bytes it has had.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.place.at.load(Ordering::Acquire)
    }

    /// Everything before `offset` is no longer needed.
    pub fn advance_to(&self, offset: u64) {
        self.place.at.store(offset, Ordering::Release);
    }

    /// So many bytes beyond the backlog are kept for it at most.
    pub fn allow(&self, bytes: u64) {
        self.place.room.store(bytes, Ordering::Release);
    }
}

impl Log {
    /// Whether effects have to be appended. One load; ask under the locks of what may change.
    #[inline]
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Has effects appended from now on, or no longer. Call it under the exclusive gate, so that
    /// it holds for whole batches.
    pub fn set_active(&self, active: bool) {
        let _inner = self.inner.lock();
        self.active.store(active, Ordering::Release);
    }

    /// Sets how many bytes are always kept.
    pub fn set_backlog(&self, backlog: u64) {
        let mut inner = self.inner.lock();
        inner.backlog = backlog;
        self.trim(&mut inner);
    }

    /// Bytes that are kept for readers alone.
    #[must_use]
    pub fn beyond_backlog(&self) -> u64 {
        self.inner.lock().excess()
    }

    /// Begins another history at `offset`: nothing before it can be read. Who waits for more of the
    /// old one is woken.
    pub fn restart(&self, offset: u64) {
        {
            let mut inner = self.inner.lock();
            inner.blocks.clear();
            inner.tail = Vec::new();
            (inner.first, inner.tail_start, inner.db) = (offset, offset, None);
            inner.restarts += 1;
            self.end.store(offset, Ordering::SeqCst);
        }
        self.wake();
    }

    /// Bytes written since the history began.
    #[inline]
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// The offset before the first byte that can be read: a reader must have had this many.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.inner.lock().first
    }

    /// How often another history was begun: offsets of another count mean nothing.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.inner.lock().restarts
    }

    /// The database of the latest command; `None` if the next one begins with SELECT anyway.
    #[must_use]
    pub fn db(&self) -> Option<u8> {
        self.inner.lock().db
    }

    /// Has the next command preceded by SELECT: a new reader does not know the database.
    pub fn forget_db(&self) {
        self.inner.lock().db = None;
    }

    /// As after a SELECT that a stream taken over ends in.
    pub fn set_db(&self, db: Option<u8>) {
        self.inner.lock().db = db;
    }

    /// Appends what a batch brought about; the offset after it.
    pub fn append(&self, journal: &Journal) -> u64 {
        self.write(|inner| {
            for (db, command) in journal.commands() {
                inner.select(db);
                inner.tail.extend_from_slice(command);
            }
        })
    }

    /// Appends one command that works on `db`; the offset after it.
    pub fn append_command(&self, db: u8, args: &[&[u8]]) -> u64 {
        self.write(|inner| {
            inner.select(db);
            encode(&mut inner.tail, args.iter().copied());
        })
    }

    /// Appends bytes of a stream as they are: what a replica got from its primary, or a command
    /// that works on no database. The offset after them.
    pub fn append_raw(&self, bytes: &[u8]) -> u64 {
        self.write(|inner| inner.tail.extend_from_slice(bytes))
    }

    /// As [`Log::append_raw`], for who is in no gate: nothing if effects are not appended any more.
    pub fn append_if_active(&self, bytes: &[u8]) -> u64 {
        self.write(|inner| {
            if self.is_active() {
                inner.tail.extend_from_slice(bytes);
            }
        })
    }

    fn write(&self, append: impl FnOnce(&mut Inner)) -> u64 {
        let end = {
            let mut inner = self.inner.lock();
            append(&mut inner);
            let end = inner.tail_start + inner.tail.len() as u64;
            self.end.store(end, Ordering::SeqCst);
            if inner.tail.len() >= BLOCK_BYTES {
                inner.seal();
                if inner.excess() > (TRIM_EVERY_BLOCKS * BLOCK_BYTES) as u64 {
                    self.trim(&mut inner);
                }
            }
            end
        };
        self.wake();
        end
    }

    /// Wakes who waits.
    fn wake(&self) {
        if self.has_wakers.swap(false, Ordering::SeqCst) {
            std::mem::take(&mut *self.wakers.lock()).into_iter().for_each(Waker::wake);
        }
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            let _sleeping = self.sleeping.lock();
            self.arrived.notify_all();
        }
    }

    /// Drops what is kept for nobody.
    fn trim(&self, inner: &mut Inner) {
        let end = self.end.load(Ordering::Acquire);
        inner.readers.retain(|reader| reader.strong_count() > 0);
        let needed = |place: Arc<Place>| {
            let room = place.room.load(Ordering::Acquire).saturating_add(inner.backlog);
            place.at.load(Ordering::Acquire).max(end.saturating_sub(room))
        };
        let slowest = inner.readers.iter().filter_map(Weak::upgrade).map(needed).min();
        let patient = inner.patient.upgrade().map(|place| place.at.load(Ordering::Acquire));
        let keep_from = [slowest, patient].into_iter().flatten().min().unwrap_or(end);
        let keep_from = keep_from.min(end.saturating_sub(inner.backlog));
        while let Some(block) = inner.blocks.front() {
            if inner.first + block.len() as u64 > keep_from {
                break;
            }
            inner.first += block.len() as u64;
            inner.blocks.pop_front();
        }
    }

    /// A reader that has had everything up to `offset`.
    ///
    /// # Errors
    /// If what follows is not kept, or not written.
    pub fn reader(&self, offset: u64) -> Result<LogReader, Gap> {
        let mut inner = self.inner.lock();
        inner.check(offset)?;
        let place = Place::new(offset);
        inner.readers.push(Arc::downgrade(&place));
        Ok(LogReader { place })
    }

    /// As [`Log::reader`], for the one reader that must get everything however late it is.
    ///
    /// # Errors
    /// As [`Log::reader`].
    pub fn patient_reader(&self, offset: u64) -> Result<LogReader, Gap> {
        let mut inner = self.inner.lock();
        inner.check(offset)?;
        let place = Place::new(offset);
        inner.patient = Arc::downgrade(&place);
        Ok(LogReader { place })
    }

    /// What follows `offset`, about `max` bytes of it, as shared pieces; none if there is nothing.
    ///
    /// # Errors
    /// As [`Log::reader`].
    pub fn read(&self, offset: u64, max: usize) -> Result<Vec<Bytes>, Gap> {
        let inner = self.inner.lock();
        inner.check(offset)?;
        let (mut start, mut had, mut pieces) = (inner.first, 0, Vec::new());
        for block in &inner.blocks {
            let end = start + block.len() as u64;
            if had >= max {
                return Ok(pieces);
            }
            if offset < end {
                let piece = block.slice(offset.saturating_sub(start) as usize..);
                had += piece.len();
                pieces.push(piece);
            }
            start = end;
        }
        let rest = &inner.tail[offset.saturating_sub(inner.tail_start) as usize..];
        if had < max && !rest.is_empty() {
            pieces.push(Bytes::copy_from_slice(rest));
        }
        Ok(pieces)
    }

    /// Has `waker` woken when there is more than `offset`, or another history; whether there is
    /// more already.
    pub fn poll_beyond(&self, offset: u64, waker: &Waker) -> bool {
        if self.end() > offset {
            return true;
        }
        {
            // A task that looks again before anything came is woken once all the same.
            let mut wakers = self.wakers.lock();
            if !wakers.iter().any(|known| known.will_wake(waker)) {
                wakers.push(waker.clone());
            }
        }
        self.has_wakers.store(true, Ordering::SeqCst);
        self.end.load(Ordering::SeqCst) > offset
    }

    /// Waits for more than `offset`, up to `patience`; whether there is.
    pub fn wait_beyond(&self, offset: u64, patience: Duration) -> bool {
        let mut sleeping = self.sleeping.lock();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        if self.end.load(Ordering::SeqCst) <= offset {
            self.arrived.wait_for(&mut sleeping, patience);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        self.end() > offset
    }
}

impl Inner {
    fn select(&mut self, db: u8) {
        if self.db.replace(db) != Some(db) {
            let number = db.to_string();
            encode(&mut self.tail, [b"SELECT", number.as_bytes()].into_iter());
        }
    }

    fn check(&self, offset: u64) -> Result<(), Gap> {
        if offset < self.first {
            Err(Gap::Evicted)
        } else if offset > self.tail_start + self.tail.len() as u64 {
            Err(Gap::Future)
        } else {
            Ok(())
        }
    }

    /// Makes the tail a block that is shared instead of copied.
    fn seal(&mut self) {
        let block =
            std::mem::replace(&mut self.tail, Vec::with_capacity(BLOCK_BYTES + BLOCK_SLACK));
        self.tail_start += block.len() as u64;
        self.blocks.push_back(Bytes::from(block));
    }

    /// Bytes kept beyond the backlog.
    fn excess(&self) -> u64 {
        (self.tail_start - self.first).saturating_sub(self.backlog)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(pieces: &[Bytes]) -> Vec<u8> {
        pieces.concat()
    }

    #[test]
    fn a_change_of_database_is_told_once() {
        let log = Log::default();
        log.append_command(0, &[b"A"]);
        log.append_command(0, &[b"B"]);
        log.append_command(3, &[b"C"]);
        log.forget_db();
        log.append_command(3, &[b"D"]);
        let all = String::from_utf8(text(&log.read(0, usize::MAX).expect("all is kept")));
        let words: Vec<String> = all
            .expect("text")
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()))
            .map(str::to_owned)
            .collect();
        let expected = ["SELECT", "0", "A", "B", "SELECT", "3", "C", "SELECT", "3", "D"];
        assert_eq!(words, expected);
    }

    #[test]
    fn what_nobody_needs_is_dropped_and_what_a_reader_needs_is_not() {
        let log = Log::default();
        let block = vec![b'x'; BLOCK_BYTES];
        let fill = |blocks: usize| {
            for _ in 0..blocks {
                log.append_raw(&block);
            }
        };
        log.set_backlog(BLOCK_BYTES as u64);
        let reader = log.reader(0).expect("the beginning");
        reader.allow(20 * BLOCK_BYTES as u64);
        fill(10);
        assert_eq!(log.first(), 0, "the reader is behind");
        reader.advance_to(log.end());
        fill(10);
        assert!(log.first() > 0);
        assert_eq!(log.read(0, 1), Err(Gap::Evicted));
        assert_eq!(log.read(log.end() + 1, 1), Err(Gap::Future));
        let lost = log.reader(log.end()).expect("the end");
        lost.allow(20 * BLOCK_BYTES as u64);
        let kept = lost.clone();
        fill(40);
        assert_eq!(log.read(lost.offset(), 1), Err(Gap::Evicted), "it was too slow");
        lost.advance_to(log.end());
        drop(lost);
        fill(10);
        assert!(log.read(kept.offset(), 1).is_ok(), "a copy of it keeps what it kept");
        let patient = log.patient_reader(log.end()).expect("the end");
        fill(60);
        assert!(log.read(patient.offset(), 1).is_ok(), "it gets everything");
        drop(patient);
        fill(60);
        assert!(log.first() > log.end() - 40 * BLOCK_BYTES as u64);
    }

    #[test]
    fn who_waits_is_woken_when_another_history_begins() {
        struct Woken(AtomicBool);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let (log, woken) = (Log::default(), Arc::new(Woken(AtomicBool::new(false))));
        log.append_raw(b"abc");
        assert!(!log.poll_beyond(3, &Waker::from(Arc::clone(&woken))));
        log.restart(1);
        assert!(woken.0.load(Ordering::SeqCst));
        assert_eq!((log.end(), log.restarts()), (1, 1));
    }

    proptest! {
        #[test]
        fn every_reader_gets_every_byte(
            sizes in proptest::collection::vec(0..BLOCK_BYTES * 2, 0..20),
            steps in proptest::collection::vec(1..BLOCK_BYTES, 1..20),
        ) {
            let log = Log::default();
            log.set_backlog(u64::MAX >> 1);
            let mut expected = Vec::new();
            for (index, size) in sizes.iter().enumerate() {
                let bytes = vec![index as u8; *size];
                log.append_raw(&bytes);
                expected.extend(bytes);
            }
            let (mut had, mut at) = (Vec::new(), steps.iter().cycle());
            while had.len() < expected.len() {
                let step = *at.next().expect("it repeats");
                had.extend(text(&log.read(had.len() as u64, step).expect("all is kept")));
            }
            prop_assert_eq!(had, expected);
        }
    }
}
