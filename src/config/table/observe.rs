//! What the server tells about itself, and what it tells about keys.

macro_rules! observe {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Observation" {
            /// The shortest execution that SLOWLOG remembers.
            ///
            /// Unit: microseconds. Zero remembers every command, -1 none.
            slowlog_log_slower_than: i64 = 10_000, Int(-1..=i64::MAX), AtRuntime;

            /// How many executions SLOWLOG remembers.
            slowlog_max_len: u64 = 128, Int(0..=i64::MAX), AtRuntime;

            /// The shortest event that LATENCY remembers.
            ///
            /// Unit: milliseconds. Zero remembers none.
            latency_monitor_threshold: Millis = Millis(0), Int(0..=i64::MAX), AtRuntime;

            /// Measure how long each command takes, for INFO latencystats and LATENCY HISTOGRAM.
            latency_tracking: bool = true, YesNo, AtRuntime;

            /// The percentiles that INFO latencystats shows.
            latency_tracking_info_percentiles: Vec<f64>
                = vec![50.0, 99.0, 99.9], Percentiles, AtRuntime;

            /// Which changes to keys are published.
            ///
            /// `K` on channels named after the key, `E` on channels named after the event; then the
            /// classes: `g` generic, `$` strings, `l` lists, `s` sets, `h` hashes, `z` sorted sets,
            /// `t` streams, `x` expired, `e` evicted, `d` module, `m` a missing key was read, `n` a
            /// key is new. `A` is all of these but `m` and `n`.
            notify_keyspace_events: EventClass = EventClass::empty(), Notify, AtRuntime;

            /// How long a script runs before others are told that the server is busy.
            ///
            /// Unit: milliseconds. Zero never tells them.
            busy_reply_threshold also "lua-time-limit": Millis
                = Millis(5_000), Int(0..=i64::MAX), AtRuntime;
        } }
    };
}

pub(super) use observe;
