//! Users as text: lines `user <name> <rule>…`, in a file of their own or in redis.conf.

use super::error::shown;
use super::selector::has_blanks;
use super::user::merge;
use super::users::DEFAULT_USER;
use super::{Catalog, NewUsers, RuleError, User, Users};

/// Why users could not be read; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(String);

impl Users {
    /// Every user as a line of a file.
    #[must_use]
    pub fn to_text(&self, catalog: &Catalog) -> Vec<u8> {
        let mut text = Vec::new();
        for user in self.iter() {
            text.extend(user.line(catalog));
            text.push(b'\n');
        }
        text
    }

    /// The users that a file's text declares; the default user is as new if it declares none. All
    /// but the default user are others than those of before, whatever their names.
    ///
    /// # Errors
    /// All that is wrong with the text, in one line.
    pub fn from_text(
        &self,
        text: &[u8],
        path: &str,
        new: NewUsers<'_>,
    ) -> Result<Users, FileError> {
        let mut users = self.emptied(new.catalog);
        let mut errors = String::new();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let place = format!("{path}:{}", index + 1);
            let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
            let (name, rules) = match words.as_slice() {
                [b"user", name, rules @ ..] => (*name, rules),
                _ => {
                    errors += &place;
                    errors += " should start with user keyword followed by the username. ";
                    continue;
                }
            };
            if has_blanks(name) {
                let name = shown(name);
                errors += &format!("'{place}: username '{name}' contains invalid characters. ");
            } else if seen.iter().any(|known| known == name) {
                let (name, line) = (shown(name), index + 1);
                errors += &format!("WARNING: Duplicate user '{name}' found on line {line}. ");
            } else {
                seen.push(name.to_vec());
                match users.declared(name, rules, new) {
                    Ok(user) => users.put(user),
                    Err(what) => errors += &format!("{place}: {what}"),
                }
            }
        }
        if errors.is_empty() {
            return Ok(users);
        }
        errors += "WARNING: ACL errors detected, no change to the previously active ACL rules was \
                   performed";
        Err(FileError(errors))
    }

    /// The table with users that lines of redis.conf declare, each a name and its rules.
    ///
    /// # Errors
    /// What is wrong with the first line that is.
    pub fn with_lines(
        &self,
        lines: &[Vec<Vec<u8>>],
        new: NewUsers<'_>,
    ) -> Result<Users, FileError> {
        let mut users = self.clone();
        for (index, line) in lines.iter().enumerate() {
            let (name, rules) = line.split_first().expect("a line has at least a name");
            let wrong = |what: &str| {
                FileError(format!("Error in user declaration '{}': {what}", shown(name)))
            };
            if lines[..index].iter().any(|earlier| earlier[0] == *name) {
                return Err(wrong(
                    "Duplicate user found. A user can only be defined once in config files",
                ));
            }
            if has_blanks(name) {
                return Err(FileError("Spaces not allowed in ACL usernames".to_owned()));
            }
            // What it is without such a line does not count.
            let is_default = *name == DEFAULT_USER;
            let reset = is_default.then(|| b"reset".to_vec());
            let rules: Vec<_> = reset.iter().chain(rules).collect();
            let user = users.declared(name, &rules, new);
            users.put(user.map_err(|what| wrong(what.trim_end_matches(['.', ' '])))?);
        }
        Ok(users)
    }

    /// The user that a name and rules declare, or what is wrong with them.
    fn declared<R: AsRef<[u8]>>(
        &mut self,
        name: &[u8],
        rules: &[R],
        new: NewUsers<'_>,
    ) -> Result<User, String> {
        let mut user = match self.get(name) {
            Some(user) if *name == *DEFAULT_USER => {
                User::new(new.catalog, user.id, name, new.all_channels)
            }
            _ => self.fresh(name, new),
        };
        let unmatched = |_| "Unmatched parenthesis in selector definition.".to_owned();
        for rule in merge(rules).map_err(unmatched)? {
            user.apply(new.catalog, &rule, new.all_channels).map_err(|cause| match cause {
                RuleError::UnknownCommand => {
                    format!("Error in applying operation '{}': {cause}. ", shown(&rule))
                }
                _ => format!("{cause}. "),
            })?;
        }
        Ok(user)
    }
}
