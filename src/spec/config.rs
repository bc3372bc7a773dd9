//! How one setting is described: everything about it except its value.

use bitflags::bitflags;

/// Whether a setting may change while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From the file or the command line only; CONFIG SET refuses it.
    AtStart,
    /// By CONFIG SET as well.
    AtRuntime,
}

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ConfigFlags: u8 {
        /// CONFIG GET answers it only under its exact name.
        const HIDDEN = 1;
        /// Understood, range-checked and shown so that existing files and tools work; nothing reads
        /// it.
        const NO_EFFECT = 1 << 1;
        /// A secret: never logged, and redacted where commands are recorded.
        const SENSITIVE = 1 << 2;
        /// CONFIG SET needs `enable-protected-configs`: whoever can write it can write files.
        const PROTECTED = 1 << 3;
        /// A line of the file that CONFIG GET and CONFIG SET do not know, such as `user`.
        const FILE_ONLY = 1 << 4;
        /// Redis has no such setting.
        const OURS = 1 << 5;
    }
}

/// The declaration of one setting.
#[derive(Debug)]
pub struct ConfigSpec {
    /// The directive, as files and CONFIG spell it.
    pub name: &'static str,
    /// Older spellings; each is answered and accepted as if it were a setting of its own.
    pub aliases: &'static [&'static str],
    /// The heading it stands under in the reference page.
    pub section: &'static str,
    /// Its documentation, one item per line.
    pub doc: &'static [&'static str],
    pub when: When,
    pub flags: ConfigFlags,
}

impl ConfigSpec {
    /// The name and the aliases, the name first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether `word` is the name or an alias, in any case.
    #[must_use]
    pub fn is_called(&self, word: &[u8]) -> bool {
        self.names().any(|name| name.as_bytes().eq_ignore_ascii_case(word))
    }
}
