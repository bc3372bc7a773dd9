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
//!
//! A replica's log is what its primary sent and nothing else. What it does of its own is kept
//! [aside](super::aside), for the append-only file.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::aside::{Aside, Piece, Reach};
use super::journal::{Journal, encode, put_select};

/// Bytes of a block; what is appended at once is never split, so one may be larger.
const BLOCK_BYTES: usize = 64 * 1024;
/// What is appended to a block that is almost full still finds room, if it is of usual size.
const BLOCK_SLACK: usize = 16 * 1024;
/// Blocks by which the log outgrows its bound before it is trimmed.
const TRIM_EVERY_BLOCKS: usize = 4;

/// What becomes of the effects of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Logging {
    /// Nobody wants them.
    #[default]
    Off,
    /// They are appended to the log.
    On,
    /// The log is another node's; what is brought about here is kept aside.
    Aside,
}

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
    aside: Aside,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Log {
    /// A [`Logging`].
    logging: AtomicU8,
    end: AtomicU64,
    /// [`Reach::aside`] of what is kept aside.
    aside_end: AtomicU64,
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
    /// Whether somebody wants effects. One load; ask under the locks of what may change.
    #[inline]
    #[must_use]
    pub fn wants_effects(&self) -> bool {
        self.logging.load(Ordering::Acquire) != Logging::Off as u8
    }

    /// Whether effects are appended to the log.
    #[inline]
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.logging.load(Ordering::Acquire) == Logging::On as u8
    }

    /// Whether effects are kept aside.
    #[inline]
    #[must_use]
    pub fn is_aside(&self) -> bool {
        self.logging.load(Ordering::Acquire) == Logging::Aside as u8
    }

    /// Says what becomes of effects from now on. Call it under the exclusive gate, so that it holds
    /// for whole batches.
    pub fn set_logging(&self, logging: Logging) {
        let _inner = self.inner.lock();
        self.logging.store(logging as u8, Ordering::Release);
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
            // It happened to what is gone.
            inner.aside.forget(u64::MAX);
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

    /// Appends what a batch brought about, or keeps it aside; how far that goes.
    pub fn append(&self, journal: &Journal) -> Reach {
        if self.is_aside() {
            return self.keep_aside(journal.commands());
        }
        Reach::in_log(self.write(|inner| {
            for (db, command) in journal.commands() {
                inner.select(db);
                inner.tail.extend_from_slice(command);
            }
        }))
    }

    /// As [`Log::append`], one command that works on `db`.
    pub fn append_command(&self, db: u8, args: &[&[u8]]) -> Reach {
        if self.is_aside() {
            let mut command = Vec::new();
            encode(&mut command, args.iter().copied());
            return self.keep_aside(std::iter::once((db, &*command)));
        }
        Reach::in_log(self.write(|inner| {
            inner.select(db);
            encode(&mut inner.tail, args.iter().copied());
        }))
    }

    /// Appends what a replica got from its primary, whole commands that leave `db` selected. Call
    /// it under the locks of what they changed.
    pub fn append_stream(&self, bytes: &[u8], db: u8) -> u64 {
        self.write(|inner| {
            inner.tail.extend_from_slice(bytes);
            inner.db = Some(db);
        })
    }

    /// Appends a command that works on no database, for who is in no gate: nothing if effects are
    /// not appended any more. The offset after it.
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
            let end = inner.end();
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

    /// Keeps commands aside that belong here.
    #[cold]
    fn keep_aside<'a>(&self, commands: impl Iterator<Item = (u8, &'a [u8])>) -> Reach {
        let aside = {
            let mut inner = self.inner.lock();
            let place = (inner.end(), inner.db);
            let end = inner.aside.append(place, commands);
            self.aside_end.store(end, Ordering::SeqCst);
            end
        };
        self.wake_sleepers();
        Reach { offset: 0, aside }
    }

    /// Wakes who waits.
    fn wake(&self) {
        if self.has_wakers.swap(false, Ordering::SeqCst) {
            std::mem::take(&mut *self.wakers.lock()).into_iter().for_each(Waker::wake);
        }
        self.wake_sleepers();
    }

    fn wake_sleepers(&self) {
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

    /// Waits for more than `reach`, up to `patience`; whether there is.
    pub fn wait_beyond(&self, reach: Reach, patience: Duration) -> bool {
        let is_more = || {
            self.end.load(Ordering::SeqCst) > reach.offset
                || self.aside_end.load(Ordering::SeqCst) > reach.aside
        };
        let mut sleeping = self.sleeping.lock();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        if !is_more() {
            self.arrived.wait_for(&mut sleeping, patience);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        is_more()
    }
}

/// What is kept aside, and how far all of it goes.
impl Log {
    /// How far the log goes, and what is aside of it. What comes later is no part of what can be
    /// [taken](Log::take_aside) up to there.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let mut inner = self.inner.lock();
        Reach { offset: inner.end(), aside: inner.aside.close() }
    }

    /// The offset at which the first of what is kept aside happened.
    #[must_use]
    pub fn first_aside(&self) -> Option<u64> {
        self.inner.lock().aside.first_at()
    }

    /// Takes the first of what is kept aside.
    #[must_use]
    pub fn take_aside(&self) -> Option<Piece> {
        self.inner.lock().aside.take_first()
    }

    /// Drops what is kept aside up to `end` of [`Reach::aside`].
    pub fn forget_aside(&self, end: u64) {
        self.inner.lock().aside.forget(end);
    }
}

impl Inner {
    fn end(&self) -> u64 {
        self.tail_start + self.tail.len() as u64
    }

    fn select(&mut self, db: u8) {
        if self.db.replace(db) != Some(db) {
            put_select(&mut self.tail, db);
        }
    }

    fn check(&self, offset: u64) -> Result<(), Gap> {
        if offset < self.first {
            Err(Gap::Evicted)
        } else if offset > self.end() {
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
mod tests;
