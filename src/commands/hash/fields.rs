//! What the commands about the lifetimes of fields have in common: `FIELDS numfields field …`.

use smallvec::SmallVec;

use crate::base::Millis;
use crate::base::number::parse_i64;
use crate::commands::expiry::When;
use crate::commands::{Args, Ctx};
use crate::keyspace::Key;
use crate::spec::{Arg, CmdError, CmdResult, Event};

/// What a field's new expiry is called to those who listen.
pub const HEXPIRE_EVENT: Event = Event::hash("hexpire");
pub const HPERSIST_EVENT: Event = Event::hash("hpersist");

pub const MISSING_FIELDS: CmdError =
    CmdError::text("ERR Mandatory argument FIELDS is missing or not at the right position");
/// What HEXPIRE and its kin say of a number of fields that makes no sense …
pub const BAD_COUNT: CmdError =
    CmdError::text("ERR Parameter `numFields` should be greater than 0");
/// … and what the others say.
pub const BAD_NUMBER: CmdError = CmdError::text("ERR Number of fields must be a positive integer");
const MISMATCH: CmdError =
    CmdError::text("ERR The `numfields` parameter must match the number of arguments");
const NEGATIVE: CmdError = CmdError::text("ERR invalid expire time, must be >= 0");

/// The latest time that a command may give a field, as in Redis: 46 bits.
const EXPIRY_MAX: Millis = Millis((1 << 46) - 1);

pub const FIELDS_ARG: Arg =
    Arg::block("fields", &[Arg::int("numfields"), Arg::string("field").multiple()]).token("FIELDS");

pub type Fields<'a> = SmallVec<[&'a [u8]; 8]>;

/// Reads `FIELDS numfields` and all that follows.
///
/// # Errors
/// If the word is missing, or the number is not that of the fields; `bad_number` if it is none.
pub fn read_fields<'a>(args: &mut Args<'a>, bad_number: CmdError) -> CmdResult<Fields<'a>> {
    if !args.take_word("FIELDS") {
        return Err(MISSING_FIELDS);
    }
    let count = args.int().ok().and_then(|count| usize::try_from(count).ok());
    if count.filter(|&count| count > 0).ok_or(bad_number)? != args.left() {
        return Err(MISMATCH);
    }
    (0..args.left()).map(|_| args.bytes()).collect()
}

/// Reads when fields are to expire.
///
/// # Errors
/// If it is no number, negative, or too late.
pub fn read_time(args: &mut Args<'_>, when: When, now: Millis) -> CmdResult<Millis> {
    let (command, text) = (args.command().spec.name, args.bytes()?);
    if parse_i64(text).ok_or(CmdError::NotInteger)? < 0 {
        return Err(NEGATIVE);
    }
    let at = when.any(text, now, command)?;
    if at <= EXPIRY_MAX { Ok(at) } else { Err(CmdError::InvalidExpire { command }) }
}

impl Ctx<'_> {
    /// Removes a hash whose last field is gone.
    pub(super) fn drop_empty_hash(&mut self, key: &Key<'_>) {
        if self.db.remove_if_empty(key) {
            self.changed(key, Event::DEL);
        }
    }

    /// Propagates a command about some fields of a key.
    pub(super) fn propagate_fields(&mut self, head: &[&[u8]], fields: &[&[u8]]) {
        if !fields.is_empty() {
            let count = fields.len().to_string();
            let words = [head, &[b"FIELDS", count.as_bytes()], fields].concat();
            self.propagate(&words);
        }
    }

    /// Propagates that fields are gone.
    pub(super) fn propagate_removed(&mut self, key: &Key<'_>, fields: &[&[u8]]) {
        if !fields.is_empty() {
            self.propagate(&[&[b"HDEL", key.bytes], fields].concat());
        }
    }
}
