//! How often and after which time an event is tried again.

use std::time::Duration;

const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// The policy for events that fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) first_delay: Duration,
}

impl RetryPolicy {
    /// Wait after this failed attempt, or `None` when it was the last one.
    pub(crate) fn delay_after(self, attempt: u32) -> Option<Duration> {
        (attempt < self.max_attempts).then(|| {
            let doublings = attempt.saturating_sub(1).min(20);
            self.first_delay.saturating_mul(1 << doublings).min(LONGEST_DELAY)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_end() {
        let policy = RetryPolicy { max_attempts: 4, first_delay: Duration::from_secs(1) };
        let delays: Vec<_> =
            (1..=5).map(|attempt| policy.delay_after(attempt).map(|d| d.as_secs())).collect();
        assert_eq!(delays, [Some(1), Some(2), Some(4), None, None]);
    }

    #[test]
    fn delays_have_an_upper_end() {
        let policy = RetryPolicy { max_attempts: 20, first_delay: Duration::from_secs(1) };
        assert_eq!(policy.delay_after(15), Some(LONGEST_DELAY));
    }
}
