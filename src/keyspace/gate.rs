//! The exclusive gate: how work over the whole keyspace gets it to itself.
//!
//! A thread that touches slots holds its own gate lock while it does, which costs one uncontended
//! lock on a line nobody else writes. The exclusive side takes all of them, in order, so that two
//! exclusive threads cannot deadlock. A thread holds one pass at a time.

use parking_lot::{Mutex, MutexGuard};

/// On its own pair of lines: the adjacent-line prefetcher would otherwise share them between cores.
#[repr(align(128))]
#[derive(Default)]
struct Lane(Mutex<()>);

/// See the module's head.
pub struct Gate {
    lanes: Box<[Lane]>,
}

/// Permission to touch slots, for as long as it lives.
pub enum Pass<'g> {
    /// Alongside the other threads, under the slots' locks.
    Shared(MutexGuard<'g, ()>),
    /// Nobody else touches any slot.
    Exclusive(Vec<MutexGuard<'g, ()>>),
}

impl Gate {
    /// For threads numbered from 0 to `threads - 1`.
    #[must_use]
    pub fn new(threads: usize) -> Gate {
        Gate { lanes: (0..threads.max(1)).map(|_| Lane::default()).collect() }
    }

    /// Number of lanes.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.lanes.len()
    }

    /// Lets thread number `thread` in, waiting while another is exclusive: about 17 ns otherwise.
    /// With `exclusive` it waits until every thread has left and keeps them out.
    #[inline]
    pub fn enter(&self, thread: usize, exclusive: bool) -> Pass<'_> {
        if exclusive { self.exclusive() } else { Pass::Shared(self.lanes[thread].0.lock()) }
    }

    /// For threads without a number, which cannot be let in otherwise.
    #[cold]
    pub fn exclusive(&self) -> Pass<'_> {
        Pass::Exclusive(self.lanes.iter().map(|lane| lane.0.lock()).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn exclusive_work_never_overlaps_any_other() {
        let gate = Gate::new(4);
        // Threads inside; an exclusive one counts as a thousand.
        let inside = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (gate, inside) = (&gate, &inside);
                scope.spawn(move || {
                    for _ in 0..2000 {
                        let pass = gate.enter(thread, false);
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 1000);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(pass);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let all = gate.exclusive();
                        assert_eq!(inside.fetch_add(1000, Ordering::SeqCst), 0);
                        inside.fetch_sub(1000, Ordering::SeqCst);
                        drop(all);
                    }
                });
            }
        });
        assert_eq!(inside.into_inner(), 0);
    }
}
