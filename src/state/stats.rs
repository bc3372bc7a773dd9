//! What was counted since the start or the last CONFIG RESETSTAT.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Histogram;

/// Distinct error codes counted; Redis stops at this number, too, lest scripts fill the memory.
const ERROR_CODES_MAX: usize = 128;

/// A counter with one writing thread: an increment is a plain load and store, never a locked one.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// One command's counters on one worker.
#[derive(Debug, Default)]
pub struct CommandStats {
    pub calls: Counter,
    pub nanos: Counter,
    /// Refused before it ran.
    pub rejected: Counter,
    /// Ran and answered an error.
    pub failed: Counter,
    pub latency: std::sync::OnceLock<Histogram>,
}

/// One worker's counters. Aligned so that two workers never share a line.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    pub commands: Counter,
    pub hits: Counter,
    pub misses: Counter,
    pub expired_keys: Counter,
    pub net_in_bytes: Counter,
    pub net_out_bytes: Counter,
    pub reads: Counter,
    pub writes: Counter,
    pub dirty: Counter,
    pub errors: Counter,
    /// Indexed by the command's number in the command table.
    pub by_command: Box<[CommandStats]>,
}

impl WorkerStats {
    fn new(commands: usize) -> WorkerStats {
        WorkerStats {
            commands: Counter::default(),
            hits: Counter::default(),
            misses: Counter::default(),
            expired_keys: Counter::default(),
            net_in_bytes: Counter::default(),
            net_out_bytes: Counter::default(),
            reads: Counter::default(),
            writes: Counter::default(),
            dirty: Counter::default(),
            errors: Counter::default(),
            by_command: (0..commands).map(|_| CommandStats::default()).collect(),
        }
    }

    /// Begins to count anew.
    pub fn reset(&self) {
        // `dirty` is not a statistic: it counts changes since the last save.
        let plain = [
            &self.commands,
            &self.hits,
            &self.misses,
            &self.expired_keys,
            &self.net_in_bytes,
            &self.net_out_bytes,
            &self.reads,
            &self.writes,
            &self.errors,
        ];
        plain.into_iter().for_each(Counter::reset);
        for command in &self.by_command {
            command.calls.reset();
            command.nanos.reset();
            command.rejected.reset();
            command.failed.reset();
            if let Some(latency) = command.latency.get() {
                latency.reset();
            }
        }
    }
}

/// Everything that was counted.
#[derive(Debug)]
pub struct Stats {
    workers: Box<[WorkerStats]>,
    pub connections_received: AtomicU64,
    pub connections_rejected: AtomicU64,
    pub client_query_buffer_limit_disconnections: AtomicU64,
    pub client_output_buffer_limit_disconnections: AtomicU64,
    pub acl_access_denied_auth: AtomicU64,
    pub acl_access_denied_cmd: AtomicU64,
    pub acl_access_denied_key: AtomicU64,
    pub acl_access_denied_channel: AtomicU64,
    pub net_repl_in_bytes: AtomicU64,
    pub net_repl_out_bytes: AtomicU64,
    pub sync_full: AtomicU64,
    pub sync_partial_ok: AtomicU64,
    pub sync_partial_err: AtomicU64,
    /// Commands from the primary or the append-only file that failed.
    pub unexpected_errors: AtomicU64,
    pub evicted_keys: AtomicU64,
    pub evicted_clients: AtomicU64,
    pub lazyfreed_objects: AtomicU64,
    pub lazyfree_pending_objects: AtomicU64,
    pub peak_memory_bytes: AtomicU64,
    pub rates: Mutex<Rates>,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Stats {
    /// For `workers` threads that touch keys and a table of `commands` commands.
    #[must_use]
    pub fn new(workers: usize, commands: usize) -> Stats {
        Stats {
            workers: (0..workers).map(|_| WorkerStats::new(commands)).collect(),
            connections_received: AtomicU64::default(),
            connections_rejected: AtomicU64::default(),
            client_query_buffer_limit_disconnections: AtomicU64::default(),
            client_output_buffer_limit_disconnections: AtomicU64::default(),
            acl_access_denied_auth: AtomicU64::default(),
            acl_access_denied_cmd: AtomicU64::default(),
            acl_access_denied_key: AtomicU64::default(),
            acl_access_denied_channel: AtomicU64::default(),
            net_repl_in_bytes: AtomicU64::default(),
            net_repl_out_bytes: AtomicU64::default(),
            sync_full: AtomicU64::default(),
            sync_partial_ok: AtomicU64::default(),
            sync_partial_err: AtomicU64::default(),
            unexpected_errors: AtomicU64::default(),
            evicted_keys: AtomicU64::default(),
            evicted_clients: AtomicU64::default(),
            lazyfreed_objects: AtomicU64::default(),
            lazyfree_pending_objects: AtomicU64::default(),
            peak_memory_bytes: AtomicU64::default(),
            rates: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    #[inline]
    #[must_use]
    pub fn worker(&self, index: usize) -> &WorkerStats {
        &self.workers[index]
    }

    #[must_use]
    pub fn workers(&self) -> &[WorkerStats] {
        &self.workers
    }

    /// A counter summed over all workers.
    #[must_use]
    pub fn sum(&self, counter: impl Fn(&WorkerStats) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| counter(worker).get()).fold(0, u64::wrapping_add)
    }

    /// Counts an error reply under its code, the first word of its text.
    pub fn count_error(&self, text: &str) {
        let code = text.split(' ').next().unwrap_or_default();
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// Every error code with its count, by code.
    #[must_use]
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, &count)| (code.clone(), count)).collect()
    }

