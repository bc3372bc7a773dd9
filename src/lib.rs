//! redpoll: a sharded, replicated cache cluster that speaks the Redis protocol.
//!
//! The modules stand in reading order, each importing only those above it; `ARCHITECTURE.md` is the
//! map.

pub mod base;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod keyspace;
pub mod persist;
pub mod resp;
pub mod spec;
pub mod state;
pub mod types;
