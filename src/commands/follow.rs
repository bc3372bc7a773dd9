//! What follows a change: WATCH is told, those who wait for the key are noted, the event is
//! published.
//!
//! [`Ctx::changed`] is the one door. What nobody listens for costs one test of a few bits, which
//! are read under the locks of the batch: whoever began to listen to one of its keys earlier is
//! seen.

use bitflags::bitflags;
use bytes::Bytes;

use super::{Ctx, tracking};
use crate::base::Millis;
use crate::config::Settings;
use crate::keyspace::{Held, IncidentKind, Key, Place};
use crate::resp::OwnedRequest;
use crate::spec::event::EventClass;
use crate::spec::{Event, Flags};
use crate::state::pubsub;
use crate::state::watches::Name;
use crate::state::{Mail, Server};

bitflags! {
    /// Who wants to hear of changes.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Followers: u8 {
        /// Somebody watches some key.
        const WATCHED = 1 << 0;
        /// Somebody waits for some key.
        const AWAITED = 1 << 1;
        /// `notify-keyspace-events` is not empty.
        const NOTIFIED = 1 << 2;
        /// Somebody runs MONITOR.
        const MONITORED = 1 << 3;
        /// Replicas or an append-only file get every change.
        const LOGGED = 1 << 4;
        /// Somebody caches what it has read.
        const TRACKED = 1 << 5;
        /// A client of a writable replica may give keys an expiry.
        const OWN_EXPIRY = 1 << 6;
    }
}

impl Followers {
    /// Those who are told of each change by its key; the log is written when a command has run.
    const BY_KEY: Followers = Followers::all().difference(Followers::LOGGED);

    /// Who wants to hear of changes now. Ask under the locks of what may change.
    #[inline]
    #[must_use]
    pub fn of(server: &Server, settings: &Settings) -> Followers {
        let mut followers = Followers::empty();
        followers.set(Followers::WATCHED, !server.watches.is_empty());
        followers.set(Followers::AWAITED, server.waiters.count() > 0);
        followers.set(Followers::TRACKED, server.tracking.clients() > 0);
        followers.set(Followers::LOGGED, server.log.wants_effects());
        followers.set(Followers::MONITORED, server.monitors.count() > 0);
        followers.set(Followers::NOTIFIED, !settings.notify_keyspace_events.is_empty());
        followers
    }

    /// Has incidents told that somebody wants to hear of.
    #[inline]
    pub fn instruct(self, db: &mut Held<'_>, settings: &Settings) {
        if self.contains(Followers::NOTIFIED) {
            db.tell_created = settings.notify_keyspace_events.contains(EventClass::NEW);
            db.tell_missed = settings.notify_keyspace_events.contains(EventClass::KEY_MISS);
        }
    }

    /// Tells of one change; whether somebody waits for the key.
    #[must_use]
    pub fn tell(self, server: &Server, settings: &Settings, name: &Name, event: Event) -> bool {
        if self.contains(Followers::WATCHED) {
            server.watches.touch(name.0, &name.1);
        }
        if self.contains(Followers::NOTIFIED) {
            notify(server, settings, name, event);
        }
        self.contains(Followers::AWAITED) && server.waiters.awaits(name)
    }
}

