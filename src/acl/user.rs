//! One user: passwords and selectors.

use sha2::{Digest as _, Sha256};

use super::error::shown;
use super::{Asked, Catalog, Denied, RuleError, Selector, SetUserError};

/// The SHA-256 of a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; Digest::LEN]);

impl Digest {
    const LEN: usize = 32;

    #[must_use]
    pub fn of(password: &[u8]) -> Digest {
        Digest(Sha256::digest(password).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    fn from_text(text: &[u8]) -> Option<Digest> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        if text.len() != 2 * Digest::LEN {
            return None;
        }
        let mut digest = [0; Digest::LEN];
        for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Digest(digest))
    }

    #[must_use]
    pub fn to_text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares without telling by its duration where two digests first differ.
    fn is_same(self, other: Digest) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(redacted)")
    }
}

/// One user. A snapshot: whoever changes a user makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Tells a user from another one that had the same name before.
    pub id: u64,
    pub name: Box<[u8]>,
    /// May log in.
    pub enabled: bool,
    /// Every password is right.
    pub no_password: bool,
    /// Whether payloads of RESTORE are checked in depth, if that was said.
    sanitize: Option<bool>,
    passwords: Vec<Digest>,
    root: Selector,
    selectors: Vec<Selector>,
    is_unrestricted: bool,
}

impl User {
    /// A user who may do nothing, except use all channels if these are free by default.
    #[must_use]
    pub fn new(catalog: &Catalog, id: u64, name: &[u8], all_channels: bool) -> User {
        User {
            id,
            name: name.into(),
            enabled: false,
            no_password: false,
            sanitize: None,
            passwords: Vec::new(),
            root: Selector::nothing(catalog, all_channels),
            selectors: Vec::new(),
            is_unrestricted: false,
        }
    }

    /// A user who may do everything and needs no password.
    #[must_use]
    pub fn unrestricted(catalog: &Catalog, id: u64, name: &[u8]) -> User {
        User {
            enabled: true,
            no_password: true,
            root: Selector::everything(catalog),
            is_unrestricted: true,
            ..User::new(catalog, id, name, true)
        }
    }

