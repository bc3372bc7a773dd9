//! String values on their way into and out of an entry: the forms a caller may hand in, and a
//! borrowed view.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::number::parse_i64;

/// Strings longer than this hang off their entry behind an `Arc`.
///
/// Below it a reply copies the value (16 KiB take about 1 µs), which costs less than the reference
/// count, the two more cache misses and the own segment of a gathered write; above it the copy
/// would dominate.
pub const INLINE_MAX: usize = 16 * 1024;

/// Up to this length an unmodified string reports the encoding `embstr`.
pub(super) const EMBSTR_MAX: usize = 44;

/// A string value to be stored.
#[derive(Debug)]
pub enum NewStr<'a> {
    Int(i64),
    /// As SET stores it: an integer if it reads as one.
    Bytes(&'a [u8]),
    /// Never turned into an integer (INCRBYFLOAT's result).
    Text(&'a [u8]),
    /// Like `Text`, and reports the encoding `raw` however short it is (what SETRANGE leaves).
    Raw(&'a [u8]),
    /// As `Bytes`, but owned: kept without a copy when it is longer than [`INLINE_MAX`].
    Owned(Vec<u8>),
    /// Kept by reference when longer than [`INLINE_MAX`].
    Shared(Arc<Vec<u8>>),
}

/// What an entry stores: a [`NewStr`] after the choice of encoding.
#[derive(Debug)]
pub(super) enum Stored<'a> {
    Int(i64),
    Inline { bytes: &'a [u8], raw: bool },
    Big(Arc<Vec<u8>>),
}

impl<'a> NewStr<'a> {
    /// Chooses the encoding and hands it to `store`; by continuation because short owned bytes are
    /// only borrowed.
    #[inline]
    pub(super) fn encode<R>(self, store: impl FnOnce(Stored<'_>) -> R) -> R {
        match self {
            NewStr::Int(value) => store(Stored::Int(value)),
            NewStr::Bytes(bytes) => store(Stored::detect(bytes)),
            NewStr::Text(bytes) => store(Stored::text(bytes, false)),
            NewStr::Raw(bytes) => store(Stored::text(bytes, true)),
            NewStr::Owned(bytes) if bytes.len() > INLINE_MAX => store(Stored::Big(Arc::new(bytes))),
            NewStr::Owned(bytes) => store(Stored::detect(&bytes)),
            NewStr::Shared(bytes) if bytes.len() > INLINE_MAX => store(Stored::Big(bytes)),
            NewStr::Shared(bytes) => store(Stored::text(&bytes, false)),
        }
    }
}

impl<'a> Stored<'a> {
    #[inline]
    fn detect(bytes: &'a [u8]) -> Stored<'a> {
        // The longest integer has 20 characters; the first byte settles almost all other short
        // values.
        if bytes.len() <= 20
            && bytes.first().is_some_and(|&b| b == b'-' || b.is_ascii_digit())
            && let Some(value) = parse_i64(bytes)
        {
            return Stored::Int(value);
        }
        Stored::text(bytes, false)
    }

    #[inline]
    fn text(bytes: &'a [u8], raw: bool) -> Stored<'a> {
        if bytes.len() > INLINE_MAX {
            return Stored::Big(Arc::new(bytes.to_vec()));
        }
        Stored::Inline { bytes, raw }
    }
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum StrRef<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    /// Longer than [`INLINE_MAX`]: can be sent by reference.
    Big(&'a Arc<Vec<u8>>),
}

impl<'a> StrRef<'a> {
    /// Length in bytes of its text.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            StrRef::Int(value) => itoa::Buffer::new().format(*value).len(),
            StrRef::Bytes(bytes) => bytes.len(),
            StrRef::Big(bytes) => bytes.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its integer value, if its text is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            StrRef::Int(value) => Some(*value),
            StrRef::Bytes(bytes) => parse_i64(bytes),
            StrRef::Big(_) => None,
        }
    }

    /// Its text; `digits` holds it if it is stored as an integer.
    #[inline]
    #[must_use]
    pub fn text<'b>(&self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            StrRef::Int(value) => digits.format(value).as_bytes(),
            StrRef::Bytes(bytes) => bytes,
            StrRef::Big(bytes) => bytes,
        }
    }

    /// Its text, borrowed unless it is stored as an integer.
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, [u8]> {
        match *self {
            StrRef::Int(value) => Cow::Owned(itoa::Buffer::new().format(value).into()),
            StrRef::Bytes(bytes) => Cow::Borrowed(bytes),
            StrRef::Big(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// Its text on its own: a reference when it is big, a copy when not.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self {
            StrRef::Big(bytes) => shared_bytes(Arc::clone(bytes)),
            other => Bytes::copy_from_slice(&other.to_cow()),
        }
    }
}

/// The bytes of a big string as a buffer that keeps them alive.
#[must_use]
pub fn shared_bytes(bytes: Arc<Vec<u8>>) -> Bytes {
    struct Shared(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Shared(bytes))
}
