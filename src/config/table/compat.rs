//! What Redis has and redpoll has no use for: accepted, checked and shown, so that files and tools
//! work.

use crate::config::kind::choices;

choices! {
    /// The facility of messages to syslog.
    pub enum SyslogFacility {
        User = "user",
        Local0 = "local0",
        Local1 = "local1",
        Local2 = "local2",
        Local3 = "local3",
        Local4 = "local4",
        Local5 = "local5",
        Local6 = "local6",
        Local7 = "local7",
    }

    /// Whether the kernel's out-of-memory killer is told which process to prefer.
    pub enum OomScoreAdj {
        No = "no",
        Yes = "yes",
        Relative = "relative",
        Absolute = "absolute",
    }

}

macro_rules! compat {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Without effect" {
            /// Threads that read and write for the main thread. See `worker-threads`.
            io_threads: u32 = 1, Int(1..=128), AtStart + NO_EFFECT;

            /// Let these threads read as well.
            io_threads_do_reads: bool = false, YesNo, AtStart + NO_EFFECT;

            /// Adapt `hz` to the number of clients.
            dynamic_hz: bool = true, YesNo, AtRuntime + NO_EFFECT;

            /// Rehash in the background. Tables here grow step by step in any case.
            activerehashing: bool = true, YesNo, AtRuntime + NO_EFFECT;

            /// Move values to make their memory contiguous.
            activedefrag: bool = false, YesNo, AtRuntime + NO_EFFECT;

            /// The least processor time of it, in percent.
            active_defrag_cycle_min: u32 = 1, Int(1..=99), AtRuntime + NO_EFFECT;

            /// The most processor time of it, in percent.
            active_defrag_cycle_max: u32 = 25, Int(1..=99), AtRuntime + NO_EFFECT;

            /// The waste from which it starts, in bytes.
            active_defrag_ignore_bytes: u64
                = 100 * MIB, Memory(1..=i64::MAX as u64), AtRuntime + NO_EFFECT;

            /// The waste from which it starts, in percent.
            active_defrag_threshold_lower: u32 = 10, Int(0..=1_000), AtRuntime + NO_EFFECT;

            /// The waste from which it does the most, in percent.
            active_defrag_threshold_upper: u32 = 100, Int(0..=1_000), AtRuntime + NO_EFFECT;

            /// The most fields of a collection it moves at a time.
            active_defrag_max_scan_fields: u64 = 1_000, Int(1..=i64::MAX), AtRuntime + NO_EFFECT;

            /// Let the allocator free memory on a thread of its own.
            jemalloc_bg_thread: bool = true, YesNo, AtRuntime + NO_EFFECT;

            /// Switch off transparent huge pages, which hurt when a process forks. redpoll does not
            /// fork.
            disable_thp: bool = true, YesNo, AtStart + NO_EFFECT;

            /// The processors of the main and input/output threads.
            server_cpulist as "server_cpulist": Option<Vec<u8>>
                = None, OptionalText, AtStart + NO_EFFECT;

            /// The processors of background threads.
            bio_cpulist as "bio_cpulist": Option<Vec<u8>> = None, OptionalText, AtStart + NO_EFFECT;

            /// The processors of the process that rewrites the append-only file.
            aof_rewrite_cpulist as "aof_rewrite_cpulist": Option<Vec<u8>>
                = None, OptionalText, AtStart + NO_EFFECT;

            /// The processors of the process that saves a snapshot.
            bgsave_cpulist as "bgsave_cpulist": Option<Vec<u8>>
                = None, OptionalText, AtStart + NO_EFFECT;

            /// Tell the kernel's out-of-memory killer which process to prefer.
            oom_score_adj: OomScoreAdj = OomScoreAdj::No, Choice, AtRuntime + NO_EFFECT;

            /// The scores of a primary, a replica and a child process.
            oom_score_adj_values: [i32; 3] = [0, 200, 800], OomScores, AtRuntime + NO_EFFECT;

            /// Log to syslog.
            syslog_enabled: bool = false, YesNo, AtStart + NO_EFFECT;

            /// The name in syslog.
            syslog_ident: Vec<u8> = text("redis"), Text, AtStart + NO_EFFECT;

            /// The facility in syslog.
            syslog_facility: SyslogFacility = SyslogFacility::Local0, Choice, AtStart + NO_EFFECT;

            /// Draw a logo at the start even if nobody sees it.
            always_show_logo: bool = false, YesNo, AtStart + NO_EFFECT;

            /// Show the server's address and mode in the process list.
            set_proc_title: bool = true, YesNo, AtStart + NO_EFFECT;

            /// What the process list shows.
            proc_title_template: Vec<u8>
                = text("{title} {listen-addr} {server-mode}"), TitleTemplate, AtRuntime + NO_EFFECT;

            /// Write a report to the log after a crash.
            crash_log_enabled: bool = true, YesNo, AtRuntime + NO_EFFECT;

            /// Test the memory after a crash.
            crash_memcheck_enabled: bool = true, YesNo, AtRuntime + NO_EFFECT;

            /// Exit instead of aborting after a failed assertion.
            use_exit_on_panic: bool = false, YesNo, AtRuntime + NO_EFFECT + HIDDEN;

            /// Checks at the start whose failure is ignored.
            ignore_warnings: Vec<u8> = Vec::new(), Text, AtRuntime + NO_EFFECT;

            /// A mark on packets of listening sockets. It needs privileges that a cache should not
            /// have.
            socket_mark_id: u32 = 0, Int(0..=4_294_967_295), AtStart + NO_EFFECT;

            /// Who may use MODULE. There are no modules.
            enable_module_command: EnableFor = EnableFor::Nobody, Choice, AtStart + NO_EFFECT;

            /// Let scripts use functions of Lua that Redis removed.
            lua_enable_deprecated_api: bool = false, YesNo, AtStart + NO_EFFECT + HIDDEN;

            /// A delay for each key of a snapshot, for tests.
            rdb_key_save_delay: i32 = 0, Int(INT_MIN..=INT_MAX), AtRuntime + NO_EFFECT + HIDDEN;

            /// A delay for each key that is loaded, for tests.
            key_load_delay: i32 = 0, Int(INT_MIN..=INT_MAX), AtRuntime + NO_EFFECT + HIDDEN;

            /// How often clients are served while data is loaded, in bytes.
            loading_process_events_interval_bytes: u32
                = 2_097_152, Int(1_024..=INT_MAX), AtRuntime + NO_EFFECT + HIDDEN;

            /// How long the main thread may hang before it is reported, in milliseconds.
            watchdog_period: u32 = 0, Int(0..=INT_MAX), AtRuntime + NO_EFFECT + HIDDEN;

            /// A module to load. redpoll has none and refuses it.
            loadmodule: () = (), RefusedLine("redpoll does not load modules"), AtStart + FILE_ONLY;
        } }
    };
}

pub(super) use compat;
