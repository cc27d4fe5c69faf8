//! What the owner of a run can change while it runs; read by the pacing tasks at every wake-up.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

const RUNNING: u8 = 0;
const STOPPED: u8 = 1;
const ABORTED: u8 = 2;

/// Wishes of the owner.
#[derive(Debug, Default)]
pub(crate) struct Control {
    end: AtomicU8,
    rate: AtomicU64,
    changes: AtomicU64,
}

impl Control {
    /// Plan nothing new; what is under way may finish.
    pub(crate) fn stop(&self) {
        self.end.fetch_max(STOPPED, Ordering::Relaxed);
    }

    /// Plan nothing new and wait for nothing.
    pub(crate) fn abort(&self) {
        self.end.fetch_max(ABORTED, Ordering::Relaxed);
    }

    pub(crate) fn set_rate(&self, rate: f64) {
        self.rate.store(rate.to_bits(), Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.end.load(Ordering::Relaxed) != RUNNING
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.end.load(Ordering::Relaxed) == ABORTED
    }

    /// The newest rate, if it was set after change number `seen`, which is brought up to date.
    pub(crate) fn new_rate(&self, seen: &mut u64) -> Option<f64> {
        let changes = self.changes.load(Ordering::Acquire);
        if changes == *seen {
            return None;
        }
        *seen = changes;
        Some(f64::from_bits(self.rate.load(Ordering::Relaxed)))
    }
}
