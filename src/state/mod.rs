//! L5: what the whole process shares: the keyspace, the settings in force, who is connected, what
//! was counted. Plain shared data; it decides nothing and performs nothing.
//!
//! Hot counters are per worker, written by their owner alone and only read by others, so that
//! counting a command never bounces a cache line between cores.

pub mod acl;
pub mod aof;
pub mod client;
pub mod conditions;
pub mod control;
pub mod courier;
pub mod dump;
pub mod durability;
pub mod histogram;
pub mod latency;
pub mod loading;
pub mod memory;
pub mod monitors;
pub mod own_expiries;
pub mod persistence;
pub mod pubsub;
pub mod registry;
pub mod replication;
pub mod server;
pub mod slowlog;
pub mod stats;
pub mod tracking;
pub mod transaction;
pub mod waiters;
pub mod watches;

pub use acl::Acl;
pub use aof::Aof;
pub use client::{Client, ClientFlags, ClientShared, Mail};
pub use conditions::Conditions;
pub use control::{Ask, Control, Request};
pub use dump::Dump;
pub use durability::Durability;
pub use histogram::Histogram;
pub use latency::LatencyMonitor;
pub use loading::Loading;
pub use monitors::Monitors;
pub use persistence::Persistence;
pub use pubsub::PubSub;
pub use registry::Registry;
pub use replication::Replication;
pub use server::{Identity, Server};
pub use slowlog::{SlowEntry, SlowLog};
pub use stats::{CommandStats, Stats, WorkerStats};
pub use tracking::Tracking;
pub use transaction::Transaction;
pub use waiters::Waiters;
pub use watches::Watches;
