//! L8: the only async code: sockets, threads, clocks, signals and files around the engine and the
//! machines.

mod accept;
mod acl;
mod aof;
mod boot;
mod bus;
mod config_file;
mod connection;
mod control;
mod courier;
mod cron;
mod dir;
mod janitor;
mod keeping;
mod listen;
mod listeners;
mod logging;
mod replication;
mod resources;
mod shutdown;
mod snapshot;
mod sweep;
mod unsupported;
mod workers;

pub use boot::run;
