//! Where the formats of Redis and Valkey have parted: hashes with expiring fields.

use super::{VERSION, VERSION_VALKEY};

/// Whose later formats are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// What Redis 7.4 and later read; without expiring fields, every Redis since 7.0 and Valkey.
    #[default]
    Redis,
    /// What Valkey 9 and later read.
    Valkey,
}

impl Dialect {
    /// What a file begins with, up to its version.
    pub(super) fn magic(self) -> &'static str {
        match self {
            Dialect::Redis => "REDIS",
            Dialect::Valkey => "VALKEY",
        }
    }

    /// The nine bytes that a file which is written begins with.
    pub(super) fn head(self) -> String {
        match self {
            Dialect::Redis => format!("{}{VERSION:04}", self.magic()),
            Dialect::Valkey => format!("{}{VERSION_VALKEY:03}", self.magic()),
        }
    }
}

/// Whether a file that begins so is an RDB, or begins with one.
#[must_use]
pub fn is_rdb(head: &[u8]) -> bool {
    let magics = [Dialect::Redis, Dialect::Valkey].map(Dialect::magic);
    magics.iter().any(|magic| head.starts_with(magic.as_bytes()))
}
