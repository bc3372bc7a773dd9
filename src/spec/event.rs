//! Keyspace events: what a change to a key is called, and in which class of
//! `notify-keyspace-events`.

use bitflags::bitflags;

bitflags! {
    /// Classes that `notify-keyspace-events` switches on, one letter each.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EventClass: u16 {
        const KEYSPACE = 1 << 0;
        const KEYEVENT = 1 << 1;
        const GENERIC = 1 << 2;
        const STRING = 1 << 3;
        const LIST = 1 << 4;
        const SET = 1 << 5;
        const HASH = 1 << 6;
        const ZSET = 1 << 7;
        const EXPIRED = 1 << 8;
        const EVICTED = 1 << 9;
        const STREAM = 1 << 10;
        const KEY_MISS = 1 << 11;
        const MODULE = 1 << 12;
        const NEW = 1 << 13;
    }
}

/// One kind of change: its class and the name subscribers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub class: EventClass,
    pub name: &'static str,
}

impl Event {
    #[must_use]
    pub const fn generic(name: &'static str) -> Event {
        Event { class: EventClass::GENERIC, name }
    }

    #[must_use]
    pub const fn string(name: &'static str) -> Event {
        Event { class: EventClass::STRING, name }
    }

    #[must_use]
    pub const fn list(name: &'static str) -> Event {
        Event { class: EventClass::LIST, name }
    }

    #[must_use]
    pub const fn set(name: &'static str) -> Event {
        Event { class: EventClass::SET, name }
    }

    #[must_use]
    pub const fn hash(name: &'static str) -> Event {
        Event { class: EventClass::HASH, name }
    }

    #[must_use]
    pub const fn zset(name: &'static str) -> Event {
        Event { class: EventClass::ZSET, name }
    }

    #[must_use]
    pub const fn stream(name: &'static str) -> Event {
        Event { class: EventClass::STREAM, name }
    }

    /// A change of form only: it counts and is propagated, but nobody is told.
    pub const UNTOLD: Event = Event { class: EventClass::empty(), name: "" };
    pub const DEL: Event = Event::generic("del");
    pub const EXPIRE: Event = Event::generic("expire");
    /// Fields of a hash have expired.
    pub const HASH_EXPIRED: Event = Event::hash("hexpired");
    pub const EXPIRED: Event = Event { class: EventClass::EXPIRED, name: "expired" };
    pub const NEW: Event = Event { class: EventClass::NEW, name: "new" };
    pub const MISSED: Event = Event { class: EventClass::KEY_MISS, name: "keymiss" };
    pub const EVICTED: Event = Event { class: EventClass::EVICTED, name: "evicted" };
}
