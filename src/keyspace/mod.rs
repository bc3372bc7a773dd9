//! L3: the keys: where they are, who may touch them, when they go.
//!
//! A database is 16384 slots, each a table behind its own lock. Commands see [`Held`]: the locked
//! slots of their batch. It knows nothing of commands, clients, replication or clocks: time is an
//! argument, and what has to be told to others (expired keys, garbage) is collected for the caller.

pub mod access;
mod database;
mod elements;
pub mod entry;
pub mod evict;
mod fifo;
pub mod gate;
pub mod history;
#[expect(clippy::module_inception, reason = "the type the folder is named after")]
pub mod keyspace;
mod meter;
mod occupancy;
mod queues;
mod replace;
pub mod scan;
mod shape;
pub mod slot_store;
pub mod snapshot;
pub mod string;
pub mod sweep;
pub mod table;

pub use access::{
    CollectionMut, Counters, Expiry, Garbage, Held, Incident, IncidentKind, Key, Lifetime,
    WrongType,
};
pub use entry::{Entry, EntryMut, EntryRef};
pub use evict::{Criteria, Eviction, Evictor, Order};
pub use gate::{Gate, Pass};
pub use history::{Clock, Recording};
pub use keyspace::{Keyspace, Place};
pub use meter::Meter;
pub use slot_store::SlotStore;
pub use snapshot::{Chunk, Encode, Preempted, Walk};
pub use string::{INLINE_MAX, NewStr, StrRef};
pub use sweep::{Sweeper, Swept};
pub use table::Table;
