//! Where the server listens and how it treats connections.

macro_rules! network {
    ($done:tt $later:tt) => {
        $crate::config::declare::collect! { $done $later "Network" {
            /// The addresses to listen on, for clients and for the cluster bus.
            ///
            /// `*` is every IPv4 address, `::*` every IPv6 address. An address that begins with `-`
            /// may be missing on this machine; any other that cannot be bound is an error.
            bind: Vec<Vec<u8>> = words(&["*", "-::*"]),
                Words { max: 16, if_more: "Too many bind addresses specified." }, AtRuntime;

            /// The local address of connections this server opens to other nodes; empty lets the
            /// system choose.
            bind_source_addr: Option<Vec<u8>> = None, OptionalText, AtRuntime;

            /// The port for clients. Zero switches it off, for example to serve TLS or a Unix
            /// socket only.
            port: u16 = 6379, Int(0..=65_535), AtRuntime;

            /// How many connections may wait to be accepted. The kernel's `somaxconn` bounds it as
            /// well.
            tcp_backlog: u32 = 511, Int(0..=INT_MAX), AtStart;

            /// The path of a Unix socket to listen on; empty for none.
            unixsocket: Option<Vec<u8>> = None, OptionalText, AtStart;

            /// The permissions of the Unix socket. Zero leaves what the process's umask makes of
            /// it.
            unixsocketperm: u32 = 0, Octal, AtStart;

            /// Refuse connections from other machines while the default user has no password.
            protected_mode: bool = true, YesNo, AtRuntime;

            /// Close a client's connection after it was idle for this long.
            ///
            /// Unit: seconds. Zero never does. Replicas, subscribers and blocked clients are
            /// exempt.
            timeout: u32 = 0, Int(0..=INT_MAX), AtRuntime;

            /// How often the kernel probes an idle connection, so that one whose peer is gone is
            /// noticed.
            ///
            /// Unit: seconds. Zero switches the probes off.
            tcp_keepalive: u32 = 300, Int(0..=INT_MAX), AtRuntime;

            /// How many clients may be connected at the same time; more are refused with an error.
            maxclients: u32 = 10_000, Int(1..=4_294_967_295), AtRuntime;
        } }
    };
}

pub(super) use network;
