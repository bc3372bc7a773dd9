//! L4: replication: the log of effects that replicas, the backlog and the append-only file read.
//!
//! [`journal`] is what one batch brought about, in the commands that replicas are sent; [`log`] is
//! the one sequence of bytes that all batches append to while they hold their locks, so that its
//! order is the order of execution for every key.

pub mod journal;
pub mod log;

pub use journal::Journal;
pub use log::{Gap, Log, LogReader};
