//! The request parser: incremental, bounded and resumable.
//!
//! It owns a connection's input buffer and turns its bytes into the requests of a [`Batch`].
//!
//! - No byte is looked at again because more bytes arrived: 80,000 arguments in 1,460-byte reads
//!   are linear.
//! - Small arguments are never copied; big ones are read from the socket straight into their own
//!   block.
//! - How the stream was cut into reads never changes what is parsed.
//! - Memory follows bytes received, not lengths announced.
//!
//! One connection's loop: read into [`Parser::spare`], then `parse`, run the batch, `consume`,
//! until the batch stays empty; then read again. Must not know what the commands are.

use bytes::BufMut;
use bytes::buf::Limit;

use super::batch::{Batch, Parts};
use super::error::ProtocolError;
use super::limits::{BIG_ARG, LINE_MAX, Limits};
use super::whole::whole_request;
use crate::base::number::parse_i64;
use crate::base::words;

/// The input buffer of a connection that sends small requests.
const INPUT_START: usize = 16 * 1024;
/// A buffer that grew beyond this is given back once it is empty.
const INPUT_KEPT_MAX: usize = 64 * 1024;
/// Reading into less room than this is not worth a system call.
const READ_MIN: usize = 4 * 1024;
/// A big argument's reservation in bytes per byte that has arrived: 512 MB are reserved at once
/// after 16 MB, so that growing copies at most a few percent, and an announcement alone reserves 1
/// MB.
const RESERVE_FACTOR: usize = 32;
/// Spans are 32 bits wide, so a request's small arguments must fit in this.
const INPUT_MAX: usize = u32::MAX as usize / 2;

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Before a request.
    Request,
    /// Before an argument's length; `left` arguments are missing.
    Length { left: usize },
    /// Inside a small argument, which is only taken when it has arrived whole.
    Small { left: usize, len: usize },
    /// Inside a big argument, which `Parser::big` collects.
    Big { left: usize, len: usize },
    /// Before the line break that follows a big argument.
    BigEnd { left: usize },
}

enum Step {
    Advanced,
    NeedsInput,
}

/// One connection's input. See the module's head for how it is used.
#[derive(Debug)]
pub struct Parser {
    input: Vec<u8>,
    /// The first byte not consumed; the offsets below count from it.
    start: usize,
    /// The first byte of the request in progress.
    begin: usize,
    /// The next byte to parse.
    at: usize,
    /// How many bytes from `at` on are known to hold no line end.
    searched: usize,
    stage: Stage,
    /// Arguments of the request in progress.
    parts: Parts,
    big: Vec<u8>,
    /// Bytes of the request in progress that did not pass through `input`.
    outside: usize,
    failed: Option<ProtocolError>,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser::new()
    }
}

impl Parser {
    /// An empty parser; holds no memory until the first read.
    #[must_use]
    pub fn new() -> Parser {
        Parser {
            input: Vec::new(),
            start: 0,
            begin: 0,
            at: 0,
            searched: 0,
            stage: Stage::Request,
            parts: Parts::default(),
            big: Vec::new(),
            outside: 0,
            failed: None,
        }
    }

    /// Where the next read goes; never empty. What is written there is in the parser at once.
    ///
    /// While a big argument is arriving this is its own block, and ends where the argument ends.
    pub fn spare(&mut self) -> Limit<&mut Vec<u8>> {
        if let Stage::Big { len, .. } = self.stage
            && self.big.len() < len
        {
            reserve_big(&mut self.big, len);
            let room = self.big.capacity().min(len) - self.big.len();
            return (&mut self.big).limit(room);
        }
        let room = self.input.capacity() - self.input.len();
        if room < READ_MIN {
            self.make_room();
        }
        let room = self.input.capacity() - self.input.len();
        (&mut self.input).limit(room)
    }

