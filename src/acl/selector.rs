//! One set of permissions: commands, with the keys and channels they may be run on.

use bitflags::bitflags;

use super::commands::Commands;
use super::{Catalog, RuleError};
use crate::base::glob;

bitflags! {
    /// What is done to a key.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u8 {
        const READ = 1 << 0;
        const WRITE = 1 << 1;
    }
}

/// What is to be allowed.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The command's number; `None` for one that everybody may run.
    pub command: Option<usize>,
    pub first_arg: Option<&'a [u8]>,
    pub keys: &'a [(&'a [u8], Access)],
    pub channels: &'a [&'a [u8]],
    /// The channels are patterns, which only a rule for the very same pattern allows.
    pub are_patterns: bool,
}

/// What spoke against it: the command, or the key or channel of this number among those asked for.
/// In this order of severity: of several selectors' refusals the greatest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    Key(usize),
    Channel(usize),
}

/// Keys, and what may be done to them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    pattern: Box<[u8]>,
    access: Access,
}

/// One set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    commands: Commands,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Box<[u8]>>,
}

impl Selector {
    /// Nothing is allowed, except all channels if these are free by default.
    #[must_use]
    pub fn nothing(catalog: &Catalog, all_channels: bool) -> Selector {
        Selector {
            commands: Commands::new(catalog, false),
            all_keys: false,
            keys: Vec::new(),
            all_channels,
            channels: Vec::new(),
        }
    }

    /// Nothing is forbidden.
    #[must_use]
    pub fn everything(catalog: &Catalog) -> Selector {
        let commands = Commands::new(catalog, true);
        Selector { commands, all_keys: true, ..Selector::nothing(catalog, true) }
    }

    /// Whether nothing is forbidden.
    #[must_use]
    pub fn is_everything(&self, catalog: &Catalog) -> bool {
        self.allows_all_keys(Access::all()) && self.all_channels && self.commands.are_all(catalog)
    }

    /// Follows one rule.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is changed then.
    pub fn apply(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => (self.all_keys, self.keys) = (true, Vec::new()),
            b"resetkeys" => (self.all_keys, self.keys) = (false, Vec::new()),
            b"allchannels" | b"&*" => (self.all_channels, self.channels) = (true, Vec::new()),
            b"resetchannels" => (self.all_channels, self.channels) = (false, Vec::new()),
            b"allcommands" => self.commands = Commands::new(catalog, true),
            b"nocommands" => self.commands = Commands::new(catalog, false),
            _ => return self.apply_prefixed(catalog, rule),
        }
        Ok(())
    }

    fn apply_prefixed(&mut self, catalog: &Catalog, rule: &[u8]) -> Result<(), RuleError> {
        match rule.split_first() {
            Some((b'+', command)) => self.commands.apply(catalog, command, true),
            Some((b'-', command)) => self.commands.apply(catalog, command, false),
            Some((b'~', pattern)) => self.add_keys(pattern, Access::all()),
            Some((b'%', rest)) => {
                let (access, pattern) = split_access(rest)?;
                self.add_keys(pattern, access)
            }
            Some((b'&', pattern)) => self.add_channels(pattern),
            _ => Err(RuleError::Syntax),
        }
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AfterAllKeys);
        }
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => known.access |= access,
            None => self.keys.push(KeyPattern { pattern: pattern.into(), access }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AfterAllChannels);
        }
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| **known == *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    /// # Errors
    /// What speaks against it.
    pub fn check(&self, asked: &Asked<'_>) -> Result<(), Denied> {
        if !self.allows_command(asked) {
            return Err(Denied::Command);
        }
        let mut keys = asked.keys.iter();
        if let Some(key) = keys.position(|&(key, access)| !self.allows_key(key, access)) {
            return Err(Denied::Key(key));
        }
        let allows = |channel: &[u8]| self.allows_channel(channel, asked.are_patterns);
        match asked.channels.iter().position(|channel| !allows(channel)) {
            Some(channel) => Err(Denied::Channel(channel)),
            None => Ok(()),
        }
    }

    fn allows_command(&self, asked: &Asked<'_>) -> bool {
        asked.command.is_none_or(|index| self.commands.allow(index, asked.first_arg))
    }

    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        let allows = |known: &KeyPattern| {
            known.access.contains(access) && glob::matches(&known.pattern, key, false)
        };
        self.all_keys || self.keys.iter().any(allows)
    }

    /// Whether a channel, or a pattern of channels, may be used.
    #[must_use]
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let allows = |known: &[u8]| match is_pattern {
            true => known == channel,
            false => glob::matches(known, channel, false),
        };
        self.all_channels || self.channels.iter().any(|known| allows(known))
    }

    /// Whether all of this may be done to every key there is.
    fn allows_all_keys(&self, access: Access) -> bool {
        let all = |known: &KeyPattern| *known.pattern == *b"*" && known.access.contains(access);
        self.all_keys || self.keys.iter().any(all)
    }

    /// Whether every key there is may be read.
    #[must_use]
    pub fn may_read_all_keys(&self) -> bool {
        self.allows_all_keys(Access::READ)
    }

    /// The rules about keys. Other patterns beside one for all keys say nothing, and could not be
    /// read back.
    #[must_use]
    pub fn describe_keys(&self) -> Vec<u8> {
        if self.allows_all_keys(Access::all()) {
            return b"~*".to_vec();
        }
        let rules = self.keys.iter().map(|known| {
            let prefix: &[u8] = match known.access {
                Access::READ => b"%R~",
                Access::WRITE => b"%W~",
                _ => b"~",
            };
            [prefix, &known.pattern].concat()
        });
        rules.collect::<Vec<_>>().join(&b' ')
    }

    /// The rules about channels that allow some.
    #[must_use]
    pub fn describe_channels(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let rules = self.channels.iter().map(|pattern| [b"&", &**pattern].concat());
        rules.collect::<Vec<_>>().join(&b' ')
    }

    /// The rules about commands.
    #[must_use]
    pub fn describe_commands(&self, catalog: &Catalog) -> Vec<u8> {
        self.commands.describe(catalog)
    }

    /// Rules that make this selector out of one that allows nothing.
    #[must_use]
    pub fn describe(&self, catalog: &Catalog) -> Vec<u8> {
        let mut rules = vec![self.describe_keys()];
        if !self.all_channels {
            rules.push(b"resetchannels".to_vec());
        }
        rules.extend([self.describe_channels(), self.describe_commands(catalog)]);
        rules.retain(|rule| !rule.is_empty());
        rules.join(&b' ')
    }
}

/// `RW~pattern`: what may be done to which keys. Without a `~` the pattern is empty.
fn split_access(rule: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let end = rule.iter().position(|&byte| byte == b'~').unwrap_or(rule.len());
    let mut access = Access::empty();
    for letter in &rule[..end] {
        let one = match letter.to_ascii_uppercase() {
            b'R' => Access::READ,
            b'W' => Access::WRITE,
            _ => return Err(RuleError::Syntax),
        };
        if access.contains(one) {
            return Err(RuleError::Syntax);
        }
        access |= one;
    }
    let pattern = rule.get(end + 1..).unwrap_or_default();
    if access.is_empty() { Err(RuleError::Syntax) } else { Ok((access, pattern)) }
}

/// Whether a file of rules could not hold it.
pub(super) fn has_blanks(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b' ' | b'\t'..=b'\r'))
}
