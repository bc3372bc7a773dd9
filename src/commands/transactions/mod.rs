//! The group *transactions*: MULTI queues, EXEC runs the queue as one, WATCH makes that depend on
//! keys staying as they are.
//!
//! The engine queues requests between MULTI and EXEC, locks the slots of all their keys for EXEC
//! (and those of the watched keys, so that nothing comes between the look at them and the run) and
//! then calls EXEC's handler like any other.

mod exec;
mod queue;
mod watch;

use super::Command;

pub const COMMANDS: &[&Command] =
    &[&queue::MULTI, &exec::EXEC, &queue::DISCARD, &watch::WATCH, &watch::UNWATCH];
