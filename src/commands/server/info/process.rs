//! The sections about the process and what it is connected to.

use std::sync::atomic::Ordering;

use super::Lines;
use crate::commands::Ctx;
use crate::config::kind::Choices;
use crate::state::ClientFlags;

pub(super) fn server(lines: &mut Lines, cx: &Ctx<'_>) {
    let identity = &cx.server.identity;
    let mode = if cx.view.is_some() { "cluster" } else { "standalone" };
    let uptime = cx.now.since(identity.started).as_secs();
    let config = identity.config_file.as_ref().map(|path| path.display().to_string());
    lines.put("redis_version", crate::REDIS_VERSION);
    lines.put("server_name", "redpoll");
    lines.put("redpoll_version", env!("CARGO_PKG_VERSION"));
    lines.put("redis_git_sha1", "00000000");
    lines.put("redis_git_dirty", 0);
    lines.put("redis_build_id", env!("CARGO_PKG_VERSION"));
    lines.put("redis_mode", mode);
    lines.put("os", &identity.os);
    lines.put("arch_bits", usize::BITS);
    lines.put("monotonic_clock", "POSIX clock_gettime");
    lines.put("multiplexing_api", "epoll");
    lines.put("atomicvar_api", "rust");
    lines.put("process_id", identity.pid);
    lines.put("process_supervised", cx.settings.supervised.word());
    lines.put("run_id", identity.run_id);
    lines.put("tcp_port", cx.settings.port);
    lines.put("server_time_usec", cx.unix_micros);
    lines.put("uptime_in_seconds", uptime);
    lines.put("uptime_in_days", uptime / 86_400);
    lines.put("hz", cx.settings.hz);
    lines.put("configured_hz", cx.settings.hz);
    lines.put("lru_clock", cx.now.as_secs() & 0xff_ffff);
    lines.put("executable", &identity.executable);
    lines.put("config_file", config.unwrap_or_default());
    lines.put("io_threads_active", 0);
    let shutdown_at = cx.server.shutdown_at.load(Ordering::Relaxed);
    if shutdown_at > 0 {
        lines.put("shutdown_in_milliseconds", shutdown_at.saturating_sub(cx.now.0));
    }
    lines.put("worker_threads", identity.worker_threads);
}

pub(super) fn clients(lines: &mut Lines, cx: &Ctx<'_>) {
    let clients = cx.server.clients.all();
    let max = |size: fn(&crate::state::ClientShared) -> u64| {
        clients.iter().map(|client| size(client)).max().unwrap_or_default()
    };
    let blocked = clients.iter().filter(|client| client.flags().contains(ClientFlags::UNBLOCKABLE));
    let links = cx.view.map_or(0, |view| 2 * view.nodes.len().saturating_sub(1) as u64);
    lines.numbers(&[
        ("connected_clients", cx.server.clients.count() as u64),
        ("cluster_connections", links),
        ("maxclients", u64::from(cx.settings.maxclients)),
        (
            "client_recent_max_input_buffer",
            max(|client| client.query_capacity.load(Ordering::Relaxed)),
        ),
        (
            "client_recent_max_output_buffer",
            max(|client| client.output_bytes.load(Ordering::Relaxed)),
        ),
        ("blocked_clients", blocked.count() as u64),
        ("tracking_clients", cx.server.tracking.clients() as u64),
        ("clients_in_timeout_table", 0),
    ]);
}

pub(super) fn memory(lines: &mut Lines, cx: &Ctx<'_>) {
    let memory = cx.server.read_memory(cx.now);
    let stats = &cx.server.stats;
    let peak = stats.peak_memory_bytes.load(Ordering::Relaxed).max(memory.allocated);
    let clients = cx.server.clients.memory();
    let (log, has_backlog) = (&cx.server.log, cx.server.standing().kept_after.is_some());
    let beyond_backlog = log.beyond_backlog();
    let kept = if has_backlog { log.end().saturating_sub(log.first()) } else { 0 };
    let overhead = memory.startup + clients;
    let dataset = memory.allocated.saturating_sub(overhead);
    let net = memory.allocated.saturating_sub(memory.startup);
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    let ratio = |part: u64, whole: u64| format!("{:.2}", part as f64 / whole.max(1) as f64);
    lines.bytes("used_memory", memory.allocated);
    lines.bytes("used_memory_rss", memory.rss);
    lines.bytes("used_memory_peak", peak);
    lines.put("used_memory_peak_perc", format!("{:.2}%", percent(memory.allocated, peak)));
    lines.numbers(&[
        ("used_memory_overhead", overhead),
        ("used_memory_startup", memory.startup),
        ("used_memory_dataset", dataset),
    ]);
    lines.put("used_memory_dataset_perc", format!("{:.2}%", percent(dataset, net).min(100.0)));
    lines.numbers(&[
        ("allocator_allocated", memory.allocated),
        ("allocator_active", memory.active),
        ("allocator_resident", memory.resident),
    ]);
    lines.bytes("total_system_memory", memory.system);
    lines.bytes("used_memory_lua", 0);
    lines.bytes("used_memory_scripts", 0);
    lines.bytes("maxmemory", cx.settings.maxmemory);
    lines.put("maxmemory_policy", cx.settings.maxmemory_policy.word());
    lines.put("allocator_frag_ratio", ratio(memory.active, memory.allocated));
    lines.put("allocator_frag_bytes", memory.active.saturating_sub(memory.allocated));
    lines.put("allocator_rss_ratio", ratio(memory.resident, memory.active));
    lines.put("allocator_rss_bytes", memory.resident.saturating_sub(memory.active));
    lines.put("rss_overhead_ratio", ratio(memory.rss, memory.resident));
    lines.put("rss_overhead_bytes", memory.rss.saturating_sub(memory.resident));
    lines.put("mem_fragmentation_ratio", ratio(memory.rss, memory.allocated));
    lines.put("mem_fragmentation_bytes", memory.rss.saturating_sub(memory.allocated));
    lines.numbers(&[
        ("mem_not_counted_for_evict", beyond_backlog),
        ("mem_replication_backlog", kept.saturating_sub(beyond_backlog)),
        ("mem_total_replication_buffers", kept),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", clients),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
    ]);
    lines.put("mem_allocator", "jemalloc-5.3.0");
    lines.numbers(&[
        ("active_defrag_running", 0),
        ("lazyfree_pending_objects", cx.server.garbage.pending() as u64),
        ("lazyfreed_objects", stats.lazyfreed_objects.load(Ordering::Relaxed)),
    ]);
}

pub(super) fn cpu(lines: &mut Lines, cx: &Ctx<'_>) {
    let memory = cx.server.memory.load();
    lines.put("used_cpu_sys", format!("{:.6}", memory.cpu_system_seconds));
    lines.put("used_cpu_user", format!("{:.6}", memory.cpu_user_seconds));
    lines.put("used_cpu_sys_children", "0.000000");
    lines.put("used_cpu_user_children", "0.000000");
}

pub(super) fn cluster(lines: &mut Lines, cx: &Ctx<'_>) {
    lines.put("cluster_enabled", u8::from(cx.view.is_some()));
}
