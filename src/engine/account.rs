//! What is written down after a group has run: calls and times of its commands, the slow log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::plan::Step;
use crate::base::Millis;
use crate::commands::{Effects, Registered};
use crate::config::Settings;
use crate::spec::Flags;
use crate::state::slowlog::trim_args;
use crate::state::{Client, Histogram, Server, SlowEntry, WorkerStats};

/// What is written down after a group has run.
pub(super) struct Account<'a> {
    pub server: &'a Server,
    pub settings: &'a Settings,
    pub now: Millis,
    pub client: &'a Client,
}

impl Account<'_> {
    pub(super) fn group(
        &self,
        stats: &WorkerStats,
        steps: &[Step<'_>],
        effects: &Effects,
        elapsed: Duration,
    ) {
        let nanos = elapsed.as_nanos() as u64 / steps.len().max(1) as u64;
        for &index in &effects.inner {
            stats.by_command[index].calls.add(1);
            stats.by_command[index]
                .nanos
                .add(elapsed.as_nanos() as u64 / effects.inner.len() as u64);
        }
        // Runs of the same command are counted in one go: usually the whole group is one.
        let mut rest =
            steps.iter().filter(|step| step.called).filter_map(|step| step.command).peekable();
        while let Some(command) = rest.next() {
            let mut count = 1;
            while rest.next_if(|next| next.index == command.index).is_some() {
                count += 1;
            }
            let command_stats = &stats.by_command[command.index];
            command_stats.calls.add(count);
            command_stats.nanos.add(nanos * count);
            if self.settings.latency_tracking {
                let histogram = command_stats.latency.get_or_init(Histogram::default);
                histogram.record(nanos, count as u32);
            }
        }
        if let Some(command) = steps.last().and_then(|step| step.command) {
            self.client.shared.last_command.store(command.index as u32, Ordering::Relaxed);
        }
        self.client.shared.last_active.store(self.now.0, Ordering::Relaxed);
        let micros = nanos / 1000;
        let threshold = self.settings.slowlog_log_slower_than;
        if threshold >= 0 && micros >= threshold as u64 {
            steps.iter().for_each(|step| self.log_slow(step, &effects.secrets, micros));
        }
        let spike = self.settings.latency_monitor_threshold.0;
        if spike > 0 && micros / 1000 >= spike {
            let fast = steps.iter().filter_map(|step| step.command).all(is_fast);
            let event = if fast { "fast-command" } else { "command" };
            self.server.latency.record(event, self.now.as_secs(), micros / 1000);
        }
    }

    #[cold]
    fn log_slow(&self, step: &Step<'_>, secrets: &[usize], micros: u64) {
        let Some(command) = step.command else {
            return;
        };
        if command.flags.contains(Flags::SKIP_SLOWLOG) || !step.called {
            return;
        }
        let shared = &self.client.shared;
        let entry = SlowEntry {
            id: 0,
            unix_seconds: self.now.as_secs(),
            micros,
            args: trim_args(step.request.args(), secrets),
            peer: shared.peer.clone(),
            client_name: shared.details.lock().name.clone(),
        };
        self.server.slowlog.add(entry, self.settings.slowlog_max_len as usize);
    }
}

fn is_fast(command: &'static Registered) -> bool {
    command.flags.contains(Flags::FAST)
}
