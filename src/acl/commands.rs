//! Which commands a selector allows: a bit for each, and first arguments of some that are not
//! allowed as a whole.

use std::collections::BTreeMap;

use super::{Catalog, RuleError};
use crate::spec::Categories;

/// Which commands are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commands {
    bits: Box<[u64]>,
    /// Whether the latest rule about all commands allowed them: what is described begins with that.
    begins_with_all: bool,
    /// First arguments with which a command may be run that may not be run with others.
    first_args: BTreeMap<usize, Vec<Box<[u8]>>>,
}

/// How well a category describes what is still to be told.
struct Fit {
    category: Categories,
    name: &'static str,
    same: usize,
    different: usize,
}

impl Commands {
    /// All commands, or none.
    pub(super) fn new(catalog: &Catalog, all: bool) -> Commands {
        let bits = vec![if all { u64::MAX } else { 0 }; catalog.len().div_ceil(64)];
        let first_args = BTreeMap::new();
        Commands { bits: bits.into_boxed_slice(), begins_with_all: all, first_args }
    }

    #[inline]
    fn get(&self, index: usize) -> bool {
        self.bits[index / 64] >> (index % 64) & 1 != 0
    }

    fn put(&mut self, index: usize, on: bool) {
        let bit = 1 << (index % 64);
        let word = &mut self.bits[index / 64];
        *word = if on { *word | bit } else { *word & !bit };
    }

    /// Whether nothing is forbidden.
    pub(super) fn are_all(&self, catalog: &Catalog) -> bool {
        self.begins_with_all && (0..catalog.len()).all(|index| self.get(index))
    }

    /// Whether the command may be run with this first argument.
    #[inline]
    pub(super) fn allow(&self, index: usize, first_arg: Option<&[u8]>) -> bool {
        self.get(index) || first_arg.is_some_and(|arg| self.allow_with(index, arg))
    }

    fn allow_with(&self, index: usize, first_arg: &[u8]) -> bool {
        let allowed = self.first_args.get(&index);
        allowed.is_some_and(|args| args.iter().any(|arg| arg.eq_ignore_ascii_case(first_arg)))
    }

    /// Allows or forbids a command with all its subcommands.
    fn change(&mut self, catalog: &Catalog, index: usize, on: bool) {
        self.put(index, on);
        self.first_args.remove(&index);
        for &sub in &catalog.entry(index).subcommands {
            self.put(sub, on);
        }
    }

    fn change_category(&mut self, catalog: &Catalog, category: Categories, on: bool) {
        for (index, _) in catalog.of(category) {
            self.change(catalog, index, on);
        }
    }

    /// Follows a rule that begins with `+` or `-`; `rule` is what comes after.
    pub(super) fn apply(
        &mut self,
        catalog: &Catalog,
        rule: &[u8],
        on: bool,
    ) -> Result<(), RuleError> {
        if let Some(category) = rule.strip_prefix(b"@") {
            if category.eq_ignore_ascii_case(b"all") {
                *self = Commands::new(catalog, on);
                return Ok(());
            }
            let category = Categories::named(category).ok_or(RuleError::UnknownCommand)?;
            self.change_category(catalog, category, on);
            return Ok(());
        }
        match catalog.find(rule) {
            Some(index) => self.change(catalog, index, on),
            None if on => self.allow_first_arg(catalog, rule)?,
            None => return Err(RuleError::UnknownCommand),
        }
        Ok(())
    }

    /// `command|first argument`, which is no subcommand.
    fn allow_first_arg(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), RuleError> {
        let bar = rule.iter().rposition(|&byte| byte == b'|').ok_or(RuleError::UnknownCommand)?;
        let (command, arg) = (&rule[..bar], &rule[bar + 1..]);
        let index = catalog.find(command).ok_or(RuleError::UnknownCommand)?;
        let entry = catalog.entry(index);
        if entry.is_subcommand {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        if arg.is_empty() {
            return Err(RuleError::Syntax);
        }
        if !entry.subcommands.is_empty() {
            return Err(RuleError::UnknownCommand);
        }
        let args = self.first_args.entry(index).or_default();
        if !args.iter().any(|known| **known == *arg) {
            args.push(arg.into());
        }
        Ok(())
    }

    /// Rules that allow exactly this, with as few words as categories make it.
    ///
    /// As Redis: the category with the fewest exceptions comes first, until none is worth it; what
    /// a category has told counts as an exception to the next, though it may be told twice.
    pub(super) fn describe(&self, catalog: &Catalog) -> Vec<u8> {
        let base = self.begins_with_all;
        let mut text = if base { b"+@all".to_vec() } else { b"-@all".to_vec() };
        let sign = |on: bool| if on { "+" } else { "-" };
        let mut told = Commands::new(catalog, base);
        let mut left = self.clone();
        let mut used = Categories::empty();
        while let Some(fit) = left.best_category(catalog, used) {
            used |= fit.category;
            told.change_category(catalog, fit.category, !base);
            left.change_category(catalog, fit.category, base);
            text.extend(format!(" {}@{}", sign(!base), fit.name).into_bytes());
        }
        for (index, entry) in catalog.top_level() {
            let with_subcommands = std::iter::once(index).chain(entry.subcommands.iter().copied());
            for index in with_subcommands {
                let on = self.get(index);
                if on != told.get(index) {
                    told.change(catalog, index, on);
                    text.extend(format!(" {}{}", sign(on), catalog.entry(index).name).into_bytes());
                }
            }
            // They say nothing of a command that is allowed anyway.
            let first_args = self.first_args.get(&index).filter(|_| !self.get(index));
            for arg in first_args.into_iter().flatten() {
                text.extend(format!(" +{}|", entry.name).into_bytes());
                text.extend_from_slice(arg);
            }
        }
        text
    }

    /// The category that tells most of what differs from the base, if one tells more right than
    /// wrong.
    fn best_category(&self, catalog: &Catalog, used: Categories) -> Option<Fit> {
        let base = self.begins_with_all;
        let mut best: Option<Fit> = None;
        for &(category, name) in Categories::NAMES {
            if used.contains(category) {
                continue;
            }
            let (mut same, mut different) = (0, 0);
            for (index, _) in catalog.of(category) {
                if self.get(index) == base { different += 1 } else { same += 1 }
            }
            let is_better = best.as_ref().is_none_or(|best| {
                different < best.different || (different == best.different && same > best.same)
            });
            if same > different && is_better {
                best = Some(Fit { category, name, same, different });
            }
        }
        best
    }
}
