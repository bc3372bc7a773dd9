//! L2: every setting, declared once in `table/`; everything else about them is derived here.
//!
//! `Settings` is a plain struct of typed fields. [`Settings::get`] answers CONFIG GET,
//! [`Settings::set`] performs CONFIG SET (several at once, all or nothing), `file` reads redis.conf
//! files, `arguments` command lines, `rewrite` carries changed values back into a file's text, and
//! `docs` prints the reference page and the commented configuration file. Names, limits and
//! refusals are those of Redis 7.0.15.
//!
//! This module is pure but for `disk`, which opens files; it does not know what a setting does.
//! Whoever applies a change is handed the new `Settings` and the list of what changed.

pub mod arguments;
mod declare;
pub mod disk;
pub mod docs;
pub mod file;
pub mod kind;
pub mod rewrite;
mod set;
pub mod table;
#[cfg(test)]
mod tests;

pub use set::{Caller, SetError};
pub use table::{Settings, TABLE};

use crate::spec::config::{ConfigFlags, ConfigSpec};
use kind::{Source, ValueError};

/// Gives a setting the value that words say.
type Read = fn(&mut Settings, &[&[u8]], Source) -> Result<(), ValueError>;

/// One row of the table: the declaration and how to reach the value.
pub struct Setting {
    pub spec: ConfigSpec,
    show: fn(&Settings) -> Vec<u8>,
    lines: fn(&Settings) -> Vec<Vec<u8>>,
    read: Read,
    describe: fn() -> String,
    takes_words: fn() -> bool,
}

impl Setting {
    /// The setting that is called so, by its name or an alias, in any case.
    #[must_use]
    pub fn find(name: &[u8]) -> Option<&'static Setting> {
        TABLE.iter().find(|setting| setting.spec.is_called(name))
    }

    /// Whether nobody may see its value in a log.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.spec.flags.contains(ConfigFlags::SENSITIVE)
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

    /// Whether it has the same value in both.
    #[must_use]
    pub fn is_same(&self, one: &Settings, other: &Settings) -> bool {
        (self.lines)(one) == (self.lines)(other)
    }

    /// The lines of a file that give it this value.
    #[must_use]
    pub fn file_lines(&self, settings: &Settings) -> Vec<Vec<u8>> {
        let with_name = |words: Vec<u8>| [self.spec.name.as_bytes(), &words].join(&b' ');
        (self.lines)(settings).into_iter().map(with_name).collect()
    }

    /// The values it takes, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        (self.describe)()
    }

    /// The value as CONFIG GET answers it.
    #[must_use]
    pub fn show(&self, settings: &Settings) -> Vec<u8> {
        (self.show)(settings)
    }
}

/// Two settings are equal if they are the same row.
impl PartialEq for Setting {
    fn eq(&self, other: &Setting) -> bool {
        std::ptr::eq(self, other)
    }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)
    }
}
