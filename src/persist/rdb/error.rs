//! Why bytes are not an RDB value, and where that showed.

use std::io;

/// What is wrong, and how many bytes had been read when it showed.
#[derive(Debug, thiserror::Error)]
#[error("at byte {at}: {fault}")]
pub struct RdbError {
    pub at: u64,
    pub fault: Fault,
}

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the data ends too early")]
    Truncated,
    #[error("unknown value type {0}")]
    UnknownType(u8),
    #[error("unknown string encoding {0}")]
    UnknownEncoding(u8),
    #[error("a string encoding where a length belongs")]
    NotALength,
    #[error("bad compressed string")]
    BadCompression,
    #[error("malformed {0}")]
    Malformed(&'static str),
    #[error("an element occurs twice")]
    Duplicate,
    /// Harmless in a file: the key is left out and what follows can be read.
    #[error("a collection without elements")]
    Empty,
    #[error("cannot read")]
    Io(io::Error),
}
