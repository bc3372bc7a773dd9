//! INFO: what the server says of itself, with Redis' section and field names.

mod aof;
mod figures;
mod persistence;
mod process;
mod replication;

use std::fmt::Write;

use crate::commands::{Args, Command, Ctx, Reply};
use crate::spec::{Arg, Arity, Categories, CmdResult, CommandSpec, Flags, Group};

/// One section: its title, whether plain INFO shows it, and what writes its lines.
struct Section {
    title: &'static str,
    by_default: bool,
    write: fn(&mut Lines, &Ctx<'_>),
}

const fn section(title: &'static str, write: fn(&mut Lines, &Ctx<'_>)) -> Section {
    Section { title, by_default: true, write }
}

const fn on_request(title: &'static str, write: fn(&mut Lines, &Ctx<'_>)) -> Section {
    Section { title, by_default: false, write }
}

/// In the order in which they are shown.
const SECTIONS: &[Section] = &[
    section("Server", process::server),
    section("Clients", process::clients),
    section("Memory", process::memory),
    section("Persistence", persistence::persistence),
    section("Stats", figures::stats),
    section("Replication", replication::replication),
    section("CPU", process::cpu),
    section("Modules", |_, _| {}),
    on_request("Commandstats", figures::commands),
    section("Errorstats", figures::errors),
    on_request("Latencystats", figures::latencies),
    section("Cluster", process::cluster),
    section("Keyspace", figures::keyspace),
];

/// The text being written: `name:value` lines.
pub(super) struct Lines(String);

impl Lines {
    fn put(&mut self, name: &str, value: impl std::fmt::Display) {
        write!(self.0, "{name}:{value}\r\n").expect("a string takes every write");
    }

    /// Several plain numbers.
    fn numbers(&mut self, fields: &[(&str, u64)]) {
        fields.iter().for_each(|(name, value)| self.put(name, value));
    }

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.put(name, bytes);
        self.put(&format!("{name}_human"), human(bytes));
    }
}

/// Bytes as people read them: 1.50M.
fn human(bytes: u64) -> String {
    let units = [(1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.into_iter().find(|&(unit, _)| bytes >= unit) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / unit as f64),
        None => format!("{bytes}B"),
    }
}

pub const INFO: Command = Command::new(
    CommandSpec {
        name: "info",
        summary: "Get information and statistics about the server",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(1),
        flags: Flags::LOADING.union(Flags::STALE),
        categories: Some(Categories::DANGEROUS),
        args: &[Arg::string("section").optional().multiple()],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        history: &[("7.0.0", "Added support for taking multiple section arguments.")],
        ..CommandSpec::BASE
    },
    info,
);

fn info(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let mut wanted: Vec<bool> = SECTIONS.iter().map(|_| false).collect();
    if args.left() == 0 {
        choose(&mut wanted, b"default");
    }
    while args.left() > 0 {
        choose(&mut wanted, args.bytes()?);
    }
    let mut lines = Lines(String::with_capacity(4096));
    for (section, _) in SECTIONS.iter().zip(wanted).filter(|&(_, wanted)| wanted) {
        if !lines.0.is_empty() {
            lines.0.push_str("\r\n");
        }
        lines.0.push_str("# ");
        lines.0.push_str(section.title);
        lines.0.push_str("\r\n");
        (section.write)(&mut lines, cx);
    }
    cx.out.verbatim(*b"txt", lines.0.as_bytes());
    Ok(Reply::Written)
}

/// Marks the sections a word asks for; an unknown word asks for none.
fn choose(wanted: &mut [bool], word: &[u8]) {
    let word = word.to_ascii_lowercase();
    for (section, wanted) in SECTIONS.iter().zip(wanted) {
        *wanted |= match word.as_slice() {
            b"all" | b"everything" => true,
            b"default" => section.by_default,
            name => section.title.as_bytes().eq_ignore_ascii_case(name),
        };
    }
}
