//! Client-side caching: remembering what is read, telling of what is changed.

use std::sync::Arc;

use super::{Ctx, Followers, Registered};
use crate::keyspace::Key;
use crate::resp::Value;
use crate::spec::Flags;
use crate::state::{ClientFlags, ClientShared, Server, tracking};

impl Ctx<'_> {
    /// Remembers the keys that a command has read, if the connection tracks what it reads.
    #[inline]
    pub fn track(&mut self, command: &'static Registered, keys: &[Key<'_>]) {
        if self.client.flags.contains(ClientFlags::TRACKING) {
            self.track_slowly(command, keys);
        }
    }

    #[cold]
    fn track_slowly(&mut self, command: &'static Registered, keys: &[Key<'_>]) {
        let flags = self.client.flags;
        let chosen = flags.contains(ClientFlags::CACHING);
        let wanted = match flags {
            _ if flags.contains(ClientFlags::BROADCAST) => false,
            _ if flags.contains(ClientFlags::OPT_IN) => chosen,
            _ if flags.contains(ClientFlags::OPT_OUT) => !chosen,
            _ => true,
        };
        let reads = command.flags.contains(Flags::READONLY)
            && !command.flags.contains(Flags::SHARD_CHANNELS);
        if !wanted || !reads {
            return;
        }
        for key in keys {
            self.server.tracking.remember(key.bytes, self.client.shared.id);
        }
        while let Some(key) = self.server.tracking.surplus(self.settings.tracking_table_max_keys) {
            self.invalidate_read(&key);
        }
    }

    /// Tells those who have a changed key in their caches.
    pub(super) fn invalidate(&mut self, key: &[u8]) {
        self.invalidate_read(key);
        if self.server.tracking.broadcasts() {
            self.effects.broadcast.push((key.into(), self.client.shared.id));
        }
    }

    fn invalidate_read(&mut self, key: &[u8]) {
        let readers = self.server.tracking.take_readers(key);
        if readers.is_empty() {
            return;
        }
        let keys = tracking::named(&[key]);
        for client in tracking::listeners(&self.server.clients, readers) {
            if !tracking::is_own_echo(&client, self.client.shared.id) {
                self.tell_tracker(&client, &keys);
            }
        }
    }

    /// Tells everybody who tracks that nothing is as it was.
    pub fn invalidate_all(&mut self) {
        if !self.followers.contains(Followers::TRACKED) {
            return;
        }
        self.server.tracking.clear();
        for client in self.server.clients.all() {
            if client.flags().contains(ClientFlags::TRACKING) {
                self.tell_tracker(&client, &Value::Null);
            }
        }
    }

    /// Others are told at once, the own connection after its reply.
    fn tell_tracker(&mut self, client: &Arc<ClientShared>, keys: &Value) {
        match tracking::message(&self.server.clients, client, keys) {
            Some((target, message))
                if target.id == self.client.shared.id && self.woken_by.is_none() =>
            {
                self.effects.pushes.push(message);
            }
            Some((target, message)) => target.post(crate::state::Mail::Push(message)),
            None => {}
        }
    }
}

/// Tells of a key that was changed outside of any command.
pub(super) fn invalidate(server: &Server, key: &[u8]) {
    let keys = tracking::named(&[key]);
    for client in tracking::listeners(&server.clients, server.tracking.take_readers(key)) {
        tracking::send(&server.clients, &client, &keys);
    }
    if server.tracking.broadcasts() {
        server.tracking.broadcast(&server.clients, vec![(key.into(), 0)]);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::engine::testing::{Local, show};

    fn told(local: &mut Local, line: &str) -> String {
        let replies = local.feed(format!("{line}\r\n").as_bytes());
        replies.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_own_connection_hears_of_its_changes_after_the_reply() {
        let mut local = Local::default();
        told(&mut local, "HELLO 3");
        assert_eq!(told(&mut local, "CLIENT TRACKING ON"), "+OK");
        assert_eq!(told(&mut local, "GET k"), "nil");
        assert_eq!(told(&mut local, "SET k 1"), "+OK [\"invalidate\" [\"k\"]]");
        assert_eq!(told(&mut local, "SET k 2"), "+OK", "it was told once");
        told(&mut local, "CLIENT TRACKING OFF");
        told(&mut local, "GET k");
        assert_eq!(local.server.tracking.totals(), (0, 0, 0));
        assert_eq!(local.server.tracking.clients(), 0);
    }

    #[test]
    fn what_is_forgotten_for_lack_of_room_counts_as_changed() {
        let settings = Settings { tracking_table_max_keys: 2, ..Settings::default() };
        let mut local = Local::with_settings(settings);
        told(&mut local, "HELLO 3");
        told(&mut local, "CLIENT TRACKING ON");
        assert_eq!(told(&mut local, "MGET a b"), "[nil nil]");
        let third = told(&mut local, "GET c");
        assert!(third.starts_with("nil [\"invalidate\""), "{third}");
        assert_eq!(local.server.tracking.totals(), (2, 2, 0));
    }
}
