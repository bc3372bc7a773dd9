//! What INFO says of the append-only file.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Lines;
use crate::commands::Ctx;
use crate::state::aof::Phase;
use crate::state::conditions::Condition;

/// How writing and rewriting go.
pub(super) fn status(lines: &mut Lines, cx: &Ctx<'_>) {
    let aof = &cx.server.aof;
    let word = |well: bool| if well { "ok" } else { "err" };
    // The thread may not know yet that the file is wanted.
    let is_loading = cx.server.conditions.load().contains(Condition::LOADING);
    let is_to_begin = cx.settings.appendonly && aof.phase() == Phase::Off && !is_loading;
    let is_scheduled = aof.is_scheduled() || is_to_begin;
    // After that: what has begun since then is seen here.
    let is_rewriting = aof.is_rewriting();
    lines.numbers(&[
        ("aof_enabled", u64::from(cx.settings.appendonly)),
        ("aof_rewrite_in_progress", u64::from(is_rewriting)),
        ("aof_rewrite_scheduled", u64::from(is_scheduled && !is_rewriting)),
    ]);
    lines.put("aof_last_rewrite_time_sec", aof.rewrite_seconds.load(Ordering::Relaxed));
    let began = crate::base::Millis(load(&aof.rewrite_began));
    let current = if is_rewriting { cx.now.since(began).as_secs() as i64 } else { -1 };
    lines.put("aof_current_rewrite_time_sec", current);
    let failed = aof.rewrite_failed.load(Ordering::Relaxed);
    lines.put("aof_last_bgrewrite_status", word(!failed));
    lines.numbers(&[
        ("aof_rewrites", load(&aof.rewrites)),
        ("aof_rewrites_consecutive_failures", load(&aof.failures)),
    ]);
    lines.put("aof_last_write_status", word(aof.failure().is_none()));
    lines.put("aof_last_cow_size", 0);
}

/// What is there while it is written.
pub(super) fn sizes(lines: &mut Lines, cx: &Ctx<'_>) {
    let aof = &cx.server.aof;
    if aof.phase() == Phase::Off {
        return;
    }
    lines.numbers(&[
        ("aof_current_size", load(&aof.size)),
        ("aof_base_size", load(&aof.base_size)),
        ("aof_pending_rewrite", u64::from(aof.is_scheduled())),
        ("aof_buffer_length", aof.behind(cx.server.log.reach())),
        ("aof_pending_bio_fsync", u64::from(aof.is_syncing.load(Ordering::Relaxed))),
        ("aof_delayed_fsync", load(&aof.delayed_syncs)),
    ]);
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::engine::testing::Local;
    use crate::state::aof::Phase;
    use crate::state::conditions::Condition;

    /// Whoever polls for the end of the first base is not told that nothing is to be done.
    #[test]
    fn a_file_that_is_wanted_and_not_begun_is_a_rewrite_to_come() {
        let settings = Settings { appendonly: true, save: Vec::new(), ..Settings::default() };
        let mut local = Local::with_settings(settings);
        let scheduled = |local: &mut Local| {
            let told = local.run(&["INFO", "persistence"]);
            let told = String::from_utf8_lossy(told.text().expect("a text")).into_owned();
            told.contains("aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:1\r\n")
        };
        assert!(scheduled(&mut local));
        local.server.aof.set_phase(Phase::On);
        assert!(!scheduled(&mut local));
        local.server.aof.set_phase(Phase::Off);
        local.server.conditions.set(Condition::LOADING, true);
        assert!(!scheduled(&mut local), "it is read first");
    }
}
