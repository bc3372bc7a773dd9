//! The table of users.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::selector::has_blanks;
use super::{Catalog, SetUserError, User};

/// The user that a connection is before it logs in.
pub const DEFAULT_USER: &[u8] = b"default";

/// Every user by name. There is always a default user; its id is 0.
#[derive(Clone, Debug)]
pub struct Users {
    by_name: BTreeMap<Box<[u8]>, Arc<User>>,
    default: Arc<User>,
    next_id: u64,
}

/// How new users and selectors begin.
#[derive(Clone, Copy, Debug)]
pub struct NewUsers<'a> {
    pub catalog: &'a Catalog,
    /// `acl-pubsub-default`: all channels are free.
    pub all_channels: bool,
}

impl Users {
    /// The default user, who may do everything.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Users {
        let default = Arc::new(User::unrestricted(catalog, 0, DEFAULT_USER));
        let by_name = BTreeMap::from([(DEFAULT_USER.into(), Arc::clone(&default))]);
        Users { by_name, default, next_id: 1 }
    }

    #[must_use]
    pub fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// Every user, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// The table with rules added to a user, who is made if there is none.
    ///
    /// # Errors
    /// [`SetUserError`] if the name or a rule makes no sense.
    pub fn with_rules<R: AsRef<[u8]>>(
        &self,
        name: &[u8],
        rules: &[R],
        new: NewUsers<'_>,
    ) -> Result<Users, SetUserError> {
        if has_blanks(name) {
            return Err(SetUserError::InvalidName);
        }
        let mut users = self.clone();
        let mut user = match self.get(name) {
            Some(user) => User::clone(user),
            None => users.fresh(name, new),
        };
        user.apply_all(new.catalog, rules, new.all_channels)?;
        users.put(user);
        Ok(users)
    }

    /// The table with the default user's passwords replaced: `requirepass`.
    #[must_use]
    pub fn with_default_password(&self, password: Option<&[u8]>, new: NewUsers<'_>) -> Users {
        let rule = password.map_or(b"nopass".to_vec(), |password| [b">", password].concat());
        let rules = [b"resetpass".to_vec(), rule];
        self.with_rules(DEFAULT_USER, &rules, new).expect("both rules make sense")
    }

    /// A user who is not in the table yet.
    pub(super) fn fresh(&mut self, name: &[u8], new: NewUsers<'_>) -> User {
        self.next_id += 1;
        User::new(new.catalog, self.next_id, name, new.all_channels)
    }

    pub(super) fn put(&mut self, user: User) {
        let user = Arc::new(user);
        if *user.name == *DEFAULT_USER {
            self.default = Arc::clone(&user);
        }
        self.by_name.insert(user.name.clone(), user);
    }

    /// The table without some users, and how many these are. Nobody removes the default user.
    #[must_use]
    pub fn without<R: AsRef<[u8]>>(&self, names: &[R]) -> (Users, usize) {
        let mut users = self.clone();
        for name in names.iter().filter(|name| name.as_ref() != DEFAULT_USER) {
            users.by_name.remove(name.as_ref());
        }
        let removed = self.by_name.len() - users.by_name.len();
        (users, removed)
    }

    /// A table with the default user alone, whose ids go on after this one's.
    pub(super) fn emptied(&self, catalog: &Catalog) -> Users {
        Users { next_id: self.next_id, ..Users::new(catalog) }
    }
}
