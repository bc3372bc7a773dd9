//! The process itself: threads, files, logging, shutdown.

use crate::config::kind::choices;

choices! {
    /// The least important messages that are logged.
    pub enum LogLevel {
        Debug = "debug",
        Verbose = "verbose",
        Notice = "notice",
        Warning = "warning",
    }

    /// How a log line is written.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }

    /// Who started the process and wants to hear that it is ready.
    pub enum Supervised {
        Upstart = "upstart",
        Systemd = "systemd",
        Auto = "auto",
        No = "no",
    }
}

macro_rules! process {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Process" {
            /// How many threads serve clients. Zero is one per processor core.
            worker_threads: u32 = 0, Int(0..=512), AtStart + OURS;

            /// How many databases SELECT chooses from. A cluster has only database 0.
            databases: u32 = 16, Int(1..=INT_MAX), AtStart;

            /// The working directory, in which all files without a path are.
            dir: Vec<u8> = text("."), Text, AtRuntime + PROTECTED;

            /// Run in the background. redpoll always runs in the foreground and refuses `yes`.
            daemonize: bool = false,
                Refused("redpoll runs in the foreground: use systemd or another supervisor"),
                AtStart;

            /// Whom to tell that the server is ready. `auto` looks at the environment.
            supervised: Supervised = Supervised::No, Choice, AtStart;

            /// A file to write the process id to; empty for none.
            pidfile: Option<Vec<u8>> = None, OptionalText, AtStart;

            /// The least important messages that are logged.
            loglevel: LogLevel = LogLevel::Notice, Choice, AtRuntime;

            /// The file to log to; empty is the standard output.
            logfile: Vec<u8> = Vec::new(), Text, AtStart;

            /// How log lines are written.
            log_format: LogFormat = LogFormat::Text, Choice, AtStart + OURS;

            /// How often a second background work is looked for.
            hz: u32 = 10, Rounded { accepts: 0..=INT_MAX, to: 1..=500 }, AtRuntime;

            /// How long a shutdown waits for replicas that are behind, in seconds. Zero does not
            /// wait.
            shutdown_timeout: u32 = 10, Int(0..=INT_MAX), AtRuntime;

            /// What SIGINT does: `save` or `nosave` a snapshot, `now` without waiting for replicas,
            /// `force` even if saving failed; several may be given.
            shutdown_on_sigint: ShutdownOn = ShutdownOn::DEFAULT, ShutdownWords, AtRuntime;

            /// What SIGTERM does, in the same words.
            shutdown_on_sigterm: ShutdownOn = ShutdownOn::DEFAULT, ShutdownWords, AtRuntime;
        } }
    };
}

pub(super) use process;
