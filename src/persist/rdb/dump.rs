//! The payload of DUMP and RESTORE: a value, the format's version, a checksum over both.
//!
//! ```text
//! type (1) | value | version (2 bytes LE) | CRC-64 of everything before it (8 bytes LE)
//! ```

use crc_fast::CrcAlgorithm;

use super::object::ValueType;
use super::{
    Dialect, Loaded, Object, RdbError, Reader, VERSION_MAX, VERSION_VALKEY, Writer, read_object,
    write_object,
};
use crate::types::Limits;

const TYPE_BYTES: usize = 1;
const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// The checksum of RDB files and payloads.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

/// Why a payload is refused.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("the version is too new or the checksum does not match")]
    Footer,
    #[error("the value cannot be read")]
    Value(#[source] RdbError),
}

/// The payload of a value.
#[must_use]
pub fn write(object: Object<'_>, compress: bool) -> Vec<u8> {
    let mut writer = Writer::new(compress);
    write_object(&mut writer, None, object, &mut |_| {});
    let version = ValueType::version(writer.out[0]);
    writer.out.extend(version.to_le_bytes());
    let checksum = checksum(&writer.out);
    writer.out.extend(checksum.to_le_bytes());
    writer.out
}

/// Bytes of a value's serialized form.
#[must_use]
pub fn value_len(object: Object<'_>, compress: bool) -> usize {
    let mut writer = Writer::new(compress);
    write_object(&mut writer, None, object, &mut |_| {});
    writer.out.len() - TYPE_BYTES
}

/// The value a payload holds. Bytes between the value and the footer are not looked at, as in
/// Redis.
///
/// # Errors
/// If the footer is wrong, or the value malformed.
pub fn read(payload: &[u8], limits: &Limits) -> Result<Loaded, DumpError> {
    let (signed, stored) = payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DumpError::Footer)?;
    if u64::from_le_bytes(*stored) != checksum(signed) {
        return Err(DumpError::Footer);
    }
    read_unchecked(payload, limits)
}

/// [`read`], whatever the checksum says.
///
/// # Errors
/// If the version is too new, or the value malformed.
pub fn read_unchecked(payload: &[u8], limits: &Limits) -> Result<Loaded, DumpError> {
    let (value, dialect) = open(payload).ok_or(DumpError::Footer)?;
    let mut reader = Reader::new(value);
    reader.dialect = dialect;
    let loaded = reader.byte().and_then(|kind| read_object(&mut reader, kind, limits));
    loaded.map_err(DumpError::Value)
}

/// The value's bytes and who wrote them, if we know the version.
fn open(payload: &[u8]) -> Option<(&[u8], Dialect)> {
    let (signed, _) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (value, version) = signed.split_last_chunk::<VERSION_BYTES>()?;
    let dialect = match u16::from_le_bytes(*version) {
        ..=VERSION_MAX => Dialect::Redis,
        VERSION_VALKEY => Dialect::Valkey,
        _ => return None,
    };
    Some((value, dialect))
}

#[cfg(test)]
mod tests;
