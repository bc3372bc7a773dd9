//! What a signal to stop does: a set of words.

use bitflags::bitflags;

use super::{Kind, Source, ValueError};

bitflags! {
    /// How to shut down. Empty saves a snapshot if save points are set, and waits for replicas.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ShutdownOn: u8 {
        const SAVE = 1;
        const NOSAVE = 1 << 1;
        /// Does not wait for replicas.
        const NOW = 1 << 2;
        /// Stops even if saving failed.
        const FORCE = 1 << 3;
    }
}

impl ShutdownOn {
    pub const DEFAULT: ShutdownOn = ShutdownOn::empty();
}

const WORDS: [(&str, ShutdownOn); 5] = [
    ("default", ShutdownOn::DEFAULT),
    ("save", ShutdownOn::SAVE),
    ("nosave", ShutdownOn::NOSAVE),
    ("now", ShutdownOn::NOW),
    ("force", ShutdownOn::FORCE),
];

/// Words of [`ShutdownOn`]; the words for saving and for not saving exclude each other.
#[derive(Clone, Copy, Debug)]
pub struct ShutdownWords;

impl Kind<ShutdownOn> for ShutdownWords {
    fn read(&self, words: &[&[u8]], _: &ShutdownOn, _: Source) -> Result<ShutdownOn, ValueError> {
        let unknown = || ValueError::NotOneOf(WORDS.map(|(name, _)| name).join(", "));
        if words.is_empty() {
            return Err(unknown());
        }
        let mut how = ShutdownOn::DEFAULT;
        for word in words {
            let found = WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
            how |= found.ok_or_else(unknown)?.1;
        }
        if how.contains(ShutdownOn::SAVE | ShutdownOn::NOSAVE) {
            return Err(ValueError::Refused(
                "shutdown options SAVE and NOSAVE can't be used simultaneously",
            ));
        }
        Ok(how)
    }

    fn show(&self, value: &ShutdownOn) -> Vec<u8> {
        let named = |(_, flag): &&(&str, ShutdownOn)| match value.is_empty() {
            true => flag.is_empty(),
            false => !flag.is_empty() && value.contains(*flag),
        };
        let words: Vec<&str> = WORDS.iter().filter(named).map(|(name, _)| *name).collect();
        words.join(" ").into_bytes()
    }

    fn lines(&self, value: &ShutdownOn) -> Vec<Vec<u8>> {
        vec![self.show(value)]
    }

    fn describe(&self) -> String {
        "words of `default`, `save`, `nosave`, `now`, `force`".to_owned()
    }

    fn takes_words(&self) -> bool {
        true
    }
}