    /// CONFIG RESETSTAT. A count that its worker is just writing may survive.
    pub fn reset(&self) {
        self.workers.iter().for_each(WorkerStats::reset);
        let shared = [
            &self.connections_received,
            &self.connections_rejected,
            &self.client_query_buffer_limit_disconnections,
            &self.client_output_buffer_limit_disconnections,
            &self.acl_access_denied_auth,
            &self.acl_access_denied_cmd,
            &self.acl_access_denied_key,
            &self.acl_access_denied_channel,
            &self.net_repl_in_bytes,
            &self.net_repl_out_bytes,
            &self.sync_full,
            &self.sync_partial_ok,
            &self.sync_partial_err,
            &self.unexpected_errors,
            &self.evicted_keys,
            &self.evicted_clients,
            &self.lazyfreed_objects,
        ];
        shared.into_iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.errors.lock().clear();
        *self.rates.lock() = Rates::default();
    }
}

/// Samples of ever-growing counters, averaged to the "instantaneous" figures of INFO.
#[derive(Debug, Default)]
pub struct Rates {
    pub operations: Rate,
    pub net_in_bytes: Rate,
    pub net_out_bytes: Rate,
}

/// The mean rate over the latest samples.
#[derive(Debug, Default)]
pub struct Rate {
    last: Option<(u64, u64)>,
    per_second: [u64; Rate::SAMPLES],
    next: usize,
}

impl Rate {
    const SAMPLES: usize = 16;

    /// Notes that the counter stood at `value` at time `millis`.
    pub fn sample(&mut self, value: u64, millis: u64) {
        if let Some((last_value, last_millis)) = self.last {
            let elapsed = millis.saturating_sub(last_millis);
            if elapsed == 0 {
                return;
            }
            let gained = value.saturating_sub(last_value);
            self.per_second[self.next] = gained.saturating_mul(1000) / elapsed;
            self.next = (self.next + 1) % Rate::SAMPLES;
        }
        self.last = Some((value, millis));
    }

    #[must_use]
    pub fn per_second(&self) -> u64 {
        self.per_second.iter().sum::<u64>() / Rate::SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_counter_has_a_steady_rate() {
        let mut rate = Rate::default();
        (0..=16).for_each(|tick| rate.sample(tick * 50, tick * 100));
        assert_eq!(rate.per_second(), 500);
    }

    #[test]
    fn errors_are_counted_by_code_up_to_a_bound() {
        let stats = Stats::new(1, 0);
        (0..1000).for_each(|n| stats.count_error(&format!("E{n} text")));
        stats.count_error("E5 other");
        assert_eq!(stats.errors().len(), ERROR_CODES_MAX);
        assert!(stats.errors().contains(&("E5".to_owned(), 2)));
        stats.reset();
        assert!(stats.errors().is_empty());
    }
}
