//! Who may connect and what may be done.

use crate::config::kind::choices;

choices! {
    /// Which connections may use something dangerous.
    pub enum EnableFor {
        Nobody = "no",
        Everybody = "yes",
        /// Over the loopback interface or the Unix socket.
        Local = "local",
    }

    /// Which channels a new user may use.
    pub enum PubsubDefault {
        AllChannels = "allchannels",
        ResetChannels = "resetchannels",
    }

    /// Whose serialised values are checked in depth before they are accepted.
    pub enum SanitizeDump {
        No = "no",
        Yes = "yes",
        /// Those of clients, but not those of snapshots and of the primary.
        Clients = "clients",
    }
}

macro_rules! security {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Security" {
            /// The default user's password; empty for none.
            requirepass: Option<Vec<u8>> = None, OptionalText, AtRuntime + SENSITIVE;

            /// The file that holds the users; empty when they stand in this file as `user` lines.
            aclfile: Vec<u8> = Vec::new(), Text, AtStart;

            /// Which channels a new user may use.
            acl_pubsub_default: PubsubDefault = PubsubDefault::ResetChannels, Choice, AtRuntime;

            /// How many refusals ACL LOG remembers.
            acllog_max_len: u64 = 128, Int(0..=i64::MAX), AtRuntime;

            /// Who may use DEBUG.
            enable_debug_command: EnableFor = EnableFor::Nobody, Choice, AtStart;

            /// Who may change settings that decide which files are written, such as `dir`.
            enable_protected_configs: EnableFor = EnableFor::Nobody, Choice, AtStart;

            /// Whose serialised values are checked in depth before they are accepted.
            sanitize_dump_payload: SanitizeDump = SanitizeDump::No, Choice, AtRuntime;

            /// A user: its name, then its rules. One line for each.
            user: Vec<Vec<Vec<u8>>> = Vec::new(), KeptLines(1..=usize::MAX),
                AtStart + FILE_ONLY + SENSITIVE;

            /// A command and its new name; `""` removes the command. One line for each.
            rename_command: Vec<Vec<Vec<u8>>> = Vec::new(), KeptLines(2..=2), AtStart + FILE_ONLY;
        } }
    };
}

pub(super) use security;
