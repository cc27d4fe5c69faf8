//! Whether a driver lives, seen from its renewals.

use std::time::Duration;

use tokio::time::Instant;

use crate::lease::{LEASE_SECONDS, Lease};

/// Sees from renewals whether a driver lives, by this machine's steady clock only: clocks of
/// machines need not agree, and time in which the Lease could not be read does not count.
#[derive(Debug)]
pub(crate) struct Pulse {
    last: Option<String>,
    since: Instant,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { last: None, since: Instant::now() }
    }

    /// Looks at the Lease; true when it was not renewed for as long as it lasts.
    pub(crate) fn is_dead(&mut self, lease: &Lease) -> bool {
        let renewed = lease.renewed().map(str::to_owned);
        if renewed.is_none() || renewed != self.last {
            self.last = renewed;
            self.since = Instant::now();
        }
        self.since.elapsed() >= Duration::from_secs(LEASE_SECONDS)
    }

    /// Forgets what was seen: the Lease could not be read.
    pub(crate) fn interrupted(&mut self) {
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Claim;
    use crate::lease::micro_time;
    use crate::run_id::RunId;

    #[test]
    fn a_pulse_needs_time_without_renewal() {
        let lease = Lease::of(&Claim::canary(RunId::generate(), None, "shop", "demo-app"), &micro_time());
        let mut pulse = Pulse::new();
        assert!(!pulse.is_dead(&lease));
        pulse.since = Instant::now().checked_sub(Duration::from_secs(LEASE_SECONDS + 1)).unwrap();
        assert!(pulse.is_dead(&lease));
        pulse.interrupted();
        assert!(!pulse.is_dead(&lease));
    }
}