impl Ctx<'_> {
    /// Reports that `key` was changed. Replication, AOF, WATCH, notifications and waking those who
    /// wait for it derive from it.
    #[inline]
    pub fn changed(&mut self, key: &Key<'_>, event: Event) {
        self.changed_by(key, event, 1);
    }

    /// [`Ctx::changed`] by so many elements, as `rdb_changes_since_last_save` counts them: 0 for an
    /// event that only goes with one that was counted.
    #[inline]
    pub fn changed_by(&mut self, key: &Key<'_>, event: Event, count: usize) {
        self.effects.changes += count as u64;
        if self.followers.intersects(Followers::BY_KEY) {
            self.follow(key, event);
        }
    }

    /// Reports a change of what is kept beside a key's value, such as who has read what of a
    /// stream. It is propagated, and published if it has an event; WATCH and those who wait hear
    /// nothing.
    #[inline]
    pub fn noted(&mut self, key: &Key<'_>, event: Option<Event>) {
        self.noted_by(key, event, 1);
    }

    /// [`Ctx::noted`], counted as [`Ctx::changed_by`] counts.
    #[inline]
    pub fn noted_by(&mut self, key: &Key<'_>, event: Option<Event>, count: usize) {
        self.effects.changes += count as u64;
        if self.followers.contains(Followers::NOTIFIED)
            && let Some(event) = event
        {
            self.settle_incidents();
            let name = (self.db.place(key).db, Box::from(key.bytes));
            notify(self.server, self.settings, &name, event);
        }
    }

    /// Has those who wait for a key look at it again.
    pub fn wake(&mut self, key: &Key<'_>) {
        let name = (self.db.place(key).db, Box::from(key.bytes));
        if self.followers.contains(Followers::AWAITED) && self.server.waiters.awaits(&name) {
            self.effects.ready.add(name);
        }
    }

    /// Replicas and the append-only file get this instead of the command as it was sent; several
    /// calls are several commands.
    #[inline]
    pub fn propagate(&mut self, args: &[&[u8]]) {
        if self.followers.contains(Followers::LOGGED) {
            self.effects.instead.get_or_insert_default().push(OwnedRequest::from_args(args));
        }
    }

    /// Replicas and the append-only file get the removal of a key whose time is over.
    pub fn propagate_removal(&mut self, key: &Key<'_>) {
        self.propagate(&[removal_verb(self.settings, Event::EXPIRED), key.bytes]);
    }

    /// Replicas and the append-only file get the point in time at which a key goes.
    pub fn propagate_expiry(&mut self, key: &Key<'_>, at: Millis) {
        self.propagate(&[b"PEXPIREAT", key.bytes, itoa::Buffer::new().format(at.0).as_bytes()]);
    }

    /// Replicas and the append-only file get the command even if it changes nothing.
    #[inline]
    pub fn propagate_always(&mut self) {
        self.effects.forced = true;
    }

    /// What a client of a writable replica writes takes expired keys out of its way as on a
    /// primary; only so what was written means the same when the append-only file is loaded. What
    /// it reads leaves them to their primary.
    #[inline]
    pub fn make_way(&mut self, flags: Flags) {
        if self.followers.contains(Followers::OWN_EXPIRY) {
            self.db.removes_expired = flags.contains(Flags::WRITE);
        }
    }

    /// Replicas and the append-only file get nothing of the command.
    #[inline]
    pub fn propagate_nothing(&mut self) {
        if self.followers.contains(Followers::LOGGED) {
            self.effects.instead.get_or_insert_default();
        }
    }

    #[cold]
    fn follow(&mut self, key: &Key<'_>, event: Event) {
        self.settle_incidents();
        let name: Name = (self.db.place(key).db, Box::from(key.bytes));
        if self.followers.contains(Followers::OWN_EXPIRY) {
            let own = &self.server.own_expiries;
            match self.db.expiry_of(key) {
                Some(at) => own.note(name.clone(), at),
                None => own.forget(&name),
            }
        }
        self.tell(name, event);
    }

    fn tell(&mut self, name: Name, event: Event) {
        if self.followers.contains(Followers::TRACKED) {
            self.invalidate(&name.1);
        }
        if self.followers.tell(self.server, self.settings, &name, event) {
            self.effects.ready.add(name);
        }
    }

    /// Tells of what lookups and insertions brought about since it was last called.
    #[cold]
    pub fn settle_incidents(&mut self) {
        for incident in std::mem::take(&mut self.db.incidents) {
            let name = (incident.place.db, incident.key);
            match incident.kind {
                IncidentKind::Expired => {
                    if self.followers.contains(Followers::LOGGED) {
                        let verb = removal_verb(self.settings, Event::EXPIRED);
                        self.effects.journal.add(name.0, [verb, &*name.1].into_iter());
                    }
                    self.tell(name, Event::EXPIRED);
                }
                IncidentKind::ElementsExpired(fields) => {
                    if self.followers.contains(Followers::LOGGED) {
                        let head: [&[u8]; 2] = [b"HDEL", &name.1];
                        let args: Vec<&[u8]> =
                            head.into_iter().chain(fields.iter().map(|field| &**field)).collect();
                        self.effects.journal.add(name.0, args.into_iter());
                    }
                    self.tell(name, Event::HASH_EXPIRED);
                }
                IncidentKind::Emptied => self.tell(name, Event::DEL),
                IncidentKind::Created => notify(self.server, self.settings, &name, Event::NEW),
                IncidentKind::Missed => notify(self.server, self.settings, &name, Event::MISSED),
            }
        }
    }

    /// Reports that a whole database is about to change: emptied, or exchanged with another.
    pub fn changing_all(&mut self, db: u8) {
        if self.followers.contains(Followers::WATCHED) {
            for name in self.server.watches.names(db) {
                let key = self.db.key_in(db, &name);
                if self.db.peek(&key).is_some() {
                    self.server.watches.touch(db, &name);
                }
            }
        }
        if self.followers.contains(Followers::AWAITED) {
            self.server.waiters.names(db).into_iter().for_each(|name| self.effects.ready.add(name));
        }
    }
}

