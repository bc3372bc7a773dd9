//! The kinds of values: how each is read, bounded, printed and written back.
//!
//! A kind is a small constant beside the setting (`Int(0..=65_535)`), not a wrapper around its
//! value, so that `Settings` holds plain numbers and enums. Texts and limits are those of Redis
//! 7.0.

mod choice;
mod lists;
mod notify;
mod number;
mod shutdown;
mod text;

pub(crate) use choice::choices;
pub use choice::{Choice, Choices};
pub use lists::{
    BufferLimit, BufferLimits, KeptLines, OomScores, PerClass, Percentiles, Primary,
    PrimaryAddress, Refused, RefusedLine, SavePoint, SavePoints, Words,
};
pub use notify::Notify;
pub use number::{
    AtLeast, ClientsMemory, Int, KIB, MIB, Memory, MemoryOrPercent, Octal, Rounded, parse_memory,
};
pub use shutdown::{ShutdownOn, ShutdownWords};
pub use text::{FileName, HostName, OptionalText, Text, TitleTemplate};

use crate::base::words::quote_if_needed;

/// Where a value comes from: some settings add up over the lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// CONFIG SET: the value is replaced.
    Runtime,
    /// The first line of the file (or of the command line) that names the setting.
    FirstLine,
    /// A line after it.
    LaterLine,
}

/// Why a value was refused. `Display` is Redis' text, which CONFIG SET and the file error both
/// show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("wrong number of arguments")]
    WordCount,
    #[error("argument must be 'yes' or 'no'")]
    NotYesNo,
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    #[error("argument couldn't be parsed as an octal number")]
    NotOctal,
    #[error("argument must be between {low} and {high} inclusive")]
    OutOfRange { low: String, high: String },
    #[error("argument must be a memory value")]
    NotMemory,
    #[error("argument must be a memory or percent value")]
    NotMemoryOrPercent,
    #[error("percentage argument must be less or equal to 100")]
    PercentAbove100,
    #[error("argument(s) must be one of the following: {0}")]
    NotOneOf(String),
    #[error("Bad directive or wrong number of arguments")]
    BadDirective,
    /// A refusal particular to one setting.
    #[error("{0}")]
    Refused(&'static str),
}

/// A way to read and print values of type `T`.
pub trait Kind<T> {
    /// Reads the words after the directive. `current` is the value so far, for kinds that add to
    /// it.
    ///
    /// # Errors
    /// [`ValueError`] with Redis' text.
    fn read(&self, words: &[&[u8]], current: &T, source: Source) -> Result<T, ValueError>;

    /// What CONFIG GET answers.
    fn show(&self, value: &T) -> Vec<u8>;

    /// What follows the directive in a file, one item per line of the file.
    fn lines(&self, value: &T) -> Vec<Vec<u8>> {
        vec![quote_if_needed(&self.show(value))]
    }

    /// The values it takes, for the reference page.
    fn describe(&self) -> String;

    /// Whether it takes several words. A single word is then split at its spaces, as CONFIG SET
    /// needs.
    fn takes_words(&self) -> bool {
        false
    }
}

/// The only word of a setting that takes one.
fn single<'a>(words: &[&'a [u8]]) -> Result<&'a [u8], ValueError> {
    match words {
        [word] => Ok(word),
        _ => Err(ValueError::WordCount),
    }
}

/// `yes` or `no`.
#[derive(Clone, Copy, Debug)]
pub struct YesNo;

impl Kind<bool> for YesNo {
    fn read(&self, words: &[&[u8]], _: &bool, _: Source) -> Result<bool, ValueError> {
        let word = single(words)?;
        match () {
            () if word.eq_ignore_ascii_case(b"yes") => Ok(true),
            () if word.eq_ignore_ascii_case(b"no") => Ok(false),
            () => Err(ValueError::NotYesNo),
        }
    }

    fn show(&self, value: &bool) -> Vec<u8> {
        if *value { b"yes".to_vec() } else { b"no".to_vec() }
    }

    fn describe(&self) -> String {
        "`yes` or `no`".to_owned()
    }
}
