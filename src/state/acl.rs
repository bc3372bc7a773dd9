//! Users as they are in force, and what was refused to whom.
//!
//! Connections hold their user and ask for nothing here but a version, which changes with the
//! table. Only the control plane replaces the table.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::acl::{Catalog, NewUsers, Users};
use crate::base::Millis;
use crate::config::Settings;
use crate::config::table::PubsubDefault;

/// The table of users in force.
#[derive(Debug)]
pub struct Acl {
    pub catalog: &'static Catalog,
    pub log: AclLog,
    users: ArcSwap<Users>,
    version: AtomicU64,
}

impl Acl {
    /// The default user alone, with `requirepass` as password.
    #[must_use]
    pub fn new(catalog: &'static Catalog, settings: &Settings) -> Acl {
        let mut users = Users::new(catalog);
        if let Some(password) = &settings.requirepass {
            users = users.with_default_password(Some(password), new_users(catalog, settings));
        }
        Acl {
            catalog,
            log: AclLog::default(),
            users: ArcSwap::from_pointee(users),
            version: AtomicU64::default(),
        }
    }

    /// Changes whenever the table does.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn users(&self) -> Arc<Users> {
        self.users.load_full()
    }

    /// How users that are made now begin.
    #[must_use]
    pub fn new_users(&self, settings: &Settings) -> NewUsers<'static> {
        new_users(self.catalog, settings)
    }

    /// Replaces the table; the answer is the one before.
    pub(super) fn put(&self, users: Arc<Users>) -> Arc<Users> {
        let before = self.users.swap(users);
        self.version.fetch_add(1, Ordering::AcqRel);
        before
    }
}

fn new_users(catalog: &'static Catalog, settings: &Settings) -> NewUsers<'static> {
    let all_channels = settings.acl_pubsub_default == PubsubDefault::AllChannels;
    NewUsers { catalog, all_channels }
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Command,
    Key,
    Channel,
    /// A login.
    Auth,
}

impl Reason {
    /// As ACL LOG shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// One refusal, or several alike.
#[derive(Clone, Debug)]
pub struct AclEntry {
    pub count: u64,
    pub reason: Reason,
    /// Where it was refused: `toplevel` or `multi`.
    pub context: &'static str,
    /// The command, key or channel.
    pub object: Vec<u8>,
    pub user: Vec<u8>,
    /// When the latest of them was.
    pub at: Millis,
    /// The connection of the latest, as CLIENT LIST shows it.
    pub client: Vec<u8>,
}

impl AclEntry {
    /// Refusals alike within this time share an entry.
    const SAME_WITHIN: Millis = Millis(60_000);

    fn is_like(&self, other: &AclEntry) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.object == other.object
            && self.user == other.user
            && other.at.since(self.at) <= AclEntry::SAME_WITHIN
    }
}

/// The latest refusals, bounded by `acllog-max-len`; newest first.
#[derive(Debug, Default)]
pub struct AclLog(Mutex<VecDeque<AclEntry>>);

impl AclLog {
    /// How many of the newest entries are compared with a refusal.
    const LOOKED_AT: usize = 10;

    /// Adds a refusal and forgets the oldest beyond `max_len`.
    pub fn add(&self, mut entry: AclEntry, max_len: usize) {
        let mut entries = self.0.lock();
        let known = entries.iter().take(AclLog::LOOKED_AT).position(|known| known.is_like(&entry));
        if let Some(known) = known.and_then(|index| entries.remove(index)) {
            entry.count += known.count;
        }
        entries.push_front(entry);
        entries.truncate(max_len);
    }

    /// The newest `count` entries, newest first.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<AclEntry> {
        self.0.lock().iter().take(count).cloned().collect()
    }

    pub fn reset(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_alike_share_an_entry_for_a_minute_and_old_ones_are_forgotten() {
        let log = AclLog::default();
        let refuse = |object: &str, at: u64| {
            let entry = AclEntry {
                count: 1,
                reason: Reason::Key,
                context: "toplevel",
                object: object.into(),
                user: b"u".to_vec(),
                at: Millis(at),
                client: Vec::new(),
            };
            log.add(entry, 2);
        };
        let shown = || {
            let entries = log.newest(9);
            let show = |e: &AclEntry| format!("{} {}", String::from_utf8_lossy(&e.object), e.count);
            entries.iter().map(show).collect::<Vec<_>>().join(", ")
        };
        refuse("a", 0);
        refuse("b", 1);
        refuse("a", 60_000);
        assert_eq!(shown(), "a 2, b 1");
        refuse("a", 120_001);
        assert_eq!(shown(), "a 1, a 2");
        log.reset();
        assert_eq!(shown(), "");
    }
}
