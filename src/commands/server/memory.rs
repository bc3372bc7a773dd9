//! MEMORY: where the bytes are.

use std::sync::atomic::Ordering;

use crate::commands::{Args, Command, Ctx, Reply, help};
use crate::keyspace::Place;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group, KeyFlags, KeySpec};
use crate::state::Request;

pub const MEMORY: Command = Command::new(
    CommandSpec {
        name: "memory",
        summary: "A container for memory diagnostics commands",
        since: "4.0.0",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    memory,
);

/// Only reached without a subcommand, which its arity refuses.
fn memory(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const MEMORY_USAGE: Command = Command::new(
    CommandSpec {
        name: "memory|usage",
        summary: "Estimate the memory usage of a key",
        since: "4.0.0",
        complexity: "O(N) where N is the number of samples.",
        group: Group::Server,
        arity: Arity::AtLeast(3),
        flags: Flags::READONLY,
        keys: &[KeySpec::one(2, KeyFlags::RO)],
        args: &[Arg::key("key"), Arg::int("count").token("SAMPLES").optional()],
        ..CommandSpec::BASE
    },
    memory_usage,
);

/// Exact, so SAMPLES has nothing to choose.
fn memory_usage(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let key = args.key()?;
    while let Some(token) = args.token() {
        match token.upper() {
            b"SAMPLES" if args.left() > 0 => {
                if args.int()? < 0 {
                    return Err(CmdError::Syntax);
                }
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    // The entry, what hangs off it, and its place in a bucket.
    let share = size_of::<u64>();
    let bytes = cx.db.peek(&key).map(|entry| entry.total_bytes() + share);
    Ok(bytes.map_or(Reply::Nil, |bytes| Reply::Int(bytes as i64)))
}

pub const MEMORY_STATS: Command = Command::new(
    CommandSpec {
        name: "memory|stats",
        summary: "Show memory usage details",
        since: "4.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..CommandSpec::BASE
    },
    memory_stats,
);

fn memory_stats(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let memory = cx.server.read_memory(cx.now);
    let peak = cx.server.stats.peak_memory_bytes.load(Ordering::Relaxed).max(memory.allocated);
    let clients = cx.server.clients.memory();
    let (keys, dataset) = keys_and_bytes(cx);
    let overhead = memory.startup + clients;
    let net = memory.allocated.saturating_sub(memory.startup).max(1);
    let ratio = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let integers = [
        ("peak.allocated", peak),
        ("total.allocated", memory.allocated),
        ("startup.allocated", memory.startup),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
        ("overhead.total", overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", net.checked_div(keys).unwrap_or_default()),
        ("dataset.bytes", dataset),
        ("allocator.allocated", memory.allocated),
        ("allocator.active", memory.active),
        ("allocator.resident", memory.resident),
        ("allocator-fragmentation.bytes", memory.active.saturating_sub(memory.allocated)),
        ("allocator-rss.bytes", memory.resident.saturating_sub(memory.active)),
        ("rss-overhead.bytes", memory.rss.saturating_sub(memory.resident)),
        ("fragmentation.bytes", memory.rss.saturating_sub(memory.allocated)),
    ];
    let ratios = [
        ("dataset.percentage", 100.0 * ratio(dataset, net)),
        ("peak.percentage", 100.0 * ratio(memory.allocated, peak)),
        ("allocator-fragmentation.ratio", ratio(memory.active, memory.allocated)),
        ("allocator-rss.ratio", ratio(memory.resident, memory.active)),
        ("rss-overhead.ratio", ratio(memory.rss, memory.resident)),
        ("fragmentation", ratio(memory.rss, memory.allocated)),
    ];
    cx.out.map(integers.len() + ratios.len());
    for (name, value) in integers {
        cx.out.bulk(name.as_bytes());
        cx.out.int(value as i64);
    }
    for (name, value) in ratios {
        cx.out.bulk(name.as_bytes());
        cx.out.double(value);
    }
    Ok(Reply::Written)
}

/// All databases' keys, and the bytes that they, their values and the tables take.
pub(super) fn keys_and_bytes(cx: &Ctx<'_>) -> (u64, u64) {
    let keyspace = &cx.server.keyspace;
    let (mut keys, mut bytes) = (0, 0);
    for db in (0..keyspace.databases() as u8).filter(|&db| keyspace.is_allocated(db)) {
        keys += keyspace.counts(db).0 as u64;
        let slots = crate::base::Slot::all().map(|slot| Place { db, slot });
        bytes += slots.map(|place| keyspace.with_slot(place, |slot| slot.bytes())).sum::<u64>();
    }
    (keys, bytes)
}

pub const MEMORY_DOCTOR: Command = Command::new(
    CommandSpec {
        name: "memory|doctor",
        summary: "Outputs memory problems report",
        since: "4.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..CommandSpec::BASE
    },
    memory_doctor,
);

fn memory_doctor(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let memory = cx.server.memory.load();
    let peak = cx.server.stats.peak_memory_bytes.load(Ordering::Relaxed);
    let mut findings = Vec::new();
    if memory.allocated < DOCTOR_MIN {
        findings.push("There is too little data for a diagnosis.");
    } else {
        if peak > memory.allocated / 2 * 3 {
            findings.push("Peak: far more memory was in use before than now.");
        }
        if memory.rss > memory.allocated / 5 * 7 {
            findings.push("Fragmentation: the process holds far more memory than it uses.");
        }
    }
    if findings.is_empty() {
        findings.push("Nothing to report.");
    }
    cx.out.verbatim(*b"txt", (findings.join("\n") + "\n").as_bytes());
    Ok(Reply::Written)
}

/// Below this many bytes ratios say nothing.
const DOCTOR_MIN: u64 = 5 * 1024 * 1024;

pub const MEMORY_MALLOC_STATS: Command = Command::new(
    CommandSpec {
        name: "memory|malloc-stats",
        summary: "Show allocator internal stats",
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        group: Group::Server,
        arity: Arity::Exact(2),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..CommandSpec::BASE
    },
    memory_malloc_stats,
);

fn memory_malloc_stats(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.ask(Request::MallocStats)
}

pub const MEMORY_PURGE: Command = Command::new(
    CommandSpec {
        name: "memory|purge",
        summary: "Ask the allocator to release memory",
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        group: Group::Server,
        arity: Arity::Exact(2),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..CommandSpec::BASE
    },
    memory_purge,
);

fn memory_purge(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    cx.ask(Request::PurgeMemory)
}

pub const MEMORY_HELP: Command = Command::new(
    CommandSpec {
        name: "memory|help",
        summary: "Show helpful text about the different subcommands",
        since: "4.0.0",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    memory_help,
);

fn memory_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
    "HELP",
    "    Prints this help.",
];
