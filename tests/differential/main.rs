//! Generated scripts, run on redis-server and on redpoll: every reply and everything stored must be
//! equal, and so must what both say about their commands.
//!
//! By default the same scripts run everywhere, as many of them as there is time for.
//! `REDPOLL_DIFF_SECONDS` sets how long scripts run, however many these are, `REDPOLL_DIFF_SEED`
//! where the seeds start (default 1). The scripts' grammar is read from the reference's COMMAND
//! DOCS and restricted to the commands that the server under test lists.

mod compare;
mod coverage;
mod data;
mod encodings;
mod known;
mod metadata;
mod pair;
mod restore;
mod run;
mod stories;
mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use pair::{Mismatch, Mode, Pair};
use support::script::{self, Generator, Step};
use support::{Kind, TestServer, grammar, start_oracle};

/// A test that nobody gives time to: it ends after so long, or earlier, after so many scripts. A
/// fast machine is not to find what nobody looked for.
const DEFAULT_SECONDS: u64 = 8;
const DEFAULT_SCRIPTS: u64 = 60;
/// A run of so many scripts has every command accepted at least once.
const SCRIPTS_ENOUGH: u64 = 300;

/// How far the scripts go.
#[derive(Clone, Copy)]
struct Limits {
    /// How long new ones are begun, and how many at most.
    time: Duration,
    scripts: u64,
    /// Differences after which it ends.
    findings: usize,
    /// How long a script that shows one is shortened.
    patience: Duration,
    in_cluster: bool,
}

impl Limits {
    /// More findings would mostly repeat these.
    fn seconds(seconds: u64) -> Limits {
        let (time, patience) = (Duration::from_secs(seconds), Duration::from_secs(5));
        Limits { time, scripts: u64::MAX, findings: 15, patience, in_cluster: false }
    }

    /// The time that is asked for, or the scripts that belong to every test.
    fn wanted() -> Limits {
        match number_of("REDPOLL_DIFF_SECONDS") {
            Some(seconds) => Limits::seconds(seconds),
            None => Limits { scripts: DEFAULT_SCRIPTS, ..Limits::seconds(DEFAULT_SECONDS) },
        }
    }
}

struct Finding {
    seed: u64,
    mode: Mode,
    mismatch: Mismatch,
    shortest: Vec<Step>,
}

#[test]
fn generated_scripts_have_equal_replies() {
    let Some(mut pair) = Pair::start() else { return };
    let first = number_of("REDPOLL_DIFF_SEED").unwrap_or(1);
    let (scripts, findings) = explore(&mut pair, first, Limits::wanted());
    println!("{scripts} scripts of {} steps, accepted:", script::STEPS);
    println!("{}", pair.coverage.table());
    assert!(findings.is_empty(), "{}", report(&findings));
    let never = pair.coverage.never(&pair.names);
    assert!(scripts < SCRIPTS_ENOUGH || never.is_empty(), "never accepted: {never:?}");
}

#[test]
fn generated_scripts_have_equal_replies_in_clusters() {
    let Some(mut pair) = Pair::start_clusters() else { return };
    let first = number_of("REDPOLL_DIFF_SEED").unwrap_or(1);
    let wanted = Limits::wanted();
    let limits =
        Limits { in_cluster: true, time: wanted.time / 2, scripts: wanted.scripts / 2, ..wanted };
    let (scripts, findings) = explore(&mut pair, first, limits);
    println!("{scripts} scripts of {} steps", script::STEPS);
    assert!(findings.is_empty(), "{}", report(&findings));
}

#[test]
fn the_reference_agrees_with_itself() {
    const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];
    let pair = (start_oracle(&DEBUG), start_oracle(&DEBUG));
    let (Some(reference), Some(subject)) = pair else { return };
    let mut pair = Pair::of(reference, subject);
    let limits = Limits { scripts: DEFAULT_SCRIPTS, ..Limits::seconds(3) };
    let (_, findings) = explore(&mut pair, 1, limits);
    assert!(findings.is_empty(), "{}", report(&findings));
}

#[test]
fn a_server_that_behaves_differently_is_noticed() {
    // The same program, with one threshold and one policy changed.
    let Some(reference) = start_oracle(&["--enable-debug-command", "yes"]) else { return };
    let changed = ["--hash-max-listpack-entries", "100"];
    let subject = TestServer::start_kind(Kind::Redis, &changed);
    let mut pair = Pair::of(reference, subject);
    // As long as a slow machine takes to find one and to shorten it.
    let long = Duration::from_secs(120);
    let limits = Limits { findings: 1, patience: long, ..Limits::seconds(long.as_secs()) };
    let (_, findings) = explore(&mut pair, 1, limits);
    let first = findings.first().expect("a finding");
    assert!(first.shortest.len() < script::STEPS / 10, "{}", report(&findings));
}

#[test]
fn known_differences_still_differ() {
    let Some(mut pair) = Pair::start() else { return };
    let entries = std::mem::take(&mut pair.known.entries);
    for entry in &entries {
        let words = |line: &String| -> Vec<Vec<u8>> {
            line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
        };
        let as_step = |line: &String| Step { words: words(line), how: script::How::Once };
        let steps: Vec<Step> = entry.shown_by.iter().map(as_step).collect();
        let found = pair.run(&steps, Mode::plain(2));
        let (what, because) = (&entry.differs, &entry.because);
        assert!(found.is_err(), "differs no longer, take it out of known.txt: {what} ({because})");
    }
}

/// Runs scripts of ascending seeds, at least one.
fn explore(pair: &mut Pair, first: u64, limits: Limits) -> (u64, Vec<Finding>) {
    let grammars = grammar::all(&mut pair.reference.client());
    let known: HashSet<String> = metadata::command_list(&mut pair.subject.client()).collect();
    let mut generator = Generator::new(&grammars, |name| known.contains(name));
    generator.in_cluster = limits.in_cluster;
    pair.names = generator.names();
    assert!(!pair.names.is_empty(), "COMMAND LIST names no command that scripts can use");
    let deadline = Instant::now() + limits.time;
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut seed = first;
    let goes_on = |seed| seed - first < limits.scripts && Instant::now() < deadline;
    while (goes_on(seed) || seed == first) && findings.len() < limits.findings {
        let mut mode = Mode::of(seed);
        // DEBUG is open on the reference that stands alone.
        mode.crosses &= !limits.in_cluster;
        let steps = generator.script(seed);
        if let Err(mismatch) = pair.run(&steps, mode) {
            let kind = mismatch.what.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            findings.entry(kind).or_insert_with(|| {
                let shortest = pair.shorten(&steps, &mismatch, mode, limits.patience);
                Finding { seed, mode, mismatch, shortest }
            });
        }
        seed += 1;
    }
    (seed - first, findings.into_values().collect())
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn report(findings: &[Finding]) -> String {
    let mut out = format!("{} differences from the reference\n", findings.len());
    for Finding { seed, mode, mismatch, shortest } in findings {
        let Mismatch { what, reference, subject, .. } = mismatch;
        let cut = |text: &str| text.chars().take(300).collect::<String>();
        out += &format!("\nREDPOLL_DIFF_SEED={seed} ({mode:?}): {}\n", cut(what));
        out += &format!("  reference: {}\n  redpoll:   {}\n", cut(reference), cut(subject));
        out += "  shortest script:\n";
        for step in shortest.iter().take(60) {
            out += &format!("    {}\n", cut(&step.show()));
        }
    }
    out
}
