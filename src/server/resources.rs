//! Readings of the process: the allocator's figures and what `/proc` says. The allocator's shim.

use std::fs;

use tikv_jemalloc_ctl::{epoch, stats, stats_print};

use crate::state::memory::Resources;

/// The page size and the clock ticks per second that `/proc` counts in: fixed on the platforms we
/// run on.
const PAGE_BYTES: u64 = 4096;
const TICKS_PER_SECOND: f64 = 100.0;

/// A reading; what cannot be read stays zero. About 100 microseconds.
pub(super) fn read(startup: u64) -> Resources {
    let mut resources = Resources { startup, ..Resources::default() };
    let allocator = || -> Result<(usize, usize, usize), tikv_jemalloc_ctl::Error> {
        epoch::advance()?;
        Ok((stats::allocated::read()?, stats::active::read()?, stats::resident::read()?))
    };
    if let Ok((allocated, active, resident)) = allocator() {
        resources.allocated = allocated as u64;
        resources.active = active as u64;
        resources.resident = resident as u64;
    }
    let numbers = |text: &str| -> Vec<u64> {
        text.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect()
    };
    if let Ok(statm) = fs::read_to_string("/proc/self/statm") {
        resources.rss = numbers(&statm).get(1).copied().unwrap_or_default() * PAGE_BYTES;
    }
    // The fields after the executable's name, which may hold spaces, begin behind its parenthesis.
    if let Ok(stat) = fs::read_to_string("/proc/self/stat")
        && let Some((_, fields)) = stat.rsplit_once(')')
    {
        let fields = numbers(fields);
        let seconds =
            |index: usize| fields.get(index).map_or(0.0, |&t| t as f64 / TICKS_PER_SECOND);
        resources.cpu_user_seconds = seconds(11);
        resources.cpu_system_seconds = seconds(12);
    }
    if let Ok(meminfo) = fs::read_to_string("/proc/meminfo") {
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        resources.system =
            total.and_then(|line| numbers(line).first().copied()).unwrap_or(0) * 1024;
    }
    resources
}

/// What the allocator has given out, in bytes; zero if it does not tell. About 20 microseconds.
pub(super) fn allocated() -> u64 {
    let figure = epoch::advance().and_then(|_| stats::allocated::read());
    figure.map_or(0, |bytes| bytes as u64)
}

/// The allocator's own report.
pub(super) fn report() -> Vec<u8> {
    let mut report = Vec::new();
    match stats_print::stats_print(&mut report, stats_print::Options::default()) {
        Ok(()) => report,
        Err(error) => format!("no statistics: {error}\n").into_bytes(),
    }
}

/// Gives memory that is free but not returned back to the system.
#[expect(unsafe_code, reason = "the allocator's control call has no safe form")]
pub(super) fn purge() {
    let name = c"arena.4096.purge"; // 4096 stands for all arenas.
    // SAFETY: the name is a NUL-terminated string; this control takes no input and gives no output,
    // as the null pointers say.
    let failed = unsafe {
        tikv_jemalloc_sys::mallctl(
            name.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        )
    };
    if failed != 0 {
        tracing::warn!(failed, "the allocator did not purge");
    }
}
