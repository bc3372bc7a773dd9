//! Waiting for something to become true: the one place where a test may sleep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A failure takes so long to be seen; a machine that stands still for a while must not be one.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// Polls `condition` until it holds.
///
/// # Panics
/// After two minutes, naming `what` was waited for.
#[track_caller]
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, condition);
}

/// [`eventually`] with another limit.
///
/// # Panics
/// When `limit` is over.
#[track_caller]
pub fn eventually_within(limit: Duration, what: &str, condition: impl FnMut() -> bool) {
    assert!(until(limit, condition), "not within {limit:?}: {what}");
}

/// Polls `condition` until it holds or `limit` is over; says whether it held.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Sets a flag when it is dropped: threads of a scope that go on until then end even if the test
/// fails in between, which would otherwise wait for them for ever.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
