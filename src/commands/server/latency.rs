//! LATENCY: spikes of named events, and how long commands take.

use crate::commands::{Args, Command, Ctx, Registered, Reply, Table, help};
use crate::resp::Encoder;
use crate::spec::{Arg, Arity, CmdError, CmdResult, CommandSpec, Flags, Group};
use crate::state::Stats;
use crate::state::histogram::{BUCKETS, bucket_limit};
use crate::state::latency::Spikes;

pub const LATENCY: Command = Command::new(
    CommandSpec {
        name: "latency",
        summary: "A container for latency diagnostics commands",
        since: "2.8.13",
        complexity: "Depends on subcommand.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    latency,
);

/// Only reached without a subcommand, which its arity refuses.
fn latency(_: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    Err(args.wrong_arity())
}

pub const LATENCY_LATEST: Command = Command::new(
    CommandSpec {
        name: "latency|latest",
        summary: "Return the latest latency samples for all events.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..CommandSpec::BASE
    },
    latency_latest,
);

fn latency_latest(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let events = cx.server.latency.all();
    cx.out.array(events.len());
    for (name, spikes) in events {
        let (seconds, millis) = spikes.samples.back().copied().unwrap_or_default();
        cx.out.array(4);
        cx.out.bulk(name.as_bytes());
        cx.out.int(seconds as i64);
        cx.out.int(millis as i64);
        cx.out.int(spikes.max_millis as i64);
    }
    Ok(Reply::Written)
}

pub const LATENCY_HISTORY: Command = Command::new(
    CommandSpec {
        name: "latency|history",
        summary: "Return timestamp-latency samples for the event.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("event")],
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..CommandSpec::BASE
    },
    latency_history,
);

fn latency_history(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let spikes = cx.server.latency.get(args.bytes()?).unwrap_or_default();
    cx.out.array(spikes.samples.len());
    for (seconds, millis) in spikes.samples {
        cx.out.array(2);
        cx.out.int(seconds as i64);
        cx.out.int(millis as i64);
    }
    Ok(Reply::Written)
}

pub const LATENCY_RESET: Command = Command::new(
    CommandSpec {
        name: "latency|reset",
        summary: "Reset latency data for one or more events.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("event").optional().multiple()],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..CommandSpec::BASE
    },
    latency_reset,
);

fn latency_reset(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let monitor = &cx.server.latency;
    if args.left() == 0 {
        return Ok(Reply::Int(monitor.reset(None) as i64));
    }
    let events = args.request().args().skip(2);
    Ok(Reply::Int(events.map(|event| monitor.reset(Some(event)) as i64).sum()))
}

pub const LATENCY_GRAPH: Command = Command::new(
    CommandSpec {
        name: "latency|graph",
        summary: "Return a latency graph for the event.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(3),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("event")],
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..CommandSpec::BASE
    },
    latency_graph,
);

fn latency_graph(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let event = args.bytes()?;
    let name = String::from_utf8_lossy(event);
    let spikes = cx.server.latency.get(event).ok_or_else(|| {
        CmdError::echoing(&[b"ERR No samples available for event '", event, b"'"])
    })?;
    let graph = draw(&name, &spikes, cx.now.as_secs());
    cx.out.verbatim(*b"txt", graph.as_bytes());
    Ok(Reply::Written)
}

/// Columns of the graph: the latest samples.
const GRAPH_WIDTH: usize = 80;
/// Levels a bar can have.
const GRAPH_LEVELS: u64 = 8;

/// A bar per sample, from the lowest to the highest, with how long ago each was below.
fn draw(name: &str, spikes: &Spikes, now: u64) -> String {
    let skip = spikes.samples.len().saturating_sub(GRAPH_WIDTH);
    let samples: Vec<_> = spikes.samples.iter().skip(skip).copied().collect();
    let low = samples.iter().map(|&(_, millis)| millis).min().unwrap_or_default();
    let high = samples.iter().map(|&(_, millis)| millis).max().unwrap_or_default();
    let mut graph = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        spikes.max_millis,
        "-".repeat(GRAPH_WIDTH)
    );
    let level = |millis: u64| (millis - low) * (GRAPH_LEVELS - 1) / (high - low).max(1);
    for row in (0..GRAPH_LEVELS).rev() {
        let bar = |&(_, millis): &(u64, u64)| if level(millis) >= row { '#' } else { ' ' };
        let line: String = samples.iter().map(bar).collect();
        graph.push_str(line.trim_end());
        graph.push('\n');
    }
    let ages: Vec<String> = samples.iter().map(|&(at, _)| age(now.saturating_sub(at))).collect();
    let depth = ages.iter().map(String::len).max().unwrap_or_default();
    for row in 0..depth {
        let line: String = ages.iter().map(|age| age.chars().nth(row).unwrap_or(' ')).collect();
        graph.push_str(line.trim_end());
        graph.push('\n');
    }
    graph
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

pub const LATENCY_DOCTOR: Command = Command::new(
    CommandSpec {
        name: "latency|doctor",
        summary: "Return a human readable latency analysis report.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..CommandSpec::BASE
    },
    latency_doctor,
);

fn latency_doctor(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    let threshold = cx.settings.latency_monitor_threshold.0;
    let events = cx.server.latency.all();
    let report = if threshold == 0 && events.is_empty() {
        "Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it \
         on.\n"
            .to_owned()
    } else if events.is_empty() {
        format!("No event took {threshold} milliseconds or more.\n")
    } else {
        events.iter().map(|(name, spikes)| diagnose(name, spikes)).collect()
    };
    cx.out.verbatim(*b"txt", report.as_bytes());
    Ok(Reply::Written)
}

fn diagnose(name: &str, spikes: &Spikes) -> String {
    let count = spikes.samples.len() as u64;
    let total: u64 = spikes.samples.iter().map(|&(_, millis)| millis).sum();
    let (first, _) = spikes.samples.front().copied().unwrap_or_default();
    let (last, _) = spikes.samples.back().copied().unwrap_or_default();
    format!(
        "{name}: {count} spikes within {} seconds, average {} ms, worst ever {} ms. SLOWLOG GET \
         shows which commands took long.\n",
        last - first,
        total / count.max(1),
        spikes.max_millis
    )
}

pub const LATENCY_HISTOGRAM: Command = Command::new(
    CommandSpec {
        name: "latency|histogram",
        summary: "Return the cumulative distribution of latencies of a subset of commands \
            or all.",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands with latency information being \
            retrieved.",
        group: Group::Server,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::LOADING).union(Flags::STALE),
        args: &[Arg::string("command").optional().multiple()],
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..CommandSpec::BASE
    },
    latency_histogram,
);

