//! Settings with a fixed list of words, and the macro that declares such a list.

use super::{Kind, Source, ValueError, single};

/// An enum whose values are words of the configuration language.
pub trait Choices: Copy + PartialEq + 'static {
    /// Every value with its word, in the order in which the error lists them.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for this value.
    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.expect("every value of a choice has a word").0
    }
}

/// Declares an enum of words: `choices! { /// doc  pub enum Name { Value = "word", … } }`.
macro_rules! choices {
    ($(
        $(#[doc = $doc:literal])+
        pub enum $name:ident { $( $(#[doc = $value_doc:literal])* $value:ident = $word:literal, )+ }
    )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $value_doc])* $value, )+ }

        impl $crate::config::kind::Choices for $name {
            const WORDS: &'static [(&'static str, $name)] = &[$( ($word, $name::$value) ),+];
        }
    )+ };
}

pub(crate) use choices;

/// One word of the type's list, in any case.
#[derive(Clone, Copy, Debug)]
pub struct Choice;

fn words_of<T: Choices>(separator: &str) -> String {
    T::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(separator)
}

impl<T: Choices> Kind<T> for Choice {
    fn read(&self, words: &[&[u8]], _: &T, _: Source) -> Result<T, ValueError> {
        let word = single(words)?;
        let found = T::WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        found.map(|(_, value)| *value).ok_or_else(|| ValueError::NotOneOf(words_of::<T>(", ")))
    }

    fn show(&self, value: &T) -> Vec<u8> {
        value.word().as_bytes().to_vec()
    }

    fn describe(&self) -> String {
        format!("one of `{}`", words_of::<T>("`, `"))
    }
}
