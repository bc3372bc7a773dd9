//! The allocator's figures.

use tikv_jemalloc_ctl::{epoch, stats};

/// Bytes in use, as the allocator counts them; zero when it cannot tell. Some tens of microseconds.
pub(super) fn allocated() -> u64 {
    let read = || -> Result<usize, tikv_jemalloc_ctl::Error> {
        epoch::advance()?;
        stats::allocated::read()
    };
    read().unwrap_or_default() as u64
}
