//! Places on the globe: sorted sets whose scores are geohashes.

mod add;
mod place;
mod radius;
mod request;
mod search;
mod shape;

use super::Command;
use crate::spec::{Arg, CmdError, CmdResult, KeyFlags, KeySpec};

pub const COMMANDS: &[&Command] = &[
    &add::GEOADD,
    &place::GEODIST,
    &place::GEOHASH,
    &place::GEOPOS,
    &radius::GEORADIUS,
    &radius::GEORADIUS_RO,
    &radius::GEORADIUSBYMEMBER,
    &radius::GEORADIUSBYMEMBER_RO,
    &search::GEOSEARCH,
    &search::GEOSEARCHSTORE,
];

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

const UNIT: Arg = Arg::one_of(
    "unit",
    &[Arg::word("m", "M"), Arg::word("km", "KM"), Arg::word("ft", "FT"), Arg::word("mi", "MI")],
);

/// How many metres a unit of length is.
///
/// # Errors
/// If there is no such unit.
fn metres_per(unit: &[u8]) -> CmdResult<f64> {
    const UNKNOWN: CmdError =
        CmdError::text("ERR unsupported unit provided. please use M, KM, FT, MI");
    match &unit.to_ascii_lowercase()[..] {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(UNKNOWN),
    }
}

#[cfg(test)]
mod tests;
