//! CONFIG GET and CONFIG SET.

use std::fmt;

use super::kind::{Source, ValueError};
use super::table::EnableFor;
use super::{Setting, Settings, TABLE};
use crate::base::glob;
use crate::spec::config::{ConfigFlags, When};

/// Who asks for a change; protected settings may be open to local connections only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Over the loopback interface or the Unix socket.
    Local,
    Remote,
}

/// Why a CONFIG SET changed nothing. `Display` is the wire text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    #[error("{} - can't set immutable config", Failed(.0))]
    Immutable(String),
    #[error("{} - can't set protected config", Failed(.0))]
    Protected(String),
    #[error("{} - duplicate parameter", Failed(.0))]
    Duplicate(String),
    #[error("{} - {cause}", Failed(.name))]
    Value { name: String, cause: ValueError },
}

impl SetError {
    /// The refusal of a change that was found impossible only when it was applied, such as an
    /// address that cannot be bound.
    #[must_use]
    pub fn not_applied(name: &str, cause: &'static str) -> SetError {
        SetError::Value { name: name.to_owned(), cause: ValueError::Refused(cause) }
    }
}

/// The words that begin most refusals.
struct Failed<'a>(&'a str);

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERR CONFIG SET failed (possibly related to argument '{}')", self.0)
    }
}

impl Settings {
    /// The settings whose name or alias matches one of the patterns, with their values.
    ///
    /// A pattern matches in any case; a plain name is answered as it was spelled. Hidden settings
    /// answer to their exact name only.
    #[must_use]
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        for setting in TABLE {
            for name in setting.spec.names() {
                let asked = patterns.iter().find(|pattern| answers_to(setting, name, pattern));
                if let Some(pattern) = asked {
                    let is_name = pattern.eq_ignore_ascii_case(name.as_bytes());
                    let spelled = if is_name { pattern } else { name.as_bytes() };
                    found.push((spelled.to_vec(), setting.show(self)));
                }
            }
        }
        found
    }

    /// Changes several settings at once, or none of them.
    ///
    /// Returns what changed, in the order asked for; a setting that is given the value it has is
    /// not among it. Whoever applies the change compares `self` with the settings before.
    ///
    /// # Errors
    /// The first pair that is refused; `self` is then as before.
    pub fn set(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        caller: Caller,
    ) -> Result<Vec<&'static Setting>, SetError> {
        let mut chosen: Vec<&'static Setting> = Vec::with_capacity(pairs.len());
        for (index, (name, _)) in pairs.iter().enumerate() {
            chosen.push(self.may_set(name, caller)?);
            if pairs[..index].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
                return Err(SetError::Duplicate(spelled(name)));
            }
        }
        let mut next = self.clone();
        let mut changed: Vec<&'static Setting> = Vec::new();
        for (setting, (name, value)) in chosen.into_iter().zip(pairs) {
            setting
                .read(&mut next, &[*value], Source::Runtime)
                .map_err(|cause| SetError::Value { name: spelled(name), cause })?;
            if !changed.contains(&setting) && !setting.is_same(self, &next) {
                changed.push(setting);
            }
        }
        *self = next;
        Ok(changed)
    }

    /// The setting that is called so, if this caller may change it now.
    fn may_set(&self, name: &[u8], caller: Caller) -> Result<&'static Setting, SetError> {
        let is_known = |setting: &&Setting| !setting.spec.flags.contains(ConfigFlags::FILE_ONLY);
        let setting = Setting::find(name).filter(is_known);
        let setting = setting.ok_or_else(|| SetError::Unknown(spelled(name)))?;
        if setting.spec.when == When::AtStart {
            return Err(SetError::Immutable(spelled(name)));
        }
        let is_protected = setting.spec.flags.contains(ConfigFlags::PROTECTED);
        if is_protected && !self.enable_protected_configs.allows(caller) {
            return Err(SetError::Protected(spelled(name)));
        }
        Ok(setting)
    }
}

/// A name as the client spelled it, on one line.
fn spelled(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace(['\r', '\n'], " ")
}

impl EnableFor {
    /// Whether a connection from there may.
    #[must_use]
    pub fn allows(self, caller: Caller) -> bool {
        match self {
            EnableFor::Nobody => false,
            EnableFor::Local => caller == Caller::Local,
            EnableFor::Everybody => true,
        }
    }
}

fn answers_to(setting: &Setting, name: &str, pattern: &[u8]) -> bool {
    let flags = setting.spec.flags;
    if flags.contains(ConfigFlags::FILE_ONLY) {
        return false;
    }
    if flags.contains(ConfigFlags::HIDDEN) {
        return name.as_bytes().eq_ignore_ascii_case(pattern);
    }
    glob::matches(pattern, name.as_bytes(), true)
}

/// Lists every setting but the secrets, which no log may hold.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for setting in TABLE {
            let value = match setting.spec.flags.contains(ConfigFlags::SENSITIVE) {
                true => "(redacted)".into(),
                false => String::from_utf8_lossy(&setting.show(self)).into_owned(),
            };
            map.entry(&setting.spec.name, &value);
        }
        map.finish()
    }
}
