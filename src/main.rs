//! The `redpoll` binary: picks what to run by subcommand, or by the name it was started under.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The allocator whose figures INFO reports.
#[cfg(not(feature = "checked-allocator"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(feature = "checked-allocator")]
#[global_allocator]
static ALLOCATOR: redpoll::base::checked::CheckedAllocator =
    redpoll::base::checked::CheckedAllocator;

/// A sharded, replicated cache cluster that speaks the Redis protocol.
#[derive(Parser)]
#[command(name = "redpoll", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run one node: `redpoll server [file.conf] [--directive value ...]`.
    Server {
        /// A configuration file, then directives.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Check append-only files, and cut off what is spoilt.
    CheckAof {
        /// `[--fix | --truncate-to-timestamp SECONDS] FILE`: a manifest, or a file by itself.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Check a snapshot: whether a node would load it, and what is in it.
    CheckRdb { file: std::path::PathBuf },
    /// Run a small cluster on this machine.
    Local {
        #[command(subcommand)]
        action: redpoll::admin::local::Action,
    },
}

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(subcommand) = alias(arguments.first()) {
        arguments.insert(1, subcommand.into());
    }
    match Arguments::parse_from(arguments).command {
        Command::Server { arguments } => redpoll::server::run(&arguments),
        Command::CheckAof { arguments } => redpoll::admin::check_aof::run(&arguments),
        Command::CheckRdb { file } => redpoll::admin::check_rdb::run(&file),
        Command::Local { action } => redpoll::admin::local::run(action),
    }
}

/// Names of the executable, and the subcommands they stand for.
const ALIASES: [(&str, &str); 3] = [
    ("redpoll-server", "server"),
    ("redpoll-check-aof", "check-aof"),
    ("redpoll-check-rdb", "check-rdb"),
];

/// The subcommand that the name of the executable stands for.
fn alias(executable: Option<&OsString>) -> Option<&'static str> {
    let name = Path::new(executable?).file_name()?.to_str()?;
    ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, subcommand)| subcommand)
}
