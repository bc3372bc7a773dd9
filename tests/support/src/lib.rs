//! What the integration tests share: servers and clusters as processes, the reference server they
//! are compared with, a raw client, waiting, and
//! a generator of commands.
//!
//! The server under test is the `redpoll` binary that cargo built next to the running test. The
//! variable `REDPOLL_BIN` names another command that takes redis.conf directives, so that a test
//! can be tried against `redis-server` itself; `REDPOLL_REFERENCE` names another program than
//! `redis-server` to be the reference.

mod client;
mod cluster;
mod contents;
mod dataset;
pub mod grammar;
mod ledger;
mod ports;
mod process;
pub mod script;
mod server;
mod value;
mod wait;
mod words;

pub use client::{Client, encode};
pub use cluster::{
    NodeView, TestCluster, forbid_elections, nodes_seen_by, suspect_after, wait_until_up,
};
pub use contents::{Contents, ask_all, contents, contents_without, differences};
pub use dataset::{digest, knows};
pub use ledger::{Ledger, Sent};
pub use ports::free_port;
pub use process::{program_exists, redis_cli, run_to_end};
pub use server::{Kind, TestServer, is_usual_reference, reference, start_oracle};
pub use value::Value;
pub use wait::{Stop, eventually, eventually_within, until};
