//! The server as a whole.

mod keyspace;

use super::Command;

pub const COMMANDS: &[&Command] =
    &[&keyspace::DBSIZE, &keyspace::FLUSHALL, &keyspace::FLUSHDB, &keyspace::SWAPDB];
