//! Encrypted connections.

use crate::config::kind::choices;

choices! {
    /// Whether clients must present a certificate.
    pub enum AuthClients {
        No = "no",
        Yes = "yes",
        /// It is checked if there is one.
        Optional = "optional",
    }
}

macro_rules! tls {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "TLS" {
            /// The port for encrypted connections of clients. Zero switches it off.
            tls_port: u16 = 0, Int(0..=65_535), AtRuntime;

            /// This server's certificate, in PEM format.
            tls_cert_file: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The certificate's private key, in PEM format.
            tls_key_file: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The private key's passphrase.
            tls_key_file_pass: Option<Vec<u8>> = None, OptionalText, AtRuntime + SENSITIVE;

            /// The certificate for connections this server opens; empty uses `tls-cert-file`.
            tls_client_cert_file: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The private key for connections this server opens.
            tls_client_key_file: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// That private key's passphrase.
            tls_client_key_file_pass: Option<Vec<u8>> = None, OptionalText, AtRuntime + SENSITIVE;

            /// Certificates of the authorities that are trusted, in one file.
            tls_ca_cert_file: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// Certificates of the authorities that are trusted, one file each.
            tls_ca_cert_dir: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// Whether clients must present a certificate.
            tls_auth_clients: AuthClients = AuthClients::Yes, Choice, AtRuntime;

            /// Connect to the primary with TLS.
            tls_replication: bool = false, YesNo, AtRuntime;

            /// Use TLS on the cluster bus.
            tls_cluster: bool = false, YesNo, AtRuntime;

            /// The protocol versions that are offered, such as `TLSv1.2 TLSv1.3`; empty is the
            /// default.
            tls_protocols: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The cipher suites of TLS 1.2; empty is the default.
            tls_ciphers: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The cipher suites of TLS 1.3; empty is the default.
            tls_ciphersuites: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// Choose the cipher suite by this server's preference, not the client's.
            tls_prefer_server_ciphers: bool = false, YesNo, AtRuntime;

            /// Let clients resume a session.
            tls_session_caching: bool = true, YesNo, AtRuntime;

            /// How many sessions are remembered. Zero is no limit.
            tls_session_cache_size: u32 = 20_480, Int(0..=INT_MAX), AtRuntime;

            /// How long a session is remembered, in seconds.
            tls_session_cache_timeout: u32 = 300, Int(0..=INT_MAX), AtRuntime;

            /// Diffie-Hellman parameters. The TLS library brings its own.
            tls_dh_params_file: Option<Vec<u8>> = None, OptionalText, AtRuntime + NO_EFFECT;
        } }
    };
}

pub(super) use tls;
