//! Reading a file.

use std::io::{ErrorKind, Read};

use super::summed::Summed;
use super::{CHECKSUM_SINCE, Note, RawRecord, Usage, modules, opcode, skim};
use crate::base::Millis;
use crate::persist::rdb::object::is_value_type;
use crate::persist::rdb::{
    Dialect, Fault, Loaded, RdbError, Reader, VERSION_MAX, VERSION_VALKEY, read_object,
};
use crate::types::Limits;

/// Between two calls of [`Sink::progress`]: what Redis' `loading-process-events-interval-bytes`
/// is by default, in keys of usual sizes.
const KEYS_PER_PROGRESS: u64 = 1024;

/// The magic of a dialect and a version.
const HEAD_BYTES: usize = 9;

/// A key that was read.
pub struct Record {
    pub db: u8,
    pub key: Vec<u8>,
    pub value: Loaded,
    pub expiry: Option<Millis>,
    pub usage: Option<Usage>,
}

/// Who gets what a file holds.
pub trait Sink {
    /// A key. Duplicates are the sink's to find.
    ///
    /// # Errors
    /// Whatever makes the file unfit: reading ends with it.
    fn key(&mut self, record: Record) -> Result<(), Fault>;

    /// Whether keys are to be handed over as they stand in the file wherever that is possible:
    /// where they are of usual size.
    fn takes_raw(&self) -> bool {
        false
    }

    /// A key that was not decoded; only if [`Sink::takes_raw`]. What is wrong with it, or whether
    /// it is empty, is the sink's to find.
    ///
    /// # Errors
    /// As for [`Sink::key`].
    fn raw(&mut self, _record: RawRecord<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// A function library's source.
    ///
    /// # Errors
    /// As for [`Sink::key`].
    fn function(&mut self, source: Vec<u8>) -> Result<(), Fault>;

    /// Something the file says of itself: `repl-id`, `repl-offset`, `aof-base`, `used-mem`, ...
    fn aux(&mut self, _name: &[u8], _value: &[u8]) {}

    /// How many keys of a database are to come: a hint from a stranger.
    fn counts(&mut self, _db: u8, _keys: u64, _expires: u64) {}

    /// How many bytes were read when what is told next was complete: a field or a database.
    fn offset(&mut self, _bytes: u64) {}

    /// The keys that follow belong to this database.
    fn database(&mut self, _db: u8) {}

    /// The key that is read next, and the byte of its value's type.
    fn reading(&mut self, _key: &[u8], _value_type: u8) {}

    /// Now and then: how many bytes have been read.
    ///
    /// # Errors
    /// To end reading.
    fn progress(&mut self, _bytes: u64) -> Result<(), Fault> {
        Ok(())
    }
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Loading<'a> {
    pub limits: &'a Limits,
    /// Databases there are: a file that selects another is refused.
    pub databases: usize,
    /// The setting `rdbchecksum`.
    pub checksum: bool,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub version: u16,
    /// Bytes of the file.
    pub bytes: u64,
    pub keys: u64,
    /// Collections without elements, which were left out; those excepted that were not decoded.
    pub empty: u64,
    /// Whether the file has a checksum, and it was compared.
    pub is_checked: bool,
    /// What was read from the source beyond the file's end.
    pub rest: Vec<u8>,
}

/// Reads one file from `source` and hands what it holds to `sink`.
///
/// # Errors
/// If it is no such file, is cut off, or holds something that cannot be kept. What was handed over
/// by then is the sink's to throw away.
pub fn load<R: Read>(
    source: R,
    loading: Loading<'_>,
    sink: &mut dyn Sink,
) -> Result<Outcome, RdbError> {
    let mut reader = Reader::new(Summed::new(source, loading.checksum));
    let version = read_version(&mut reader)?;
    let takes_raw = sink.takes_raw();
    let outcome = Outcome::default();
    let mut walk = Walk { reader, loading, takes_raw, sink, db: 0, outcome };
    walk.outcome.version = version;
    walk.records()?;
    if version >= CHECKSUM_SINCE {
        walk.compare_checksum()?;
    }
    let Walk { reader, mut outcome, .. } = walk;
    outcome.bytes = reader.position();
    outcome.rest = reader.into_input().into_rest();
    Ok(outcome)
}

fn read_version<R: Read>(reader: &mut Reader<R>) -> Result<u16, RdbError> {
    let head: [u8; HEAD_BYTES] = reader.array()?;
    let digits_of = |dialect: Dialect| head.strip_prefix(dialect.magic().as_bytes());
    let found = [Dialect::Redis, Dialect::Valkey]
        .into_iter()
        .find_map(|dialect| Some((dialect, digits_of(dialect)?)));
    let version = found.and_then(|(dialect, digits)| {
        let digits = std::str::from_utf8(digits).ok()?;
        Some((dialect, digits.parse::<u16>().ok()?))
    });
    let Some((dialect, version)) = version else {
        return Err(reader.error(Fault::NotAFile));
    };
    let known = match dialect {
        Dialect::Redis => 1..=VERSION_MAX,
        Dialect::Valkey => VERSION_VALKEY..=VERSION_VALKEY,
    };
    if !known.contains(&version) {
        return Err(reader.error(Fault::Version(version)));
    }
    reader.dialect = dialect;
    Ok(version)
}

/// Where reading stands.
struct Walk<'a, R> {
    reader: Reader<Summed<R>>,
    loading: Loading<'a>,
    takes_raw: bool,
    sink: &'a mut dyn Sink,
    db: u8,
    outcome: Outcome,
}

