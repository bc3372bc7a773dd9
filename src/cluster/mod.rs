//! L4: the cluster as a machine without I/O: bus frames, membership, failure detection, elections,
//! slots.
//!
//! In reading order: [`frame`] is what nodes say to each other, [`node`] and [`table`] what one of
//! them knows, [`nodes_conf`] how it remembers that. [`machine`] takes inputs and gives actions;
//! its rules stand in `cron` (time passes), `receive` and `send` (frames), `handshake` and `gossip`
//! (membership), `failure` and `state` (who is well), `slots` and `roles` (who owns what),
//! `election`, `failover` and `succession` (who takes over), [`admin`] (what operators ask).
//! [`view`] is what the data plane gets, [`redirect`] how it decides by it.
//!
//! Nothing here reads a clock, opens a socket or draws randomness that is not seeded: `tests/sim`
//! runs clusters of these machines under faults, and a seed repeats a run.

pub mod admin;
mod cron;
pub mod election;
mod failover;
mod failure;
pub mod flags;
pub mod frame;
mod gossip;
pub mod handshake;
pub mod link;
pub mod machine;
mod migration;
pub mod node;
pub mod nodes_conf;
mod receive;
pub mod redirect;
mod roles;
mod send;
pub mod settings;
mod slots;
pub mod state;
mod succession;
pub mod table;
#[cfg(test)]
mod tests;
pub mod view;

pub use admin::{Admin, AdminContext, AdminError, LocalKeys};
pub use machine::{Action, Input, Machine};
pub use redirect::{ClientFacts, CommandFacts, KeyFacts, Refusal};
pub use settings::{EndpointType, Settings};
pub use view::ClusterView;
