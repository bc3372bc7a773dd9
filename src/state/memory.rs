//! The process's use of memory and CPU, as of the latest tick.

use parking_lot::Mutex;

/// What the allocator and the system say of the process, in bytes and seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resources {
    pub allocated: u64,
    pub active: u64,
    pub resident: u64,
    pub rss: u64,
    /// Allocated when the node had started and held no key.
    pub startup: u64,
    /// Memory of the machine.
    pub system: u64,
    pub cpu_user_seconds: f64,
    pub cpu_system_seconds: f64,
}

/// The latest reading. Written by the control plane, read by anyone.
#[derive(Debug, Default)]
pub struct Gauge(Mutex<Resources>);

impl Gauge {
    #[must_use]
    pub fn load(&self) -> Resources {
        *self.0.lock()
    }

    pub fn store(&self, resources: Resources) {
        *self.0.lock() = resources;
    }
}