impl<R: Read> Walk<'_, R> {
    /// Reads to the end of the records.
    fn records(&mut self) -> Result<(), RdbError> {
        let (mut expiry, mut usage) = (None, None);
        loop {
            let reader = &mut self.reader;
            match reader.byte()? {
                opcode::END => return Ok(()),
                opcode::EXPIRY_MILLIS => expiry = Some(millis(i64::from_le_bytes(reader.array()?))),
                opcode::EXPIRY_SECONDS => {
                    let seconds = i32::from_le_bytes(reader.array()?);
                    expiry = Some(millis(i64::from(seconds) * 1000));
                }
                opcode::IDLE => usage = Some(Usage::IdleSecs(reader.length()?)),
                opcode::FREQUENCY => usage = Some(Usage::Frequency(reader.byte()?)),
                value_type @ 0..opcode::SLOT_INFO => {
                    self.key(value_type, expiry.take(), usage.take())?;
                }
                other => self.remark(other)?,
            }
        }
    }

    /// Reads what is neither a key nor belongs to one.
    fn remark(&mut self, kind: u8) -> Result<(), RdbError> {
        let reader = &mut self.reader;
        match kind {
            opcode::SELECT => {
                let db = reader.length()?;
                let known = usize::try_from(db).is_ok_and(|db| db < self.loading.databases);
                self.db = u8::try_from(db)
                    .ok()
                    .filter(|_| known)
                    .ok_or_else(|| reader.error(Fault::Database(db)))?;
                self.sink.offset(reader.position());
                self.sink.database(self.db);
            }
            opcode::RESIZE => {
                let (keys, expires) = (reader.length()?, reader.length()?);
                self.sink.counts(self.db, keys, expires);
            }
            opcode::AUX => {
                let (name, value) = (reader.string()?, reader.string()?);
                self.sink.offset(reader.position());
                self.sink.aux(&name, &value);
            }
            opcode::FUNCTION => {
                let source = reader.string()?;
                self.sink.function(source).map_err(|fault| reader.error(fault))?;
            }
            opcode::MODULE_AUX => {
                let module = modules::skip_aux(reader)?;
                tracing::warn!(module, "data of a module that is not here was skipped");
            }
            opcode::SLOT_INFO => {
                for _ in 0..3 {
                    reader.length()?;
                }
            }
            opcode::FUNCTION_OLD => return Err(reader.error(Fault::OldFunction)),
            other => return Err(reader.error(Fault::UnknownType(other))),
        }
        Ok(())
    }

    fn key(
        &mut self,
        value_type: u8,
        expiry: Option<Millis>,
        usage: Option<Usage>,
    ) -> Result<(), RdbError> {
        if !is_value_type(value_type, self.reader.dialect) {
            return Err(self.reader.error(Fault::UnknownType(value_type)));
        }
        if !self.hand_over(value_type, expiry, usage)? {
            self.decode(value_type, expiry, usage)?;
        }
        if self.outcome.keys.is_multiple_of(KEYS_PER_PROGRESS) {
            let told = self.sink.progress(self.reader.position());
            told.map_err(|fault| self.reader.error(fault))?;
        }
        Ok(())
    }

    /// Hands the next key over as it stands; whether that was possible.
    #[inline]
    fn hand_over(
        &mut self,
        value_type: u8,
        expiry: Option<Millis>,
        usage: Option<Usage>,
    ) -> Result<bool, RdbError> {
        let at = self.reader.position();
        let dialect = self.reader.dialect;
        let input = self.reader.input();
        let measure = || skim::length(value_type, dialect, input.buffered());
        let measured = self.takes_raw.then(measure);
        let Some(length) = measured.flatten() else { return Ok(false) };
        let note = Note { db: self.db, dialect, value_type, expiry, usage, at };
        let taken = self.sink.raw(RawRecord { note, bytes: &input.buffered()[..length] });
        input.take(length);
        self.reader.count(length);
        self.outcome.keys += 1;
        taken.map_err(|fault| self.reader.error(fault))?;
        Ok(true)
    }

    fn decode(
        &mut self,
        value_type: u8,
        expiry: Option<Millis>,
        usage: Option<Usage>,
    ) -> Result<(), RdbError> {
        let key = self.reader.string()?;
        self.sink.reading(&key, value_type);
        match read_object(&mut self.reader, value_type, self.loading.limits) {
            Ok(value) => {
                let record = Record { db: self.db, key, value, expiry, usage };
                self.sink.key(record).map_err(|fault| self.reader.error(fault))?;
                self.outcome.keys += 1;
                Ok(())
            }
            Err(RdbError { fault: Fault::Empty, .. }) => {
                self.outcome.empty += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn compare_checksum(&mut self) -> Result<(), RdbError> {
        let computed = self.reader.input().checksum();
        let stored = u64::from_le_bytes(self.reader.array()?);
        match computed {
            Some(computed) if stored != 0 && stored != computed => {
                Err(self.reader.error(Fault::Checksum { stored, computed }))
            }
            _ => {
                self.outcome.is_checked = computed.is_some() && stored != 0;
                Ok(())
            }
        }
    }
}

/// Times before 1970 are as good as 1970: over.
fn millis(at: i64) -> Millis {
    Millis(u64::try_from(at).unwrap_or(0))
}

impl RdbError {
    /// Whether the source failed, rather than what it holds.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(&self.fault, Fault::Io(error) if error.kind() != ErrorKind::UnexpectedEof)
    }
}
