//! Writes replies in either protocol version.
//!
//! One buffer, and a list of places in it where a big value is to be sent by reference. Handlers
//! say what they mean (a map, a double); how that looks in RESP2 is decided here and nowhere else.

use bytes::Bytes;

use super::value::Value;
use crate::base::number::{format_double, format_plain_double};

/// From this length on a shared value is sent by reference; copying less is cheaper than another
/// slice.
pub const SHARED_MIN: usize = 16 * 1024;
/// A deferred array's elements up to this length are shifted to make room for its header.
const SHIFT_MAX: usize = 16 * 1024;

/// The protocol version a client has chosen with HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Proto {
    #[default]
    Resp2,
    Resp3,
}

/// A position in the replies written so far. Void once the encoder has been drained.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Mark {
    at: usize,
    shared: usize,
}

/// Collects replies; [`super::OutputQueue::take_from`] takes them away.
#[derive(Debug, Default)]
pub struct Encoder {
    pub(super) buf: Vec<u8>,
    /// What is to be sent before the byte of `buf` at that offset; ascending.
    pub(super) shared: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    proto: Proto,
}

impl Encoder {
    #[must_use]
    pub fn new(proto: Proto) -> Encoder {
        Encoder { proto, ..Encoder::default() }
    }

    #[inline]
    #[must_use]
    pub fn proto(&self) -> Proto {
        self.proto
    }

    /// Changes the version for what is written from now on.
    #[inline]
    pub fn set_proto(&mut self, proto: Proto) {
        self.proto = proto;
    }

