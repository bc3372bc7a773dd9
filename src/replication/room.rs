//! How far a replica may be behind its primary, and how much of the log is kept for one that was
//! cut off because it was further.
//!
//! `client-output-buffer-limit replica` cuts off a replica that does not keep up, so that the log
//! does not grow without end. Counted as for other clients it would do harm: a replica that takes
//! a full copy, or comes back to what it has missed, would be over it from the start, be cut off,
//! and begin again, for ever. So what counts is how much a replica has lost since it was closest; a
//! copy may take as long as it takes to write as many bytes as the dataset has; and what a replica
//! that was cut off needs to go on is kept for a while.

use crate::base::Millis;

/// Kept for a replica that gets a copy or was cut off, however low the limit is.
const KEPT_MIN: u64 = 128 << 20;
/// The limit's multiple beyond which nothing is kept, unless the dataset is larger.
const MULTIPLE_MAX: u64 = 4;
/// As good as no limit.
const UNLIMITED: u64 = 1 << 62;

/// What bounds a replica's lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes; zero is no limit.
    pub hard: u64,
    /// Bytes that it may be behind for `soft_for`; zero is no limit.
    pub soft: u64,
    pub soft_for: Millis,
    /// These are kept anyway, so a lower limit would save nothing.
    pub backlog: u64,
    /// Bytes of the dataset.
    pub dataset: u64,
}

impl Limits {
    fn step(&self) -> u64 {
        self.hard.max(self.backlog)
    }

    /// Bytes beyond the backlog that are kept for one replica at most.
    #[must_use]
    pub fn kept_max(&self) -> u64 {
        match self.hard {
            0 => UNLIMITED,
            _ => self.step().saturating_mul(MULTIPLE_MAX).max(self.dataset).max(KEPT_MIN),
        }
    }

    /// Bytes beyond the backlog that are kept for a replica that was cut off when it was so far
    /// `behind`.
    #[must_use]
    pub fn kept_for_parted(&self, behind: u64) -> u64 {
        let step = self.step().max(self.soft);
        behind.saturating_add(step).max(KEPT_MIN).min(self.kept_max())
    }
}

/// Watches how far one replica is behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// The least it has been behind since its stream began; `None` as long as it has not, since
    /// the replica gets a copy first.
    closest: Option<u64>,
    over_soft_since: Option<Millis>,
}

