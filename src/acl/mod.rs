//! L3: access control: who may run which commands on which keys and channels.
//!
//! [`Users`] is the table of users, an immutable value: a change makes a new one. A [`User`] has
//! passwords and selectors; a request is allowed if one selector allows its command, all its keys
//! and all its channels. What a user may do is computed when the user changes, so that asking costs
//! a bit test and a walk over patterns, and nothing at all for a user who may do everything.
//!
//! Pure: what commands there are comes as a [`Catalog`], files are read and written by others.
//! Rules, their order and every text are those of Redis 7.0.15.

mod catalog;
mod commands;
mod error;
mod file;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;

pub use catalog::{Catalog, Entry};
pub use error::{RuleError, SetUserError};
pub use file::FileError;
pub use selector::{Access, Asked, Denied, Selector};
pub use user::{Digest, User};
pub use users::{DEFAULT_USER, NewUsers, Users};
