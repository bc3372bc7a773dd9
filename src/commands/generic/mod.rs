//! Keys whatever they hold.

mod dump;
mod expire;
mod migrate;
mod object;
mod pattern;
mod place;
mod presence;
mod sort;
mod ttl;
mod wait;
mod walk;

pub use place::database;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &place::COPY,
    &presence::DEL,
    &dump::DUMP,
    &presence::EXISTS,
    &expire::EXPIRE,
    &expire::EXPIREAT,
    &ttl::EXPIRETIME,
    &walk::KEYS,
    &migrate::MIGRATE,
    &place::MOVE,
    &object::OBJECT,
    &object::OBJECT_ENCODING,
    &object::OBJECT_FREQ,
    &object::OBJECT_HELP,
    &object::OBJECT_IDLETIME,
    &object::OBJECT_REFCOUNT,
    &expire::PERSIST,
    &expire::PEXPIRE,
    &expire::PEXPIREAT,
    &ttl::PEXPIRETIME,
    &ttl::PTTL,
    &walk::RANDOMKEY,
    &place::RENAME,
    &place::RENAMENX,
    &dump::RESTORE,
    &dump::RESTORE_ASKING,
    &walk::SCAN,
    &sort::SORT,
    &sort::SORT_RO,
    &presence::TOUCH,
    &ttl::TTL,
    &presence::TYPE,
    &presence::UNLINK,
    &wait::WAIT,
    &wait::WAITAOF,
];