    /// Whether nothing is forbidden, so that nothing need be asked.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted
    }

    /// Whether who connects is this user without saying so.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.enabled && self.no_password
    }

    /// Whether one may log in as this user with this password.
    #[must_use]
    pub fn accepts(&self, password: &[u8]) -> bool {
        let digest = Digest::of(password);
        self.enabled
            && (self.no_password || self.passwords.iter().any(|known| known.is_same(digest)))
    }

    #[must_use]
    pub fn passwords(&self) -> &[Digest] {
        &self.passwords
    }

    #[must_use]
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// The selectors besides the root one.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// # Errors
    /// The most telling of what speaks against it, if no selector allows it.
    pub fn check(&self, asked: &Asked<'_>) -> Result<(), Denied> {
        let mut denied = Denied::Command;
        for selector in self.all_selectors() {
            match selector.check(asked) {
                Ok(()) => return Ok(()),
                Err(why) => denied = denied.max(why),
            }
        }
        Err(denied)
    }

    /// Whether a selector that allows this lets every key be read besides.
    #[must_use]
    pub fn allows_reading_all(&self, asked: &Asked<'_>) -> bool {
        let mut selectors = self.all_selectors();
        selectors.any(|selector| selector.may_read_all_keys() && selector.check(asked).is_ok())
    }

    /// Whether a channel, or a pattern of channels, may be listened to.
    #[must_use]
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// Follows several rules, of which those in parentheses may be cut in pieces.
    ///
    /// # Errors
    /// [`SetUserError`] for the first that makes no sense; those before have been followed.
    pub fn apply_all<R: AsRef<[u8]>>(
        &mut self,
        catalog: &Catalog,
        rules: &[R],
        all_channels: bool,
    ) -> Result<(), SetUserError> {
        for rule in merge(rules).map_err(|start| SetUserError::Unmatched(shown(&start)))? {
            self.apply(catalog, &rule, all_channels)
                .map_err(|cause| SetUserError::Rule { rule: shown(&rule), cause })?;
        }
        Ok(())
    }

    /// Follows one rule.
    ///
    /// # Errors
    /// [`RuleError`] if it makes no sense.
    pub fn apply(
        &mut self,
        catalog: &Catalog,
        rule: &[u8],
        all_channels: bool,
    ) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.enabled = true,
            b"off" => self.enabled = false,
            b"nopass" => (self.no_password, self.passwords) = (true, Vec::new()),
            b"resetpass" => (self.no_password, self.passwords) = (false, Vec::new()),
            b"sanitize-payload" => self.sanitize = Some(true),
            b"skip-sanitize-payload" => self.sanitize = Some(false),
            b"clearselectors" => self.selectors.clear(),
            b"reset" => {
                *self = User {
                    sanitize: Some(true),
                    ..User::new(catalog, self.id, &self.name, all_channels)
                };
            }
            _ => self.apply_prefixed(catalog, rule, all_channels)?,
        }
        let is_unrestricted = self.all_selectors().any(|selector| selector.is_everything(catalog));
        self.is_unrestricted = is_unrestricted;
        Ok(())
    }

    fn apply_prefixed(
        &mut self,
        catalog: &Catalog,
        rule: &[u8],
        all_channels: bool,
    ) -> Result<(), RuleError> {
        let hash = |text: &[u8]| Digest::from_text(text).ok_or(RuleError::InvalidHash);
        match rule.split_first() {
            Some((b'>', password)) => self.add_password(Digest::of(password)),
            Some((b'#', text)) => self.add_password(hash(text)?),
            Some((b'<', password)) => self.remove_password(Digest::of(password))?,
            Some((b'!', text)) => self.remove_password(hash(text)?)?,
            Some((b'(', rules)) => {
                let rules = rules.strip_suffix(b")").ok_or(RuleError::Syntax)?;
                let mut selector = Selector::nothing(catalog, all_channels);
                let mut words =
                    rules.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                words.try_for_each(|word| selector.apply(catalog, word))?;
                self.selectors.push(selector);
            }
            _ => self.root.apply(catalog, rule)?,
        }
        Ok(())
    }

    fn add_password(&mut self, digest: Digest) {
        if !self.passwords.contains(&digest) {
            self.passwords.push(digest);
        }
        self.no_password = false;
    }

    fn remove_password(&mut self, digest: Digest) -> Result<(), RuleError> {
        let known = self.passwords.iter().position(|&known| known == digest);
        self.passwords.remove(known.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// The words about the user as a whole.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let sanitize = self.sanitize.map(|sanitize| match sanitize {
            true => "sanitize-payload",
            false => "skip-sanitize-payload",
        });
        let enabled = if self.enabled { "on" } else { "off" };
        [Some(enabled), self.no_password.then_some("nopass"), sanitize].into_iter().flatten()
    }

    /// Rules that make this user out of a new one.
    #[must_use]
    pub fn describe(&self, catalog: &Catalog) -> Vec<Vec<u8>> {
        let mut rules: Vec<Vec<u8>> = self.flags().map(|flag| flag.as_bytes().to_vec()).collect();
        rules.extend(self.passwords.iter().map(|known| format!("#{}", known.to_text()).into()));
        rules.push(self.root.describe(catalog));
        let described = self.selectors.iter().map(|selector| selector.describe(catalog));
        rules.extend(described.map(|rules| [b"(", rules.as_slice(), b")"].concat()));
        rules
    }

    /// The user as a line of a file, without its line break.
    #[must_use]
    pub fn line(&self, catalog: &Catalog) -> Vec<u8> {
        let mut words = vec![b"user".to_vec(), self.name.to_vec()];
        words.extend(self.describe(catalog));
        words.join(&b' ')
    }
}

/// Joins rules in parentheses that were cut at blanks.
///
/// # Errors
/// The piece that opens a parenthesis which none closes.
pub(super) fn merge<R: AsRef<[u8]>>(rules: &[R]) -> Result<Vec<Vec<u8>>, Vec<u8>> {
    let mut merged: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<(Vec<u8>, Vec<u8>)> = None;
    for rule in rules {
        let rule = rule.as_ref();
        let (start, whole) = match open.take() {
            Some((start, whole)) => (start, [whole.as_slice(), b" ", rule].concat()),
            None => (rule.to_vec(), rule.to_vec()),
        };
        match whole.starts_with(b"(") && !whole.ends_with(b")") {
            true => open = Some((start, whole)),
            false => merged.push(whole),
        }
    }
    open.map_or(Ok(merged), |(start, _)| Err(start))
}
