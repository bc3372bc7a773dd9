//! The configuration as the cluster machine wants it.

use std::net::IpAddr;

use crate::base::Millis;
use crate::cluster::{self, EndpointType};
use crate::config::Settings;
use crate::config::table::PreferredEndpoint;

/// What is added to the client port when `cluster-port` is not set.
const BUS_PORT_OFFSET: u16 = 10_000;

/// The bus port; `None` if there is no such port.
pub(super) fn bus_port(settings: &Settings) -> Option<u16> {
    match settings.cluster_port {
        0 => settings.port.checked_add(BUS_PORT_OFFSET),
        port => Some(port),
    }
}

/// The address to connect from: `bind-source-addr`, or the first bind address if it is one.
pub(super) fn source(settings: &Settings) -> Option<IpAddr> {
    let words = settings.bind_source_addr.iter().chain(settings.bind.first());
    let address = words.filter_map(|word| std::str::from_utf8(word).ok()?.parse::<IpAddr>().ok());
    address.into_iter().find(|address| !address.is_unspecified())
}

/// The machine's settings.
pub(super) fn settings(settings: &Settings, bus_port: u16) -> cluster::Settings {
    let text = |words: &Option<Vec<u8>>| {
        words
            .as_deref()
            .map(|words| String::from_utf8_lossy(words).into_owned())
            .unwrap_or_default()
    };
    cluster::Settings {
        port: settings.port,
        bus_port,
        announce_ip: text(&settings.cluster_announce_ip),
        announce_port: settings.cluster_announce_port,
        announce_tls_port: settings.cluster_announce_tls_port,
        announce_bus_port: settings.cluster_announce_bus_port,
        announce_hostname: text(&settings.cluster_announce_hostname),
        preferred_endpoint_type: match settings.cluster_preferred_endpoint_type {
            PreferredEndpoint::Ip => EndpointType::Ip,
            PreferredEndpoint::Hostname => EndpointType::Hostname,
            PreferredEndpoint::Unknown => EndpointType::Unknown,
        },
        node_timeout: settings.cluster_node_timeout,
        require_full_coverage: settings.cluster_require_full_coverage,
        allow_reads_when_down: settings.cluster_allow_reads_when_down,
        allow_pubsubshard_when_down: settings.cluster_allow_pubsubshard_when_down,
        allow_replica_migration: settings.cluster_allow_replica_migration,
        migration_barrier: settings.cluster_migration_barrier,
        replica_validity_factor: settings.cluster_replica_validity_factor,
        replica_no_failover: settings.cluster_replica_no_failover,
        link_sendbuf_limit: settings.cluster_link_sendbuf_limit,
        repl_ping_replica_period: Millis::from_secs(u64::from(settings.repl_ping_replica_period)),
        empty_primary_wait: u64::try_from(settings.cluster_empty_primary_wait).ok().map(Millis),
        can_replicate: true,
        ..cluster::Settings::default()
    }
}
