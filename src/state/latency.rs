//! The latency monitor: spikes of named events, as LATENCY LATEST and LATENCY HISTORY show them.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

/// Samples kept per event, as many as Redis keeps.
const HISTORY_LEN: usize = 160;

/// One event's recent spikes, at most one a second (the worst of that second).
#[derive(Clone, Debug, Default)]
pub struct Spikes {
    /// (Unix seconds, milliseconds), oldest first.
    pub samples: VecDeque<(u64, u64)>,
    /// The worst ever seen, in milliseconds.
    pub max_millis: u64,
}

/// All events that ever spiked. Event names are constants of ours, so their number is bounded.
#[derive(Debug, Default)]
pub struct LatencyMonitor(Mutex<BTreeMap<&'static str, Spikes>>);

impl LatencyMonitor {
    /// Records that `event` took `millis` at `unix_seconds`. The caller has checked the threshold.
    pub fn record(&self, event: &'static str, unix_seconds: u64, millis: u64) {
        let mut events = self.0.lock();
        let spikes = events.entry(event).or_default();
        spikes.max_millis = spikes.max_millis.max(millis);
        match spikes.samples.back_mut() {
            Some((second, worst)) if *second == unix_seconds => *worst = (*worst).max(millis),
            _ => {
                if spikes.samples.len() == HISTORY_LEN {
                    spikes.samples.pop_front();
                }
                spikes.samples.push_back((unix_seconds, millis));
            }
        }
    }

    /// Every event with its spikes, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, Spikes)> {
        self.0.lock().iter().map(|(&name, spikes)| (name, spikes.clone())).collect()
    }

    #[must_use]
    pub fn get(&self, event: &[u8]) -> Option<Spikes> {
        let events = self.0.lock();
        events.iter().find(|(name, _)| name.as_bytes() == event).map(|(_, spikes)| spikes.clone())
    }

    /// Forgets `event`, or every event; the number forgotten.
    pub fn reset(&self, event: Option<&[u8]>) -> usize {
        let mut events = self.0.lock();
        let before = events.len();
        events.retain(|name, _| event.is_some_and(|wanted| wanted != name.as_bytes()));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_a_second_keeps_the_worst() {
        let monitor = LatencyMonitor::default();
        monitor.record("command", 10, 5);
        monitor.record("command", 10, 9);
        monitor.record("command", 11, 2);
        let spikes = monitor.get(b"command").expect("recorded");
        assert_eq!(spikes.samples, [(10, 9), (11, 2)]);
        assert_eq!(spikes.max_millis, 9);
        assert_eq!(monitor.reset(Some(b"other")), 0);
        assert_eq!(monitor.reset(None), 1);
    }
}
