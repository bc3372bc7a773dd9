//! What is written down after a group has run: calls and times of its commands, the slow log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::plan::Step;
use crate::base::Millis;
use crate::commands::{Effects, Inner, Registered, Table};
use crate::config::Settings;
use crate::resp::RawRequest;
use crate::spec::Flags;
use crate::state::slowlog::trim_args;
use crate::state::transaction::Transaction;
use crate::state::{ClientShared, Histogram, Server, SlowEntry, WorkerStats};

/// What is written down after a group has run.
pub(super) struct Account<'a> {
    pub server: &'a Server,
    pub settings: &'a Settings,
    pub now: Millis,
    pub shared: &'a ClientShared,
}

impl Account<'_> {
    /// What a group ran. How long a command takes that `waits` shows when it is served.
    pub(super) fn group(
        &self,
        stats: &WorkerStats,
        (steps, waits): (&[Step<'_>], bool),
        effects: &Effects,
        elapsed: Duration,
    ) {
        let nanos = elapsed.as_nanos() as u64 / steps.len().max(1) as u64;
        // Runs of the same command are counted in one go: usually the whole group is one.
        let mut rest =
            steps.iter().filter(|step| step.called).filter_map(|step| step.command).peekable();
        while let Some(command) = rest.next() {
            let mut count = 1;
            while rest.next_if(|next| next.index == command.index).is_some() {
                count += 1;
            }
            stats.by_command[command.index].calls.add(count);
            if !waits {
                self.time(stats, command, nanos, count);
            }
        }
        if let Some(command) = steps.last().and_then(|step| step.command) {
            self.shared.last_command.store(command.index as u32, Ordering::Relaxed);
        }
        self.shared.last_active.store(self.now.0, Ordering::Relaxed);
        if self.is_slow(nanos) && !waits {
            let called = steps.iter().filter(|step| step.called);
            for (command, request) in called.filter_map(|it| Some((it.command?, it.request))) {
                self.log_slow(command, request, &effects.secrets, nanos);
            }
        }
        if self.is_spike(nanos) && !waits {
            let fast = steps.iter().filter_map(|step| step.command).all(is_fast);
            self.note_spike(fast, nanos);
        }
    }

    /// A command that was run again, for one who waited.
    pub(super) fn served(
        &self,
        stats: &WorkerStats,
        command: &Registered,
        request: RawRequest<'_>,
        elapsed: Duration,
    ) {
        self.alone(stats, command, (request, &[]), elapsed.as_nanos() as u64);
    }

    /// What a transaction ran, each command by itself.
    pub(super) fn transaction(&self, stats: &WorkerStats, run: &Transaction, inner: &[Inner]) {
        for Inner { at, took, secrets } in inner {
            let queued = &run.queued[*at];
            let command = Table::get().by_index(queued.command);
            let command = command.expect("it was queued by its number");
            let nanos = took.as_nanos() as u64;
            stats.by_command[command.index].calls.add(1);
            self.alone(stats, command, (queued.request.as_raw(), secrets), nanos);
        }
    }

    /// The time of one command.
    fn alone(
        &self,
        stats: &WorkerStats,
        command: &Registered,
        (request, secrets): (RawRequest<'_>, &[usize]),
        nanos: u64,
    ) {
        self.time(stats, command, nanos, 1);
        if self.is_slow(nanos) {
            self.log_slow(command, request, secrets, nanos);
        }
        if self.is_spike(nanos) {
            self.note_spike(is_fast(command), nanos);
        }
    }

    /// Adds up so many calls that took `nanos` each.
    #[inline]
    fn time(&self, stats: &WorkerStats, command: &Registered, nanos: u64, count: u64) {
        let stats = &stats.by_command[command.index];
        stats.nanos.add(nanos * count);
        if self.settings.latency_tracking {
            let histogram = stats.latency.get_or_init(Histogram::default);
            histogram.record(nanos, count as u32);
        }
    }

    #[inline]
    fn is_slow(&self, nanos: u64) -> bool {
        u64::try_from(self.settings.slowlog_log_slower_than)
            .is_ok_and(|least| nanos / 1000 >= least)
    }

    #[inline]
    fn is_spike(&self, nanos: u64) -> bool {
        let least = self.settings.latency_monitor_threshold.0;
        least > 0 && nanos / 1_000_000 >= least
    }

    #[cold]
    fn note_spike(&self, fast: bool, nanos: u64) {
        let event = if fast { "fast-command" } else { "command" };
        self.server.latency.record(event, self.now.as_secs(), nanos / 1_000_000);
    }

    #[cold]
    fn log_slow(
        &self,
        command: &Registered,
        request: RawRequest<'_>,
        secrets: &[usize],
        nanos: u64,
    ) {
        if command.flags.contains(Flags::SKIP_SLOWLOG) {
            return;
        }
        let entry = SlowEntry {
            id: 0,
            unix_seconds: self.now.as_secs(),
            micros: nanos / 1000,
            args: trim_args(request.args(), secrets),
            peer: self.shared.peer.clone(),
            client_name: self.shared.details.lock().name.clone(),
        };
        self.server.slowlog.add(entry, self.settings.slowlog_max_len as usize);
    }
}

fn is_fast(command: &Registered) -> bool {
    command.flags.contains(Flags::FAST)
}
