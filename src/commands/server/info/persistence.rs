//! The section on saving and loading.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Lines, aof};
use crate::commands::Ctx;
use crate::state::conditions::Condition;
use crate::state::loading::Progress;

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn secs_or_none(seconds: Option<u64>) -> i64 {
    seconds.map_or(-1, |seconds| seconds as i64)
}

pub(super) fn persistence(lines: &mut Lines, cx: &Ctx<'_>) {
    let persistence = &cx.server.persistence;
    let (saves, progress) = (*persistence.saves.lock(), &persistence.progress);
    let progress_of_loading = cx.server.loading.progress();
    let is_async = cx.server.conditions.load().contains(Condition::ASYNC_LOADING);
    let captured = if saves.began.is_some() { load(&progress.captured_bytes) } else { 0 };
    lines.numbers(&[
        ("loading", u64::from(progress_of_loading.is_some() && !is_async)),
        ("async_loading", u64::from(is_async)),
        ("current_cow_peak", captured),
        ("current_cow_size", captured),
        ("current_cow_size_age", 0),
    ]);
    let (done, total) = match saves.began {
        Some(_) => (load(&progress.keys_done), load(&progress.keys_total)),
        None => (0, 0),
    };
    lines.put("current_fork_perc", format!("{:.2}", percent(done, total)));
    let changes = cx.server.stats.sum(|worker| &worker.dirty);
    lines.numbers(&[
        ("current_save_keys_processed", done),
        ("current_save_keys_total", total),
        ("rdb_changes_since_last_save", persistence.unsaved(changes)),
        ("rdb_bgsave_in_progress", u64::from(saves.began.is_some() && saves.in_background)),
        ("rdb_last_save_time", saves.last_saved.as_secs()),
    ]);
    lines.put("rdb_last_bgsave_status", if saves.last_failed { "err" } else { "ok" });
    lines.put("rdb_last_bgsave_time_sec", secs_or_none(saves.last_secs));
    let running = saves.began.filter(|_| saves.in_background);
    let running = running.map(|began| cx.now.since(began).as_secs());
    lines.put("rdb_current_bgsave_time_sec", secs_or_none(running));
    lines.numbers(&[
        ("rdb_saves", saves.count),
        ("rdb_last_cow_size", saves.last_captured_bytes),
        ("rdb_last_load_keys_expired", load(&persistence.loaded.keys_expired)),
        ("rdb_last_load_keys_loaded", load(&persistence.loaded.keys_loaded)),
    ]);
    aof::status(lines, cx);
    lines.numbers(&[("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0)]);
    aof::sizes(lines, cx);
    if let Some(progress) = progress_of_loading {
        loading(lines, cx, progress);
    }
}

/// How far the file being loaded is.
fn loading(lines: &mut Lines, cx: &Ctx<'_>, progress: Progress) {
    let Progress { began, total, loaded } = progress;
    let elapsed = cx.now.since(began).as_secs();
    let left = elapsed * total.saturating_sub(loaded) / loaded.max(1);
    lines.numbers(&[
        ("loading_start_time", began.as_secs()),
        ("loading_total_bytes", total),
        ("loading_rdb_used_mem", load(&cx.server.persistence.loaded.used_memory)),
        ("loading_loaded_bytes", loaded),
    ]);
    lines.put("loading_loaded_perc", format!("{:.2}", percent(loaded, total)));
    lines.put("loading_eta_seconds", left.max(1));
}

fn percent(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 }
}
