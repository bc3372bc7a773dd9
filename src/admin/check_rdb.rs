//! `redpoll check-rdb FILE`: reads a snapshot as a node would and says what is in it, in the words
//! of redis-check-rdb.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::{KeyHasher, Millis, Rng};
use crate::persist::rdb::file::{Loading, Record, Sink, load};
use crate::persist::rdb::{Fault, RdbError};
use crate::types::Limits;

/// As many as any node may have.
const DATABASES_MAX: usize = 256;

/// What was seen so far.
struct Tally {
    now: Millis,
    offset: u64,
    keys: u64,
    expires: u64,
    expired: u64,
    functions: u64,
    /// The key being read, and its value's type.
    reading: Option<(Vec<u8>, u8)>,
}

impl Sink for Tally {
    fn offset(&mut self, bytes: u64) {
        self.offset = bytes;
    }

    fn database(&mut self, db: u8) {
        println!("[offset {}] Selecting DB ID {db}", self.offset);
    }

    fn reading(&mut self, key: &[u8], value_type: u8) {
        self.reading = Some((key.to_vec(), value_type));
    }

    fn key(&mut self, record: Record) -> Result<(), Fault> {
        self.reading = None;
        self.keys += 1;
        self.expires += u64::from(record.expiry.is_some());
        self.expired += u64::from(record.expiry.is_some_and(|at| at.is_over(self.now)));
        Ok(())
    }

    fn function(&mut self, _: Vec<u8>) -> Result<(), Fault> {
        self.functions += 1;
        Ok(())
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        println!("[offset {}] AUX FIELD {name} = '{value}'", self.offset);
    }
}

/// Checks one file; fails if a node would not load it.
#[must_use]
pub fn run(path: &Path) -> ExitCode {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("Cannot open file {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    println!("[offset 0] Checking RDB file {}", path.display());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut tally = Tally {
        now: Millis(now.as_millis() as u64),
        offset: 0,
        keys: 0,
        expires: 0,
        expired: 0,
        functions: 0,
        reading: None,
    };
    let limits = Limits::new(KeyHasher::seeded(&mut Rng::from_entropy()));
    let loading = Loading { limits: &limits, databases: DATABASES_MAX, checksum: true };
    let outcome = load(file, loading, &mut tally);
    match &outcome {
        Ok(outcome) => {
            let told = if outcome.is_checked { "Checksum OK" } else { "Checksum not compared" };
            println!("[offset {}] {told}", outcome.bytes);
            println!("[offset {}] \\o/ RDB looks OK! \\o/", outcome.bytes);
        }
        Err(error) => describe(error, &tally),
    }
    println!("[info] {} keys read", tally.keys);
    println!("[info] {} expires", tally.expires);
    println!("[info] {} already expired", tally.expired);
    if tally.functions > 0 {
        println!("[info] {} function libraries, which are left out", tally.functions);
    }
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn describe(error: &RdbError, tally: &Tally) {
    println!("--- RDB ERROR DETECTED ---");
    let fault = match &error.fault {
        Fault::Truncated => "Unexpected EOF reading RDB file".to_owned(),
        fault => fault.to_string(),
    };
    println!("[offset {}] {fault}", error.at);
    if let Some((key, value_type)) = &tally.reading {
        println!("[additional info] Reading key '{}'", String::from_utf8_lossy(key));
        println!("[additional info] Reading type {value_type}");
    }
}