    /// Copies bytes in, as reads would.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut spare = self.spare();
            let (now, later) = bytes.split_at(bytes.len().min(spare.remaining_mut()));
            spare.put_slice(now);
            bytes = later;
        }
    }

    /// The bytes that the requests of the last `parse` point into.
    #[inline]
    #[must_use]
    pub fn input(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Appends complete requests to `batch` until it holds `max`; a partial one stays for later.
    ///
    /// # Errors
    /// The stream cannot be read on; every later call says the same. Requests before the fault come
    /// first: then this call succeeds and the next one, with an empty batch, fails.
    #[inline]
    pub fn parse(
        &mut self,
        limits: &Limits,
        max: usize,
        batch: &mut Batch,
    ) -> Result<(), ProtocolError> {
        while batch.len() < max && self.failed.is_none() {
            if matches!(self.stage, Stage::Request) {
                self.parse_whole(limits, max, batch);
                if batch.len() == max || self.at == self.input.len() - self.start {
                    break;
                }
            }
            match self.step(limits, batch) {
                Ok(Step::Advanced) => {}
                Ok(Step::NeedsInput) => {
                    self.check_size(limits);
                    break;
                }
                Err(error) => self.failed = Some(error),
            }
        }
        if !batch.is_empty() {
            return Ok(());
        }
        self.forget(); // Empty requests, which no caller will consume.
        self.failed.map_or(Ok(()), Err)
    }

    /// Forgets the bytes of the requests in `batch` and empties it.
    #[inline]
    pub fn consume(&mut self, batch: &mut Batch) {
        batch.clear();
        self.forget();
    }

    /// Moves past everything before the request in progress.
    #[inline]
    fn forget(&mut self) {
        self.start += self.begin;
        self.at -= self.begin;
        self.begin = 0;
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
            if self.input.capacity() > INPUT_KEPT_MAX {
                self.input = Vec::new();
            }
        }
    }

    /// Whether the stream is known to be unreadable, even if earlier requests are still to be run.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Bytes received and not yet consumed.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.input.len() - self.start + self.big.len()
    }

    /// Bytes reserved, used or not.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.input.capacity() + self.big.capacity() + self.parts.heap_bytes()
    }

    /// Gives an idle connection's buffer back; keeps whatever has been received.
    pub fn release_idle(&mut self) {
        if self.input.is_empty() && matches!(self.stage, Stage::Request) {
            self.input = Vec::new();
            self.parts = Parts::default();
        }
    }

    /// The fast path: small requests that have arrived whole. Stops before anything else, errors
    /// too.
    #[inline]
    fn parse_whole(&mut self, limits: &Limits, max: usize, batch: &mut Batch) {
        let input = &self.input[self.start..];
        let (max_args, max_bulk) = limits.for_small();
        while batch.len() < max {
            let first = batch.spans.len();
            let Some(end) = whole_request(input, self.at, max_args, max_bulk, batch) else {
                batch.spans.truncate(first);
                return;
            };
            batch.finish(first, end - self.at + std::mem::take(&mut self.outside));
            self.at = end;
            self.begin = end;
            self.searched = 0;
        }
    }

    /// Parses the next piece of whatever the fast path left.
    #[cold]
    fn step(&mut self, limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        match self.stage {
            Stage::Request => match self.rest().first() {
                None => Ok(Step::NeedsInput),
                Some(b'*') => self.count_line(limits),
                Some(_) => self.inline_line(limits, batch),
            },
            Stage::Length { left: 0 } => {
                self.finish(batch);
                Ok(Step::Advanced)
            }
            Stage::Length { left } => self.length_line(limits, left),
            Stage::Small { left, len } => {
                if self.rest().len() < len + 2 {
                    return Ok(Step::NeedsInput);
                }
                self.parts.push(self.at - self.begin, len);
                self.at += len + 2;
                self.stage = Stage::Length { left: left - 1 };
                Ok(Step::Advanced)
            }
            Stage::Big { left, len } => {
                if self.big.len() < len {
                    return Ok(Step::NeedsInput);
                }
                self.parts.push_big(std::mem::take(&mut self.big));
                self.stage = Stage::BigEnd { left };
                Ok(Step::Advanced)
            }
            Stage::BigEnd { left } => {
                if self.rest().len() < 2 {
                    return Ok(Step::NeedsInput);
                }
                self.at += 2;
                self.stage = Stage::Length { left: left - 1 };
                Ok(Step::Advanced)
            }
        }
    }

    /// The bytes not yet parsed.
    fn rest(&self) -> &[u8] {
        &self.input[self.start + self.at..]
    }

    /// `*<count>`: begins a request, or skips an empty one.
    fn count_line(&mut self, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some(len) = self.length_of_line(ProtocolError::TooBigMultibulkCount)? else {
            return Ok(Step::NeedsInput);
        };
        let count = parse_i64(&self.rest()[1..len]).ok_or(ProtocolError::InvalidMultibulkLength)?;
        let left = usize::try_from(count).unwrap_or(0);
        limits.check_args(left)?;
        self.at += len + 2;
        if left > 0 {
            self.stage = Stage::Length { left };
        } else {
            self.skip();
        }
        Ok(Step::Advanced)
    }

    /// `$<length>`: begins an argument.
    fn length_line(&mut self, limits: &Limits, left: usize) -> Result<Step, ProtocolError> {
        let Some(line) = self.length_of_line(ProtocolError::TooBigBulkCount)? else {
            return Ok(Step::NeedsInput);
        };
        // An empty line's first byte is its own line break.
        let sigil = self.rest()[0];
        if sigil != b'$' {
            return Err(ProtocolError::ExpectedBulk(sigil));
        }
        let len = parse_i64(&self.rest()[1..line])
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(ProtocolError::InvalidBulkLength)?;
        limits.check_bulk(len)?;
        self.at += line + 2;
        if len < BIG_ARG {
            self.stage = Stage::Small { left, len };
        } else {
            self.begin_big(len);
            self.stage = Stage::Big { left, len };
        }
        Ok(Step::Advanced)
    }

    /// Moves what has arrived of a big argument into its own block.
    fn begin_big(&mut self, len: usize) {
        let from = self.start + self.at;
        let arrived = (self.input.len() - from).min(len);
        self.big = Vec::new();
        reserve_big(&mut self.big, len);
        self.big.extend_from_slice(&self.input[from..from + arrived]);
        if arrived < len {
            self.input.truncate(from);
            self.outside += len;
        } else {
            self.at += len;
        }
    }

    /// A line of words: a request typed by hand, or nothing at all.
    fn inline_line(&mut self, limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let Some(len) = self.find(b'\n') else {
            let too_big = self.rest().len() > limits.max_inline;
            return if too_big { Err(ProtocolError::TooBigInline) } else { Ok(Step::NeedsInput) };
        };
        if len > limits.max_inline {
            return Err(ProtocolError::TooBigInline);
        }
        let line = &self.rest()[..len];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words = words::split(line).map_err(|_| ProtocolError::UnbalancedQuotes)?;
        self.at += len + 1;
        self.searched = 0;
        if words.is_empty() {
            self.skip();
            return Ok(Step::Advanced);
        }
        // Unquoted words are never longer than the line, so they fit where it stood.
        let mut start = self.begin;
        for word in words {
            let place = self.start + start;
            self.input[place..place + word.len()].copy_from_slice(&word);
            self.parts.push(start - self.begin, word.len());
            start += word.len();
        }
        self.finish(batch);
        Ok(Step::Advanced)
    }

    /// Leaves an empty request behind; the next one's length on the wire includes it.
    fn skip(&mut self) {
        self.outside += self.at - self.begin;
        self.begin = self.at;
    }

    /// Hands the request in progress over.
    fn finish(&mut self, batch: &mut Batch) {
        let wire = self.at - self.begin + self.outside;
        batch.adopt(&mut self.parts, self.begin, wire);
        self.begin = self.at;
        self.outside = 0;
        self.stage = Stage::Request;
    }

    /// Bytes before the `\r` of the line at hand; `None` until it and the byte after it have
    /// arrived.
    ///
    /// That byte should be `\n`, but Redis servers do not look, and clients exist that rely on it.
    fn length_of_line(&mut self, too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        match self.find(b'\r') {
            Some(len) if len > LINE_MAX => Err(too_big),
            Some(len) if self.rest().len() >= len + 2 => {
                self.searched = 0;
                Ok(Some(len))
            }
            None if self.rest().len() > LINE_MAX => Err(too_big),
            _ => Ok(None),
        }
    }

    /// Where `end` stands in the unparsed bytes, looking only at those that are new.
    fn find(&mut self, end: u8) -> Option<usize> {
        let rest = &self.input[self.start + self.at..];
        let found = rest[self.searched..].iter().position(|&byte| byte == end);
        self.searched = found.map_or(rest.len(), |offset| self.searched + offset);
        found.map(|_| self.searched)
    }

    /// An unfinished request must fit the query buffer limit.
    fn check_size(&mut self, limits: &Limits) {
        let input = self.input.len() - self.start;
        let held = input + self.big.len() + self.parts.heap_bytes();
        if held > limits.max_query_buffer || input > INPUT_MAX {
            self.failed = Some(ProtocolError::QueryBufferLimit);
        }
    }

    /// Moves the unconsumed bytes to the front when that is cheap, else grows.
    fn make_room(&mut self) {
        let kept = self.input.len() - self.start;
        if kept <= self.start {
            self.input.copy_within(self.start.., 0);
            self.input.truncate(kept);
            self.start = 0;
        }
        if self.input.capacity() - self.input.len() < READ_MIN {
            self.input.reserve(INPUT_START);
        }
    }
}

/// Reserves for a big argument of `len` bytes what the bytes that arrived have earned.
///
/// A refused reservation is left to fail when the bytes are really there.
fn reserve_big(big: &mut Vec<u8>, len: usize) {
    if big.len() < big.capacity() {
        return;
    }
    let earned = big.len().max(BIG_ARG).saturating_mul(RESERVE_FACTOR).min(len);
    if big.try_reserve_exact(earned - big.len()).is_err() {
        big.reserve(BIG_ARG);
    }
}

#[cfg(test)]
mod tests;
