//! Why a connection's input cannot be read on. Each is fatal: the reply is sent and the connection
//! closed.

use thiserror::Error;

/// `Display` is the text after `-ERR Protocol error: `; clients see [`ProtocolError::reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    #[error("too big inline request")]
    TooBigInline,
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
    #[error("too big mbulk count string")]
    TooBigMultibulkCount,
    #[error("invalid multibulk length")]
    InvalidMultibulkLength,
    #[error("unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    #[error("too big bulk count string")]
    TooBigBulkCount,
    #[error("expected '$', got '{}'", char::from(printable(*.0)))]
    ExpectedBulk(u8),
    #[error("invalid bulk length")]
    InvalidBulkLength,
    #[error("unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// `client-query-buffer-limit` is reached: closed without a reply.
    #[error("the query buffer limit is reached")]
    QueryBufferLimit,
}

impl ProtocolError {
    /// The whole line to send before closing; `None` when the connection is closed silently.
    #[must_use]
    pub fn reply(&self) -> Option<Vec<u8>> {
        let mut line = b"-ERR Protocol error: ".to_vec();
        match *self {
            ProtocolError::QueryBufferLimit => return None,
            // Any byte can stand here, and a character above 127 would be printed as two.
            ProtocolError::ExpectedBulk(byte) => {
                line.extend_from_slice(b"expected '$', got '");
                line.push(printable(byte));
                line.push(b'\'');
            }
            _ => line.extend_from_slice(self.to_string().as_bytes()),
        }
        line.extend_from_slice(b"\r\n");
        Some(line)
    }
}

/// A line break would end the reply early.
fn printable(byte: u8) -> u8 {
    if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }
}