    /// Bytes written and not yet taken away.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len() + self.shared_bytes
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty() && self.shared.is_empty()
    }

    /// Forgets everything written.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.shared.clear();
        self.shared_bytes = 0;
    }

    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { at: self.buf.len(), shared: self.shared.len() }
    }

    /// Takes out everything written since `mark`.
    pub fn split_off(&mut self, mark: Mark) -> Encoder {
        let buf = self.buf.split_off(mark.at);
        let mut shared = self.shared.split_off(mark.shared);
        shared.iter_mut().for_each(|(at, _)| *at -= mark.at);
        let shared_bytes = shared.iter().map(|(_, part)| part.len()).sum();
        self.shared_bytes -= shared_bytes;
        Encoder { buf, shared, shared_bytes, proto: self.proto }
    }

    /// Adds what another encoder has.
    pub fn append(&mut self, other: Encoder) {
        let base = self.buf.len();
        self.shared_bytes += other.shared_bytes;
        self.shared.extend(other.shared.into_iter().map(|(at, part)| (at + base, part)));
        self.buf.extend_from_slice(&other.buf);
    }

    /// Adds bytes that are encoded already, big ones without a copy.
    pub fn raw_shared(&mut self, encoded: Bytes) {
        if encoded.len() < SHARED_MIN {
            self.raw(&encoded);
        } else {
            self.share(encoded);
        }
    }

    /// Drops what was written since `mark`: a command that fails half-way leaves only its error.
    pub fn rewind(&mut self, mark: Mark) {
        self.buf.truncate(mark.at);
        let dropped: usize = self.shared[mark.shared..].iter().map(|(_, part)| part.len()).sum();
        self.shared.truncate(mark.shared);
        self.shared_bytes -= dropped;
    }

    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status; it must not contain a line break.
    #[inline]
    pub fn simple(&mut self, status: &str) {
        debug_assert!(!status.contains(['\r', '\n']), "a status is one line");
        self.line(b'+', status.as_bytes());
    }

    /// An error: the whole text, its code first. Line breaks at its end are dropped, others become
    /// spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let text = text.as_ref();
        let len = text.iter().rposition(|byte| !is_break(byte)).map_or(0, |last| last + 1);
        self.buf.push(b'-');
        let clean = text[..len].iter().map(|byte| if is_break(byte) { b' ' } else { *byte });
        self.buf.extend(clean);
        self.buf.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0..10 => self.length(b':', value as usize),
            _ => self.number(b':', value),
        }
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.buf.reserve(bytes.len() + 32);
        self.length(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A value that is kept elsewhere too: a big one is not copied.
    pub fn bulk_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_MIN {
            return self.bulk(&bytes);
        }
        self.length(b'$', bytes.len());
        self.share(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    #[inline]
    pub fn null(&mut self) {
        self.buf.extend_from_slice(self.pick(b"$-1\r\n", b"_\r\n"));
    }

    #[inline]
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(self.pick(b"*-1\r\n", b"_\r\n"));
    }

    /// Begins an array of `len` elements, which the caller writes next.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.length(b'*', len);
    }

    /// Begins a map of `pairs` keys, each followed by its value.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', pairs * 2),
            Proto::Resp3 => self.length(b'%', pairs),
        }
    }

    #[inline]
    pub fn set(&mut self, len: usize) {
        self.length(self.pick(b'*', b'~'), len);
    }

    /// Begins a message that is not the answer to a request.
    #[inline]
    pub fn push(&mut self, len: usize) {
        self.length(self.pick(b'*', b'>'), len);
    }

    /// A score, a distance: 17 significant digits.
    pub fn double(&mut self, value: f64) {
        let text = format_double(value);
        match self.proto {
            Proto::Resp2 => self.bulk(&text),
            Proto::Resp3 => self.line(b',', &text),
        }
    }

    /// A coordinate: up to 17 decimals, never an exponent.
    pub fn plain_double(&mut self, value: f64) {
        let text = format_plain_double(value);
        match self.proto {
            Proto::Resp2 => self.bulk(text.as_bytes()),
            Proto::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    pub fn bool(&mut self, value: bool) {
        let text = match (self.proto, value) {
            (Proto::Resp2, true) => b":1\r\n",
            (Proto::Resp2, false) => b":0\r\n",
            (Proto::Resp3, true) => b"#t\r\n",
            (Proto::Resp3, false) => b"#f\r\n",
        };
        self.buf.extend_from_slice(text);
    }

    /// Text for people, with its format's three letters (`txt`, `mkd`).
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.length(b'=', text.len() + 4);
                self.buf.extend_from_slice(&format);
                self.buf.push(b':');
                self.buf.extend_from_slice(text);
                self.buf.extend_from_slice(b"\r\n");
            }
        }
    }

    /// An integer of any size, as its decimal digits.
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(digits),
            Proto::Resp3 => self.line(b'(', digits),
        }
    }

    /// Appends replies that are already encoded.
    #[inline]
    pub fn raw(&mut self, encoded: &[u8]) {
        self.buf.extend_from_slice(encoded);
    }

    /// Begins an array, map, set or push whose length is not known yet.
    pub fn begin_deferred(&self) -> Mark {
        self.mark()
    }

    /// Ends a deferred array of `len` elements.
    pub fn end_array(&mut self, begun: Mark, len: usize) {
        self.insert_length(begun, b'*', len);
    }

    /// Ends a deferred map of `pairs` pairs.
    pub fn end_map(&mut self, begun: Mark, pairs: usize) {
        match self.proto {
            Proto::Resp2 => self.insert_length(begun, b'*', pairs * 2),
            Proto::Resp3 => self.insert_length(begun, b'%', pairs),
        }
    }

    /// Ends a deferred set of `len` elements.
    pub fn end_set(&mut self, begun: Mark, len: usize) {
        self.insert_length(begun, self.pick(b'*', b'~'), len);
    }

    /// Writes a reply held as a tree; recurses as deep as the tree is.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Simple(text) => self.line(b'+', text),
            Value::Error(text) => self.error(text),
            Value::Int(value) => self.int(*value),
            Value::Bulk(bytes) => self.bulk_shared(bytes.clone()),
            Value::Null => self.null(),
            Value::NullArray => self.null_array(),
            Value::Double(value) => self.double(*value),
            Value::Bool(value) => self.bool(*value),
            Value::Verbatim { format, text } => self.verbatim(*format, text),
            Value::BigNumber(digits) => self.big_number(digits),
            Value::Array(items) => {
                self.array(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Set(items) => {
                self.set(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Push(items) => {
                self.push(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Map(pairs) => {
                self.map(pairs.len());
                for (key, value) in pairs {
                    self.value(key);
                    self.value(value);
                }
            }
        }
    }

    /// Everything written, in one piece: for callers that do not queue it.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        while let Some((at, part)) = self.shared.pop() {
            self.buf.splice(at..at, part);
        }
        self.buf
    }

    #[inline]
    fn pick<T>(&self, resp2: T, resp3: T) -> T {
        match self.proto {
            Proto::Resp2 => resp2,
            Proto::Resp3 => resp3,
        }
    }

    #[inline]
    fn length(&mut self, sigil: u8, len: usize) {
        let digit = |number: usize| b'0' + number as u8;
        match len {
            0..10 => self.buf.extend_from_slice(&[sigil, digit(len), b'\r', b'\n']),
            10..100 => {
                let header = [sigil, digit(len / 10), digit(len % 10), b'\r', b'\n'];
                self.buf.extend_from_slice(&header);
            }
            _ => self.number(sigil, len as i64),
        }
    }

    #[inline]
    fn number(&mut self, sigil: u8, value: i64) {
        self.line(sigil, itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    fn line(&mut self, sigil: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(sigil);
        self.buf.extend_from_slice(text);
        self.buf.extend_from_slice(b"\r\n");
    }

    fn share(&mut self, bytes: Bytes) {
        self.shared_bytes += bytes.len();
        self.shared.push((self.buf.len(), bytes));
    }

    /// Puts a header before what was written since `begun`: shifts a little, but never a lot.
    fn insert_length(&mut self, begun: Mark, sigil: u8, len: usize) {
        let mut digits = itoa::Buffer::new();
        let header = [&[sigil], digits.format(len).as_bytes(), b"\r\n"].concat();
        if self.buf.len() - begun.at <= SHIFT_MAX {
            for (offset, _) in &mut self.shared[begun.shared..] {
                *offset += header.len();
            }
            self.buf.splice(begun.at..begun.at, header);
        } else {
            self.shared_bytes += header.len();
            self.shared.insert(begun.shared, (begun.at, Bytes::from(header)));
        }
    }
}

#[cfg(test)]
mod tests;
