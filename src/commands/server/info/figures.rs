//! The sections of counters.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::latency::counts_of;
use super::Lines;
use crate::commands::{Ctx, Table};
use crate::state::CommandStats;
use crate::state::histogram::percentile;
use crate::state::stats::Counter;

pub(super) fn stats(lines: &mut Lines, cx: &Ctx<'_>) {
    let stats = &cx.server.stats;
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (operations, net_in, net_out) = {
        let rates = stats.rates.lock();
        let (net_in, net_out) = (rates.net_in_bytes.per_second(), rates.net_out_bytes.per_second());
        (rates.operations.per_second(), net_in as f64 / 1024.0, net_out as f64 / 1024.0)
    };
    lines.numbers(&[
        ("total_connections_received", load(&stats.connections_received)),
        ("total_commands_processed", stats.sum(|worker| &worker.commands)),
        ("instantaneous_ops_per_sec", operations),
        ("total_net_input_bytes", stats.sum(|worker| &worker.net_in_bytes)),
        ("total_net_output_bytes", stats.sum(|worker| &worker.net_out_bytes)),
        ("total_net_repl_input_bytes", load(&stats.net_repl_in_bytes)),
        ("total_net_repl_output_bytes", load(&stats.net_repl_out_bytes)),
    ]);
    lines.put("instantaneous_input_kbps", format!("{net_in:.2}"));
    lines.put("instantaneous_output_kbps", format!("{net_out:.2}"));
    lines.put("instantaneous_input_repl_kbps", "0.00");
    lines.put("instantaneous_output_repl_kbps", "0.00");
    lines.numbers(&[
        ("rejected_connections", load(&stats.connections_rejected)),
        ("sync_full", load(&stats.sync_full)),
        ("sync_partial_ok", load(&stats.sync_partial_ok)),
        ("sync_partial_err", load(&stats.sync_partial_err)),
        ("expired_keys", stats.sum(|worker| &worker.expired_keys)),
    ]);
    lines.put("expired_stale_perc", "0.00");
    work(lines, cx);
}

/// The second half of the section: what was done besides serving requests.
fn work(lines: &mut Lines, cx: &Ctx<'_>) {
    let stats = &cx.server.stats;
    let (tracked_keys, tracked_items, prefixes) = cx.server.tracking.totals();
    let (channels, shard_channels) = cx.server.pubsub.channel_counts();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (exceeded_in_all, exceeded_now) = cx.server.memory.exceeded_for(cx.now);
    lines.numbers(&[
        ("expired_time_cap_reached_count", 0),
        ("expire_cycle_cpu_milliseconds", 0),
        ("evicted_keys", load(&stats.evicted_keys)),
        ("evicted_clients", load(&stats.evicted_clients)),
        ("total_eviction_exceeded_time", exceeded_in_all.0),
        ("current_eviction_exceeded_time", exceeded_now.0),
        ("keyspace_hits", stats.sum(|worker| &worker.hits)),
        ("keyspace_misses", stats.sum(|worker| &worker.misses)),
        ("pubsub_channels", channels as u64),
        ("pubsub_patterns", cx.server.pubsub.patterns() as u64),
        ("pubsubshard_channels", shard_channels as u64),
        ("latest_fork_usec", 0),
        ("total_forks", 0),
        ("migrate_cached_sockets", 0),
        ("slave_expires_tracked_keys", cx.server.own_expiries.len() as u64),
        ("active_defrag_hits", 0),
        ("active_defrag_misses", 0),
        ("active_defrag_key_hits", 0),
        ("active_defrag_key_misses", 0),
        ("total_active_defrag_time", 0),
        ("current_active_defrag_time", 0),
        ("tracking_total_keys", tracked_keys as u64),
        ("tracking_total_items", tracked_items as u64),
        ("tracking_total_prefixes", prefixes as u64),
        ("unexpected_error_replies", stats.unexpected_errors.load(Ordering::Relaxed)),
        ("total_error_replies", stats.sum(|worker| &worker.errors)),
        ("dump_payload_sanitizations", 0),
        ("total_reads_processed", stats.sum(|worker| &worker.reads)),
        ("total_writes_processed", stats.sum(|worker| &worker.writes)),
        ("io_threaded_reads_processed", 0),
        ("io_threaded_writes_processed", 0),
        (
            "client_query_buffer_limit_disconnections",
            load(&stats.client_query_buffer_limit_disconnections),
        ),
        (
            "client_output_buffer_limit_disconnections",
            load(&stats.client_output_buffer_limit_disconnections),
        ),
        ("reply_buffer_shrinks", 0),
        ("reply_buffer_expands", 0),
        ("acl_access_denied_auth", load(&stats.acl_access_denied_auth)),
        ("acl_access_denied_cmd", load(&stats.acl_access_denied_cmd)),
        ("acl_access_denied_key", load(&stats.acl_access_denied_key)),
        ("acl_access_denied_channel", load(&stats.acl_access_denied_channel)),
    ]);
}

pub(super) fn commands(lines: &mut Lines, cx: &Ctx<'_>) {
    for command in Table::get().all() {
        let sum = |counter: fn(&CommandStats) -> &Counter| {
            let workers = cx.server.stats.workers().iter();
            workers.map(|worker| counter(&worker.by_command[command.index]).get()).sum::<u64>()
        };
        let (calls, nanos) = (sum(|stats| &stats.calls), sum(|stats| &stats.nanos));
        let (rejected, failed) = (sum(|stats| &stats.rejected), sum(|stats| &stats.failed));
        if calls + rejected + failed == 0 {
            continue;
        }
        let micros = nanos / 1000;
        let mean = nanos as f64 / 1000.0 / calls.max(1) as f64;
        lines.put(
            &format!("cmdstat_{}", command.spec.name),
            format_args!(
                "calls={calls},usec={micros},usec_per_call={mean:.2},rejected_calls={rejected},\
                 failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn errors(lines: &mut Lines, cx: &Ctx<'_>) {
    for (code, count) in cx.server.stats.errors() {
        lines.put(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(lines: &mut Lines, cx: &Ctx<'_>) {
    for command in Table::get().all() {
        let counts = counts_of(&cx.server.stats, command.index);
        if counts.iter().all(|&count| count == 0) {
            continue;
        }
        let percentiles = cx.settings.latency_tracking_info_percentiles.iter().map(|&percent| {
            let micros = percentile(&counts, percent) as f64 / 1000.0;
            format!("p{percent}={micros:.3}")
        });
        let percentiles: Vec<String> = percentiles.collect();
        lines
            .put(&format!("latency_percentiles_usec_{}", command.spec.name), percentiles.join(","));
    }
}

pub(super) fn keyspace(lines: &mut Lines, cx: &Ctx<'_>) {
    let keyspace = &cx.server.keyspace;
    for db in (0..keyspace.databases() as u8).filter(|&db| keyspace.is_allocated(db)) {
        let (keys, expires) = keyspace.counts(db);
        if keys > 0 {
            lines.put(&format!("db{db}"), format_args!("keys={keys},expires={expires},avg_ttl=0"));
        }
    }
}
