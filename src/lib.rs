//! redpoll: a sharded, replicated cache cluster that speaks the Redis protocol.
//!
//! The modules stand in reading order, each importing only those above it; `ARCHITECTURE.md` is the
//! map.

pub mod base;
pub mod spec;

pub mod config;
pub mod resp;
pub mod types;

pub mod acl;
pub mod keyspace;

pub mod cluster;
pub mod persist;
pub mod replication;

pub mod state;

pub mod commands;

pub mod engine;

pub mod admin;
pub mod server;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: base::checked::CheckedAllocator = base::checked::CheckedAllocator;

/// The Redis version we say we are where tools choose their paths by it.
pub const REDIS_VERSION: &str = "7.4.0";
