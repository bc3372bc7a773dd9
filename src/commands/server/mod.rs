//! The server as a whole.

mod aof;
mod command;
mod config;
mod debug;
mod digest;
mod docs;
mod getkeys;
mod info;
mod keyspace;
mod latency;
mod memory;
mod misc;
mod save;
mod slowlog;

use super::Command;

pub const COMMANDS: &[&Command] = &[
    &aof::BGREWRITEAOF,
    &command::COMMAND,
    &command::COMMAND_COUNT,
    &command::COMMAND_HELP,
    &command::COMMAND_INFO,
    &command::COMMAND_LIST,
    &docs::COMMAND_DOCS,
    &getkeys::COMMAND_GETKEYS,
    &getkeys::COMMAND_GETKEYSANDFLAGS,
    &config::CONFIG,
    &config::CONFIG_GET,
    &config::CONFIG_HELP,
    &config::CONFIG_RESETSTAT,
    &config::CONFIG_REWRITE,
    &config::CONFIG_SET,
    &debug::DEBUG,
    &info::INFO,
    &keyspace::DBSIZE,
    &keyspace::FLUSHALL,
    &keyspace::FLUSHDB,
    &keyspace::SWAPDB,
    &latency::LATENCY,
    &latency::LATENCY_DOCTOR,
    &latency::LATENCY_GRAPH,
    &latency::LATENCY_HELP,
    &latency::LATENCY_HISTOGRAM,
    &latency::LATENCY_HISTORY,
    &latency::LATENCY_LATEST,
    &latency::LATENCY_RESET,
    &memory::MEMORY,
    &memory::MEMORY_DOCTOR,
    &memory::MEMORY_HELP,
    &memory::MEMORY_MALLOC_STATS,
    &memory::MEMORY_PURGE,
    &memory::MEMORY_STATS,
    &memory::MEMORY_USAGE,
    &misc::LOLWUT,
    &misc::SHUTDOWN,
    &misc::TIME,
    &save::BGSAVE,
    &save::LASTSAVE,
    &save::SAVE,
    &slowlog::SLOWLOG,
    &slowlog::SLOWLOG_GET,
    &slowlog::SLOWLOG_HELP,
    &slowlog::SLOWLOG_LEN,
    &slowlog::SLOWLOG_RESET,
];