impl Lag {
    /// Its stream begins, so many bytes from the end.
    #[must_use]
    pub fn of_stream(behind: u64) -> Lag {
        Lag { closest: Some(behind), over_soft_since: None }
    }

    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.closest.is_some()
    }

    /// It is so many bytes behind now. To be told whenever it has come closer.
    pub fn note(&mut self, behind: u64) {
        if let Some(closest) = &mut self.closest {
            *closest = (*closest).min(behind);
        }
    }

    /// Whether a replica that is so many bytes behind now is to be cut off. To be asked regularly.
    pub fn is_too_much(&mut self, now: Millis, behind: u64, limits: &Limits) -> bool {
        let has_hard = limits.hard > 0;
        self.note(behind);
        let Some(closest) = self.closest else {
            return has_hard && behind > limits.step().max(limits.dataset).max(KEPT_MIN);
        };
        let lost = behind - closest;
        let is_over_soft = limits.soft > 0 && lost > limits.soft;
        self.over_soft_since = is_over_soft.then(|| self.over_soft_since.unwrap_or(now));
        let too_long = |since| now.since(since) > limits.soft_for;
        has_hard && lost > limits.step() || self.over_soft_since.is_some_and(too_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const LIMITS: Limits = Limits {
        hard: 10 * MB,
        soft: 4 * MB,
        soft_for: Millis(5_000),
        backlog: MB,
        dataset: 300 * MB,
    };

    /// Asks each second about a replica that is so many megabytes behind; when it is cut off.
    fn cut_off(mut lag: Lag, limits: &Limits, behind: &[u64]) -> Option<usize> {
        let mut asked = behind.iter().enumerate();
        let found = asked.find(|&(second, &behind)| {
            lag.is_too_much(Millis(1_000 * second as u64), behind * MB, limits)
        });
        found.map(|(second, _)| second)
    }

    #[test]
    fn a_replica_that_loses_ground_is_cut_off() {
        let stream = |behind: &[u64]| cut_off(Lag::of_stream(0), &LIMITS, behind);
        assert_eq!(stream(&[0, 3, 10, 4, 0]), None);
        assert_eq!(stream(&[0, 11]), Some(1));
        assert_eq!(stream(&[0, 5, 5, 5, 5, 5, 5]), None, "for five seconds it may");
        assert_eq!(stream(&[0, 5, 5, 5, 5, 5, 5, 5]), Some(7));
        assert_eq!(stream(&[0, 5, 5, 5, 3, 5, 5, 5, 5, 5]), None);
        assert_eq!(stream(&[11]), Some(0), "as soon as it is looked at");
    }

    #[test]
    fn a_replica_that_comes_back_is_not_cut_off_for_what_it_had_missed() {
        let stream = |behind: &[u64]| cut_off(Lag::of_stream(25 * MB), &LIMITS, behind);
        assert_eq!(stream(&[25, 24, 22, 23, 21, 20, 19, 18, 17, 16, 15]), None);
        assert_eq!(stream(&[25; 20]), None);
        assert_eq!(stream(&[25, 20, 31]), Some(2), "it has lost more than it may");
        assert_eq!(stream(&[20, 0, 11]), Some(2), "it had caught up");
        let mut caught_up = Lag::of_stream(25 * MB);
        caught_up.note(0);
        assert_eq!(cut_off(caught_up, &LIMITS, &[11]), Some(0), "between two looks");
    }

    #[test]
    fn a_copy_may_take_as_long_as_it_takes_to_write_the_dataset_anew() {
        let copy = |behind: &[u64]| cut_off(Lag::default(), &LIMITS, behind);
        assert_eq!(copy(&[0, 11, 200, 300, 300, 300, 300, 300, 300, 300]), None);
        assert_eq!(copy(&[0, 301]), Some(1));
        let small = Limits { dataset: MB, ..LIMITS };
        assert_eq!(cut_off(Lag::default(), &small, &[0, 128]), None);
        assert_eq!(cut_off(Lag::default(), &small, &[0, 129]), Some(1));
    }

    #[test]
    fn without_a_hard_limit_nothing_is_cut_off_at_once() {
        let limits = Limits { hard: 0, ..LIMITS };
        assert_eq!(cut_off(Lag::default(), &limits, &[0, 1 << 20]), None);
        assert_eq!(cut_off(Lag::of_stream(0), &limits, &[1 << 20]), None);
        assert_eq!(cut_off(Lag::of_stream(0), &limits, &[0, 5, 5, 5, 5, 5, 5, 5]), Some(7));
        let none = Limits { soft: 0, ..limits };
        assert_eq!(cut_off(Lag::of_stream(0), &none, &[1 << 20; 100]), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let of = |hard, dataset| Limits { hard, dataset, ..LIMITS };
        assert_eq!(of(100 * MB, 0).kept_max(), 400 * MB);
        assert_eq!(of(100 * MB, 900 * MB).kept_max(), 900 * MB);
        assert_eq!(of(MB, 0).kept_max(), 128 * MB);
        assert_eq!(of(0, 0).kept_max(), UNLIMITED);
        assert_eq!(of(100 * MB, 0).kept_for_parted(110 * MB), 210 * MB);
        assert_eq!(of(100 * MB, 0).kept_for_parted(350 * MB), 400 * MB);
        assert_eq!(of(MB, 0).kept_for_parted(2 * MB), 128 * MB);
    }
}
