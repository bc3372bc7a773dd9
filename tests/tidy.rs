//! House rules that the compiler and clippy cannot see: which module may import which, how long
//! files and functions may be, what may not be called where.
//!
//! Works on text: comments and literals are blanked first, so a rule never fires on prose. Every
//! rule has a test below that feeds it a violation.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that may break a rule, as `(rule, path)`. May only shrink: an entry that is no longer
/// needed fails the test too.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Who may import whom: a module imports modules of lower layers, and itself.
const LAYERS: &[(&str, u8)] = &[
    ("base", 0),
    ("spec", 1),
    ("resp", 2),
    ("types", 2),
    ("config", 2),
    ("keyspace", 3),
    ("acl", 3),
    ("persist", 4),
    ("replication", 4),
    ("cluster", 4),
    ("sentinel", 4),
    ("state", 5),
    ("commands", 6),
    ("engine", 7),
    ("server", 8),
    ("admin", 8),
];

/// The folders that may read clocks, start threads and ask the system for randomness.
const SHELL: &[&str] = &["src/engine", "src/server", "src/admin", "src/main.rs"];

/// Calls that make a run impossible to replay, and what to use instead.
const SHELL_ONLY: &[(&str, &str)] = &[
    ("Instant::now", "take the time as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("thread::spawn", "return an action and let the server perform it"),
    ("tokio::spawn", "return an action and let the server perform it"),
    ("RandomState", "use base::KeyHasher"),
    ("thread_rng", "use base::Rng"),
];

/// Where `unsafe` may be written.
const UNSAFE_FILES: &[&str] = &[
    "src/keyspace/entry",
    "src/keyspace/table",
    "src/types/compact.rs",
