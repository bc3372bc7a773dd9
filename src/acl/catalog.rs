//! What rules can be about: the commands there are.

use crate::spec::Categories;

/// One command or subcommand.
#[derive(Debug)]
pub struct Entry {
    /// Lower case; a subcommand is `container|name`.
    pub name: &'static str,
    pub categories: Categories,
    /// Indexes of its subcommands.
    pub subcommands: Vec<usize>,
    pub is_subcommand: bool,
}

/// Every command, by the number that it has in the command table.
#[derive(Debug)]
pub struct Catalog(Vec<Entry>);

impl Catalog {
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Catalog {
        Catalog(entries)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn entry(&self, index: usize) -> &Entry {
        &self.0[index]
    }

    /// The command or subcommand of this full name, whatever its case. O(commands).
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|entry| entry.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The commands that are no subcommands, with their numbers.
    pub fn top_level(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.0.iter().enumerate().filter(|(_, entry)| !entry.is_subcommand)
    }

    /// The commands and subcommands of a category.
    pub fn of(&self, category: Categories) -> impl Iterator<Item = (usize, &Entry)> {
        self.0.iter().enumerate().filter(move |(_, entry)| entry.categories.contains(category))
    }
}