/// How a removal that no client asked for is propagated.
fn removal_verb(settings: &Settings, event: Event) -> &'static [u8] {
    let lazily = match event {
        Event::EVICTED => settings.lazyfree_lazy_eviction,
        _ => settings.lazyfree_lazy_expire,
    };
    if lazily { b"UNLINK" } else { b"DEL" }
}

/// Tells of a key that was removed outside of any command: its time was over, or its memory was
/// needed. Call it with its slot locked.
pub fn removed(server: &Server, place: Place, key: &[u8], event: Event) {
    let settings = server.settings.load();
    let command = [removal_verb(&settings, event), key];
    happened(server, &settings, (place, key), &command, event);
}

/// Tells of a key that goes because its slot is another node's: replicas and the append-only file
/// get its removal, WATCH and those who cache it are told, no event is published. Call it with its
/// slot locked.
pub fn given_up(server: &Server, followers: Followers, place: Place, key: &[u8]) {
    if followers.contains(Followers::LOGGED) {
        server.log.append_command(place.db, &[b"DEL", key]);
    }
    if followers.contains(Followers::TRACKED) {
        tracking::invalidate(server, key);
    }
    if followers.contains(Followers::WATCHED) {
        server.watches.touch(place.db, key);
    }
}

/// Tells of elements of a collection that were removed because their time was over. Call it with
/// the key's slot locked.
pub fn elements_expired(server: &Server, place: Place, key: &[u8], elements: &[Box<[u8]>]) {
    let command: Vec<&[u8]> =
        [b"HDEL", key].into_iter().chain(elements.iter().map(|element| &**element)).collect();
    happened(server, &server.settings.load(), (place, key), &command, Event::HASH_EXPIRED);
}

/// Tells of a collection that went with the last of its elements, which was told before. Call it
/// with the key's slot locked.
pub fn emptied(server: &Server, place: Place, key: &[u8]) {
    happened(server, &server.settings.load(), (place, key), &[], Event::DEL);
}

/// Tells of a change outside of any command, which replicas and the append-only file get as
/// `command`, if that is not empty.
fn happened(
    server: &Server,
    settings: &Settings,
    (place, key): (Place, &[u8]),
    command: &[&[u8]],
    event: Event,
) {
    let followers = Followers::of(server, settings);
    if followers.is_empty() {
        return;
    }
    let name = (place.db, Box::from(key));
    if followers.contains(Followers::LOGGED) && !command.is_empty() {
        server.log.append_command(place.db, command);
    }
    if followers.contains(Followers::TRACKED) {
        tracking::invalidate(server, key);
    }
    if followers.tell(server, settings, &name, event) {
        // Nothing can be taken from a key that is gone, but some must hear of it.
        server.waiters.groups(&name).iter().for_each(|waiter| waiter.client.post(Mail::Recheck));
    }
}

/// Publishes an event in the channels of its key and of its name.
#[cold]
fn notify(server: &Server, settings: &Settings, (db, key): &Name, event: Event) {
    let classes = settings.notify_keyspace_events;
    if !classes.intersects(event.class) || server.pubsub.is_quiet() {
        return;
    }
    let channel = |space: &str, name: &[u8]| {
        Bytes::from([format!("__{space}@{db}__:").as_bytes(), name].concat())
    };
    let (name, key) = (Bytes::from_static(event.name.as_bytes()), Bytes::copy_from_slice(key));
    if classes.contains(EventClass::KEYSPACE) {
        server.pubsub.publish(&channel("keyspace", &key), &name, pubsub::post);
    }
    if classes.contains(EventClass::KEYEVENT) {
        server.pubsub.publish(&channel("keyevent", &name), &key, pubsub::post);
    }
}

#[cfg(test)]
mod tests;
