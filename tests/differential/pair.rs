//! Two servers that are given the same scripts: the reference and the one under test.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use support::{Kind, TestCluster, TestServer, start_oracle};

use crate::coverage::Coverage;
use crate::known::Known;
use crate::run::Run;
use support::script::Step;

pub struct Pair {
    pub reference: TestServer,
    pub subject: TestServer,
    pub known: Known,
    pub coverage: Coverage,
    /// The subject fell silent: it is started anew before it is asked again.
    silent: bool,
    /// The commands that are counted.
    pub names: BTreeSet<String>,
}

/// What is said of a subject that does not reply.
const BROKEN: &str = "the connection broke";

/// How long a script is shortened that broke the subject.
const BROKEN_PATIENCE: Duration = Duration::from_secs(240);

/// How a script is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub protocol: u8,
    /// Keys are chosen for eviction by how often they are used, so that OBJECT FREQ answers.
    pub counts_uses: bool,
    /// Somebody listens to all keyspace notifications, which are compared, too.
    pub listens: bool,
    /// At the end each server reads the other's DUMP payloads.
    pub crosses: bool,
}

/// Where two servers parted.
#[derive(Clone, Debug)]
pub struct Mismatch {
    pub step: usize,
    pub what: String,
    pub reference: String,
    pub subject: String,
}

impl Mode {
    /// The mode of a seed: each part in turn.
    pub fn of(seed: u64) -> Mode {
        Mode {
            protocol: if seed.is_multiple_of(2) { 3 } else { 2 },
            counts_uses: seed % 8 == 3,
            listens: seed % 3 == 1,
            crosses: seed % 4 == 2,
        }
    }

    pub fn plain(protocol: u8) -> Mode {
        Mode { protocol, counts_uses: false, listens: false, crosses: false }
    }
}

impl Pair {
    /// `None` if tests are to run without the reference.
    #[must_use]
    pub fn start() -> Option<Pair> {
        let reference = start_oracle(&["--enable-debug-command", "yes"])?;
        Some(Pair::of(reference, TestServer::start(&["--enable-debug-command", "yes"])))
    }

    /// Two clusters of one node each, which has all slots.
    #[must_use]
    pub fn start_clusters() -> Option<Pair> {
        drop(start_oracle(&[])?);
        let one = |kind| TestCluster::of(&[kind]).nodes.remove(0);
        Some(Pair::of(one(Kind::Redis), one(Kind::Redpoll)))
    }

    #[must_use]
    pub fn of(reference: TestServer, subject: TestServer) -> Pair {
        Pair {
            reference,
            subject,
            known: Known::read(include_str!("known.txt")),
            coverage: Coverage::default(),
            silent: false,
            names: BTreeSet::new(),
        }
    }

    /// Runs a script on both, from empty databases; compares each reply, then all that is stored.
    ///
    /// # Errors
    /// The first difference that `known.txt` does not explain.
    pub fn run(&mut self, steps: &[Step], mode: Mode) -> Result<(), Mismatch> {
        let found = self.try_run(steps, mode);
        self.silent = found.as_ref().is_err_and(|found| found.subject.starts_with(BROKEN));
        found
    }

    fn try_run(&mut self, steps: &[Step], mode: Mode) -> Result<(), Mismatch> {
        if self.subject.is_gone() || std::mem::take(&mut self.silent) {
            self.subject.kill();
            self.subject.restart();
        }
        let mut run = Run::begin(self, mode).map_err(|error| closed(0, "beginning", &error))?;
        for (index, step) in steps.iter().enumerate() {
            let found = run.compared(step).map_err(|error| closed(index, &step.show(), &error))?;
            if let Some((reference, subject)) = found {
                return Err(Mismatch { step: index, what: step.show(), reference, subject });
            }
        }
        let found =
            run.compare_data().map_err(|error| closed(steps.len(), "at the end", &error))?;
        match found {
            Some((what, (reference, subject))) => {
                let what = format!("{what} (afterwards)");
                Err(Mismatch { step: usize::MAX - 1, what, reference, subject })
            }
            None => Ok(()),
        }
    }

    /// A shorter script that still fails, found by leaving steps out for so long, or for four
    /// minutes if the subject broke.
    pub fn shorten(
        &mut self,
        steps: &[Step],
        failed: &Mismatch,
        mode: Mode,
        patience: Duration,
    ) -> Vec<Step> {
        let is_broken = failed.subject.starts_with(BROKEN);
        let patience = if is_broken { patience.max(BROKEN_PATIENCE) } else { patience };
        let deadline = Instant::now() + patience;
        let mut shortest = steps[..steps.len().min(failed.step + 1)].to_vec();
        let mut chunk = shortest.len() / 2;
        while chunk > 0 {
            let mut from = 0;
            while from < shortest.len() && Instant::now() < deadline {
                let mut without = shortest.clone();
                without.drain(from..(from + chunk).min(shortest.len()));
                match self.run(&without, mode) {
                    Err(found) if found.what == failed.what => shortest = without,
                    _ => from += chunk,
                }
            }
            chunk /= 2;
        }
        shortest
    }
}

fn closed(step: usize, what: &str, error: &io::Error) -> Mismatch {
    let subject = format!("{BROKEN}: {error}");
    Mismatch { step, what: what.into(), reference: "a reply".into(), subject }
}
