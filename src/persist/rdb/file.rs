//! A whole RDB file, written and read as a stream.
//!
//! ```text
//! "REDIS" version (4 digits) | AUX... | FUNCTION2... | SELECTDB, RESIZEDB, keys... | EOF | CRC-64
//! or "VALKEY" version (3 digits)
//! key = [EXPIRETIME_MS] [IDLE or FREQ] type key value
//! ```
//!
//! # Writing
//! [`FileWriter::start`] writes what comes before the keys, [`FileWriter::records`] takes key
//! records that [`write_record`] made (the chunks of a [`crate::keyspace::Walk`] with
//! [`RecordEncoder`]s are such) and switches databases as
//! needed, [`FileWriter::finish`] writes end and checksum. Nothing is buffered: give it a
//! `BufWriter` if chunks are small. Which version of the format the records need is known when all
//! are written: a file gets it then ([`put_version`]), for a stream it is to be found out before.
//!
//! # Reading
//! [`load`] reads every version up to [`super::VERSION_MAX`], and Valkey's own, from any source and
//! hands functions,
//! keys and hints to a [`Sink`] one by one; it returns what it saw and the bytes it had read beyond
//! the end, for streams that go on (an append-only file with an RDB in front). What is foreign and
//! harmless is skipped, what cannot be kept is an error: nothing is dropped silently. A sink that
//! wants to is given keys as they stand in the file ([`RawRecord`]), to be decoded elsewhere.

mod load;
pub(super) mod modules;
mod raw;
mod save;
pub(super) mod skim;
mod summed;

pub use load::{Loading, Outcome, Record, Sink, load};
pub use raw::{Note, RawBatch, RawRecord, Undecoded};
pub use save::{
    FileWriter, Header, Hints, Needs, RecordEncoder, ReplicationPoint, put_version, write_record,
};

/// The first file version that ends with a checksum.
const CHECKSUM_SINCE: u16 = 5;

/// Bytes that stand where a value type could, and what follows them.
mod opcode {
    /// Three lengths: a hint.
    pub const SLOT_INFO: u8 = 244;
    /// A library's source.
    pub const FUNCTION: u8 = 245;
    /// A library in the form of the release candidates of 7.0.
    pub const FUNCTION_OLD: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    /// Seconds since the next key was used.
    pub const IDLE: u8 = 248;
    /// How often the next key is used.
    pub const FREQUENCY: u8 = 249;
    /// Name and value.
    pub const AUX: u8 = 250;
    /// Number of keys and of keys that expire: a hint.
    pub const RESIZE: u8 = 251;
    pub const EXPIRY_MILLIS: u8 = 252;
    pub const EXPIRY_SECONDS: u8 = 253;
    pub const SELECT: u8 = 254;
    pub const END: u8 = 255;
}

/// How a key was used, as far as the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    IdleSecs(u64),
    Frequency(u8),
}

#[cfg(test)]
mod tests;
