//! L4: replication: the log of effects that replicas, the backlog and the append-only file read,
//! and the rules by which nodes agree where to go on. No sockets, no clock.
//!
//! [`journal`] is what one batch brought about, in the commands that replicas are sent; [`log`] is
//! the one sequence of bytes that all batches append to while they hold their locks, so that its
//! order is the order of execution for every key; [`aside`] is what a replica does of its own,
//! which only its append-only file gets. [`identity`] names histories, [`sync`] decides what a
//! replica is sent, [`room`] how far behind it may be, [`handshake`] is the replica's side of that,
//! [`transfer`] how a full copy is framed.

mod aside;
pub mod handshake;
pub mod identity;
pub mod journal;
pub mod log;
pub mod room;
pub mod sync;
pub mod transfer;

pub use aside::{Piece, Reach};
pub use handshake::Handshake;
pub use identity::Identity;
pub use journal::Journal;
pub use log::{Gap, Log, LogReader, Logging};
pub use sync::{Announced, Ask, Decision, Phase, Replica, Standing};
