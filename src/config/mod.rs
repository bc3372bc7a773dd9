//! L2: every setting, declared once in `table/`; everything else about them is derived here.
//!
//! `Settings` is a plain struct of typed fields. [`Settings::get`] answers CONFIG GET, [`Settings::set`]
//! performs CONFIG SET (several at once, all or nothing). Names, limits and refusals are those of Redis 7.0.15.
//!
//! This module is pure: it opens no file, and it does not know what a setting does. Whoever applies a
//! change is handed the new `Settings` and the list of what changed.

mod declare;
pub mod kind;
mod set;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tokens;

pub use set::{Caller, SetError};
pub use table::{Settings, TABLE};

use crate::spec::config::{ConfigFlags, ConfigSpec};
use kind::{Source, ValueError};

/// One row of the table: the declaration and how to reach the value.
pub struct Setting {
    pub spec: ConfigSpec,
    show: fn(&Settings) -> Vec<u8>,
    lines: fn(&Settings) -> Vec<Vec<u8>>,
    read: fn(&mut Settings, &[&[u8]], Source) -> Result<(), ValueError>,
    describe: fn() -> String,
    takes_words: fn() -> bool,
}

impl Setting {
    /// The setting that is called so, by its name or an alias, in any case.
    #[must_use]
    pub fn find(name: &[u8]) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.spec.is_called(name))
    }

    /// Gives it the value that the words after its name say.
    ///
    /// # Errors
    /// [`ValueError`]; `settings` is then as before.
    fn read(
        &self,
        settings: &mut Settings,
        words: &[&[u8]],
        source: Source,
    ) -> Result<(), ValueError> {
        match words {
            [value]
                if (self.takes_words)() && !self.spec.flags.contains(ConfigFlags::FILE_ONLY) =>
            {
                let words = value.split(|byte| *byte == b' ');
                let words: Vec<&[u8]> = if value.is_empty() { Vec::new() } else { words.collect() };
                (self.read)(settings, &words, source)
            }
            _ => (self.read)(settings, words, source),
        }
    }

    /// The value as CONFIG GET answers it.
    #[must_use]
    pub fn show(&self, settings: &Settings) -> Vec<u8> {
        (self.show)(settings)
    }
}
