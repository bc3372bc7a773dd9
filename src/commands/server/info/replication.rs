//! The section on replication. Sentinels parse it: names and order are Redis'.

use super::Lines;
use crate::commands::Ctx;
use crate::replication::Phase;
use crate::state::replication::{Link, Role, Upstream};

pub(super) fn replication(lines: &mut Lines, cx: &Ctx<'_>) {
    let role = cx.server.replication.lock();
    let end = cx.server.log.end();
    match &role.upstream {
        None => lines.put("role", "master"),
        Some(upstream) => {
            lines.put("role", "slave");
            of_replica(lines, cx, &role, upstream);
        }
    }
    replicas(lines, cx, &role);
    lines.put("master_failover_state", role.failover.name());
    lines.put("master_replid", role.identity.id);
    match role.identity.second {
        Some(second) => lines.put("master_replid2", second.id),
        None => lines.put("master_replid2", "0".repeat(40)),
    }
    lines.put("master_repl_offset", end);
    lines.put("second_repl_offset", role.identity.second.map_or(-1, |second| second.until as i64));
    let kept_after = role.backlog_after.map(|after| after.max(cx.server.log.first()));
    lines.numbers(&[
        ("repl_backlog_active", u64::from(kept_after.is_some())),
        ("repl_backlog_size", cx.settings.repl_backlog_size),
        ("repl_backlog_first_byte_offset", kept_after.map_or(0, |after| after + 1)),
        ("repl_backlog_histlen", kept_after.map_or(0, |after| end - after)),
    ]);
}

/// What only a replica has.
fn of_replica(lines: &mut Lines, cx: &Ctx<'_>, role: &Role, upstream: &Upstream) {
    let is_up = upstream.link == Link::Connected;
    let heard = cx.now.since(upstream.heard).as_secs() as i64;
    lines.put("master_host", &upstream.host);
    lines.put("master_port", upstream.port);
    lines.put("master_link_status", if is_up { "up" } else { "down" });
    lines.put("master_last_io_seconds_ago", if is_up { heard } else { -1 });
    lines.put("master_sync_in_progress", u8::from(upstream.link == Link::Sync));
    let applied = if is_up || role.has_history { cx.server.log.end() } else { 1 };
    lines.put("slave_read_repl_offset", if is_up { upstream.received } else { applied });
    lines.put("slave_repl_offset", applied);
    if upstream.link == Link::Sync && upstream.transfer.is_none() {
        // A copy is being made for this node: nobody knows how large it will be.
        lines.put("master_sync_total_bytes", -1);
        lines.put("master_sync_read_bytes", 0);
        lines.put("master_sync_left_bytes", -1);
        lines.put("master_sync_perc", "-0.00");
        lines.put("master_sync_last_io_seconds_ago", heard);
    }
    if let Some(transfer) = upstream.transfer {
        let total = transfer.total.unwrap_or(0);
        let percent =
            if total == 0 { 0.0 } else { transfer.received as f64 / total as f64 * 100.0 };
        lines.put("master_sync_total_bytes", total);
        lines.put("master_sync_read_bytes", transfer.received);
        lines.put("master_sync_left_bytes", total as i64 - transfer.received as i64);
        lines.put("master_sync_perc", format!("{percent:.2}"));
        let idle = cx.now.since(transfer.heard).as_secs();
        lines.put("master_sync_last_io_seconds_ago", idle);
    }
    if !is_up {
        let down = upstream.down_since.map_or(-1, |since| cx.now.since(since).as_secs() as i64);
        lines.put("master_link_down_since_seconds", down);
    }
    lines.put("slave_priority", cx.settings.replica_priority);
    lines.put("slave_read_only", u8::from(cx.settings.replica_read_only));
    lines.put("replica_announced", u8::from(cx.settings.replica_announced));
}

fn replicas(lines: &mut Lines, cx: &Ctx<'_>, role: &Role) {
    lines.put("connected_slaves", role.replicas.len());
    let settings = cx.settings;
    if settings.min_replicas_to_write > 0 && settings.min_replicas_max_lag > 0 {
        let good = role.good_replicas(cx.now, u64::from(settings.min_replicas_max_lag));
        lines.put("min_slaves_good_slaves", good);
    }
    let listed = role.replicas.values().filter(|replica| !replica.rdb_only);
    for (index, replica) in listed.enumerate() {
        let offset = if replica.phase == Phase::WaitStart { 0 } else { replica.acknowledged };
        lines.put(
            &format!("slave{index}"),
            format_args!(
                "ip={},port={},state={},offset={offset},lag={}",
                replica.ip,
                replica.port,
                replica.phase.name(),
                replica.lag_secs(cx.now),
            ),
        );
    }
}
