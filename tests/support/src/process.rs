//! Other programs that tests run: `redis-cli` and signals.

use std::process::{Command, Stdio};

/// Runs a program to its end; returns whether it succeeded, and all it printed.
///
/// # Panics
/// If it cannot be started.
#[must_use]
#[track_caller]
pub fn run_to_end(program: &str, args: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("starting {program}: {error}"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// Runs stock `redis-cli`; returns whether it succeeded, and all it printed.
///
/// # Panics
/// If it is not installed.
#[must_use]
#[track_caller]
pub fn redis_cli(args: &[&str]) -> (bool, String) {
    run_to_end("redis-cli", args)
}

#[must_use]
pub fn program_exists(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Sends a signal such as `TERM` to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(sent.is_ok(), "kill is missing");
}