fn latency_histogram(cx: &mut Ctx<'_>, args: &mut Args<'_>) -> CmdResult<Reply> {
    let table = Table::get();
    let mut named: Vec<&Registered> = Vec::new();
    if args.left() == 0 {
        named.extend(table.all());
    }
    while args.left() > 0 {
        // A container stands for all its subcommands.
        if let Some(command) = table.find_full(args.bytes()?) {
            named.push(command);
            named.extend(command.subcommands.iter().filter_map(|&sub| table.by_index(sub)));
        }
    }
    let counted = named.into_iter().filter_map(|command| {
        let counts = counts_of(&cx.server.stats, command.index);
        (counts.iter().any(|&count| count > 0)).then_some((command, counts))
    });
    let counted: Vec<_> = counted.collect();
    cx.out.map(counted.len());
    for (command, counts) in &counted {
        cx.out.bulk(command.spec.name.as_bytes());
        write_histogram(cx.out, counts);
    }
    Ok(Reply::Written)
}

/// A command's latencies over all workers.
pub(super) fn counts_of(stats: &Stats, index: usize) -> [u64; BUCKETS] {
    let mut counts = [0; BUCKETS];
    for worker in stats.workers() {
        if let Some(histogram) = worker.by_command[index].latency.get() {
            histogram.add_to(&mut counts);
        }
    }
    counts
}

/// Cumulative counts up to each power of two of microseconds that adds some.
fn write_histogram(out: &mut Encoder, counts: &[u64; BUCKETS]) {
    let total: u64 = counts.iter().sum();
    let mut points: Vec<(u64, u64)> = Vec::new();
    let (mut seen, mut limit) = (0, 1);
    for (bucket, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let micros = bucket_limit(bucket).div_ceil(1000);
        while limit < micros {
            limit *= 2;
        }
        seen += count;
        match points.last_mut() {
            Some((last, cumulated)) if *last == limit => *cumulated = seen,
            _ => points.push((limit, seen)),
        }
    }
    out.map(2);
    out.bulk(b"calls");
    out.int(total as i64);
    out.bulk(b"histogram_usec");
    out.map(points.len());
    for (limit, cumulated) in points {
        out.int(limit as i64);
        out.int(cumulated as i64);
    }
}

pub const LATENCY_HELP: Command = Command::new(
    CommandSpec {
        name: "latency|help",
        summary: "Show helpful text about the different subcommands.",
        since: "2.8.13",
        complexity: "O(1)",
        group: Group::Server,
        arity: Arity::Exact(2),
        flags: Flags::LOADING.union(Flags::STALE),
        ..CommandSpec::BASE
    },
    latency_help,
);

fn latency_help(cx: &mut Ctx<'_>, _: &mut Args<'_>) -> CmdResult<Reply> {
    help::write(cx.out, HELP);
    Ok(Reply::Written)
}

const HELP: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the \
     specified command names.",
    "    If no commands are specified then all histograms are replied.",
    "HELP",
    "    Prints this help.",
];
