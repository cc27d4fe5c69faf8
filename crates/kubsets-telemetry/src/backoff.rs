//! Waiting longer after each failure, with jitter.

use std::time::Duration;

use crate::random::SplitMix64;

/// Exponential backoff between a first and a longest wait.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: SplitMix64,
}

impl Backoff {
    /// Starts with `first` and doubles up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0, random: SplitMix64::from_entropy() }
    }

    /// The next wait: doubled, then cut to between a half and the whole of it at random, so that
    /// replicas do not come back at the same moment.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        doubled.mul_f64(0.5 + 0.5 * self.random.next_share())
    }

    /// Forgets the failures.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last reset.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_longest_and_resets() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let waits: Vec<_> = (0..10).map(|_| backoff.next_wait()).collect();
        assert!((50..=100).contains(&waits[0].as_millis()), "{waits:?}");
        assert!((100..=200).contains(&waits[1].as_millis()), "{waits:?}");
        assert!(waits[6..].iter().all(|wait| (1000..=2000).contains(&wait.as_millis())), "{waits:?}");
        assert_eq!(backoff.failures(), 10);
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }
}
