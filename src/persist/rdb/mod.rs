//! Redis' RDB format: how values are written into snapshots, full syncs and DUMP payloads.
//!
//! [`object`] names the value types and hands each to its own file (`string`, `hash`, …), which
//! both writes and reads it; [`write`] and [`read`] hold the primitives they share; [`dump`] is the
//! frame of a single value, [`file`] that of a whole dataset. What is written is version 10, which
//! Redis 7.0 and everything later reads, unless it is a hash with expiring fields: these Redis and
//! Valkey write each in a [`Dialect`] of its own. Both are read.
//!
//! Bytes read are foreign: whatever they claim, reading them neither panics nor allocates more than
//! a bounded multiple of their own length.

mod dialect;
pub mod dump;
pub mod error;
pub mod file;
mod hash;
mod list;
pub mod lzf;
pub mod object;
pub mod read;
mod set;
mod stream;
mod string;
pub mod write;
mod ziplist;
mod zipmap;
mod zset;

pub use dialect::{Dialect, is_rdb};
pub use error::{Fault, RdbError};
pub use object::{Loaded, Object, read_object, write_object};
pub use read::Reader;
pub use write::Writer;

/// The version of what is written.
pub const VERSION: u16 = 10;

/// The version of a hash with expiring fields, which Redis 7.4 and later read.
pub const VERSION_TIMED: u16 = 12;

/// The newest version of Redis that is read: 7.4 and later write it.
pub const VERSION_MAX: u16 = 12;

/// The version of Valkey's own dialect, which Valkey 9 writes.
pub const VERSION_VALKEY: u16 = 80;

/// What stands in a string's first byte, below its two high bits, when it is no plain length.
mod special {
    pub const INT8: u8 = 0;
    pub const INT16: u8 = 1;
    pub const INT32: u8 = 2;
    pub const LZF: u8 = 3;
}
