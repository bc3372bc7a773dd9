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
    #[error("not an RDB file")]
    NotAFile,
    #[error("version {0} of the format is not known here")]
    Version(u16),
    #[error("there is no database {0} here: see the setting databases")]
    Database(u64),
    #[error("the key belongs to the module {0}, which is not here")]
    Module(String),
    #[error("a function of a release candidate of 7.0")]
    OldFunction,
    #[error("the checksum is {computed:016x}, but {stored:016x} is noted")]
    Checksum { stored: u64, computed: u64 },
    /// What a sink refuses, in its own words.
    #[error("{0}")]
    Refused(String),
    #[error("cannot read: {0}")]
    Io(io::Error),
}
