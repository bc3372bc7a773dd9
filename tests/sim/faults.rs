//! Which faults a run has, and how often: drawn per seed, so that every mixture occurs.

use redpoll::base::{Millis, Rng};

/// Rates are per second and node unless they say otherwise.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Longest delay of a frame.
    pub delay_max: Millis,
    /// Chance per frame that it is lost, and its connection with it.
    pub break_link: f64,
    /// New partition per second, for the whole cluster.
    pub partition: f64,
    pub partition_max: Millis,
    /// Only one direction of the partition is cut.
    pub one_way: bool,
    pub crash: f64,
    /// Chance per step that the process ends between two of its actions.
    pub crash_between_actions: f64,
    pub power_fails: bool,
    pub downtime_max: Millis,
    /// A node that stops for a while and goes on as if nothing had happened.
    pub pause: f64,
    pub clock_jump: f64,
    pub clock_jump_max: Millis,
    /// A restarted node has another address.
    pub address_changes: bool,
    /// Every other restart is one without data.
    pub loses_data: bool,
}

impl Faults {
    pub fn none() -> Faults {
        Faults {
            delay_max: Millis(5),
            break_link: 0.0,
            partition: 0.0,
            partition_max: Millis(0),
            one_way: false,
            crash: 0.0,
            crash_between_actions: 0.0,
            power_fails: false,
            downtime_max: Millis(0),
            pause: 0.0,
            clock_jump: 0.0,
            clock_jump_max: Millis(0),
            address_changes: false,
            loses_data: false,
        }
    }

    /// Each kind of fault is there or not, at a rate of its own.
    pub fn swarm(seed: u64) -> Faults {
        let mut rng = Rng::from_seed(seed);
        let mut rate = |highest: f64| {
            let share = (rng.below(1000) as f64 + 1.0) / 1000.0;
            if rng.chance(0.5) { highest * share } else { 0.0 }
        };
        let (break_link, partition, crash) = (rate(0.01), rate(0.3), rate(0.05));
        let (crash_between_actions, pause, clock_jump) = (rate(0.002), rate(0.05), rate(0.05));
        Faults {
            delay_max: Millis([5, 50, 400][rng.index(3)]),
            break_link,
            partition,
            partition_max: Millis(500 + rng.below(8000)),
            one_way: rng.chance(0.3),
            crash,
            crash_between_actions,
            power_fails: rng.chance(0.5),
            downtime_max: Millis(100 + rng.below(8000)),
            pause,
            clock_jump,
            clock_jump_max: Millis(100 + rng.below(20_000)),
            address_changes: rng.chance(0.2),
            loses_data: rng.chance(0.3),
        }
    }
}
