//! Primaries and replicas: who follows whom, and the commands they speak with each other.

mod failover;
mod replconf;
mod role;
mod sync;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &failover::FAILOVER,
    &replconf::REPLCONF,
    &role::REPLICAOF,
    &role::ROLE,
    &role::SLAVEOF,
    &sync::PSYNC,
    &sync::SYNC,
];
