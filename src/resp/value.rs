//! A reply as a tree: for slow paths (scripts, the admin tool) and tests. Hot paths write to the
//! encoder.

use bytes::Bytes;

/// One reply of either protocol version.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A status such as `OK`.
    Simple(Bytes),
    /// The whole text, its code first.
    Error(Bytes),
    Int(i64),
    Bulk(Bytes),
    Null,
    /// RESP2's null array; plain null in RESP3.
    NullArray,
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Double(f64),
    Bool(bool),
    Verbatim {
        format: [u8; 3],
        text: Bytes,
    },
    BigNumber(Bytes),
    Push(Vec<Value>),
}

impl Value {
    #[must_use]
    pub fn ok() -> Value {
        Value::Simple(Bytes::from_static(b"OK"))
    }

    /// A bulk string copied from `bytes`.
    #[must_use]
    pub fn bulk(bytes: &[u8]) -> Value {
        Value::Bulk(Bytes::copy_from_slice(bytes))
    }

    /// The text of a status, a string, verbatim text or a big number.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text)
            | Value::Bulk(text)
            | Value::BigNumber(text)
            | Value::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// An integer, also one that came as text.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => crate::base::number::parse_i64(self.text()?),
        }
    }

    /// The elements of an array, a set or a push.
    #[must_use]
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The text of an error, its code first.
    #[must_use]
    pub fn error(&self) -> Option<&[u8]> {
        match self {
            Value::Error(text) => Some(text),
            _ => None,
        }
    }
}
