//! Latency as counts: thresholds frozen from stable's warm-up.
//!
//! A request is slow when it takes longer than a quantile that stable had before the canary came. The same test
//! then works for errors and for latency, from histogram buckets too.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tick::{Counts, Indicator};

/// Smallest difference in the share of slow requests that matters, whatever the shape of the latencies.
const LEAST_MARGIN: f64 = 0.005;

/// Why thresholds cannot be taken.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LatencyError {
    /// The warm-up has too few requests for a 99th percentile.
    #[error("{got} latencies in the warm-up, but at least {needed} are needed to know its percentiles")]
    TooFew {
        /// Latencies given.
        got: usize,
        /// Latencies needed.
        needed: usize,
    },
    /// A latency is not a finite number from 0 up.
    #[error("a latency of {0} in the warm-up, but must be a finite number from 0 up")]
    NotANumber(f64),
}

/// Latencies above which a request is slow, and what a slower version would change in their shares.
///
/// The unit is the caller's (milliseconds in this project); only the order and the ratio matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Stable's median, 90th and 99th percentile.
    pub above: [f64; 3],
    /// Rise of the share of slow requests that a version slower by the practical margin shows at each threshold.
    pub margins: [f64; 3],
}

impl Thresholds {
    /// Fewest latencies that thresholds are taken from.
    pub const LEAST: usize = 100;

    /// Thresholds from stable's exact latencies; `slow_margin` is the factor that matters (0.1 is 10 % slower).
    ///
    /// # Errors
    /// Fewer than [`Self::LEAST`] latencies, or one that is negative or not finite.
    pub fn from_latencies(latencies: &[f64], slow_margin: f64) -> Result<Self, LatencyError> {
        if latencies.len() < Self::LEAST {
            return Err(LatencyError::TooFew { got: latencies.len(), needed: Self::LEAST });
        }
        if let Some(&wrong) = latencies.iter().find(|latency| !latency.is_finite() || **latency < 0.0) {
            return Err(LatencyError::NotANumber(wrong));
        }
        let mut sorted = latencies.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let above = Indicator::SLOW
            .map(|slow| sorted[(slow.quantile().unwrap_or(0.5) * last as f64).round() as usize]);
        let share_above = |limit: f64| {
            (sorted.len() - sorted.partition_point(|&latency| latency <= limit)) as f64 / sorted.len() as f64
        };
        Ok(Self::from_shares(above, slow_margin, share_above))
    }

    /// Thresholds from a function that gives stable's latency at a quantile (0 to 1), such as that of a histogram.
    pub fn from_quantiles(quantile: impl Fn(f64) -> f64, slow_margin: f64) -> Self {
        let above = Indicator::SLOW.map(|slow| quantile(slow.quantile().unwrap_or(0.5)));
        let share_above = |limit: f64| {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..24 {
                let middle = f64::midpoint(low, high);
                if quantile(middle) > limit {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            1.0 - high
        };
        Self::from_shares(above, slow_margin, share_above)
    }

    fn from_shares(above: [f64; 3], slow_margin: f64, share_above: impl Fn(f64) -> f64) -> Self {
        // A version slower by a factor f exceeds t as often as stable exceeds t/f.
        let margins = above
            .map(|limit| (share_above(limit / (1.0 + slow_margin)) - share_above(limit)).max(LEAST_MARGIN));
        Self { above, margins }
    }

    /// Counts of slow requests at each threshold, in the order of [`Indicator::SLOW`], from latencies with how
    /// often each occurred (buckets of a histogram, or single latencies with 1).
    pub fn count(&self, latencies: impl IntoIterator<Item = (f64, u64)>) -> [Counts; 3] {
        let mut counts = [Counts::default(); 3];
        for (latency, times) in latencies {
            for (counts, &limit) in counts.iter_mut().zip(&self.above) {
                *counts += Counts::new(times, if latency > limit { times } else { 0 });
            }
        }
        counts
    }

    /// Margins assumed until thresholds are frozen: those of log-normal latencies with a spread of 0.5, 10 % slower.
    pub(crate) const ASSUMED_MARGINS: [f64; 3] = [0.076, 0.038, 0.0064];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_list_gives_quantiles_and_margins() {
        let latencies: Vec<f64> = (0..=1000).map(f64::from).collect();
        let thresholds = Thresholds::from_latencies(&latencies, 0.1).expect("enough");
        assert_eq!(thresholds.above.map(|t| t.round() as i64), [500, 900, 990]);
        // 10 % slower moves the share above 500 from 500/1001 to that above 454.5.
        assert!((thresholds.margins[0] - 46.0 / 1001.0).abs() < 1e-9, "{thresholds:?}");
        let by_quantile = Thresholds::from_quantiles(|q| q * 1000.0, 0.1);
        for (one, other) in thresholds.margins.iter().zip(by_quantile.margins) {
            assert!((one - other).abs() < 2e-3, "{one} {other}");
        }
    }

    #[test]
    fn counting_uses_strictly_above() {
        let thresholds = Thresholds { above: [10.0, 20.0, 30.0], margins: [0.05; 3] };
        let counts = thresholds.count([(10.0, 4), (20.5, 3), (100.0, 1)]);
        assert_eq!(counts, [Counts::new(8, 4), Counts::new(8, 4), Counts::new(8, 1)]);
    }

    #[test]
    fn too_little_or_wrong_warm_up_is_refused() {
        let few = Thresholds::from_latencies(&[1.0; 5], 0.1).expect_err("too few");
        assert_eq!(
            few.to_string(),
            "5 latencies in the warm-up, but at least 100 are needed to know its percentiles"
        );
        let mut wrong = vec![1.0; 200];
        wrong[7] = f64::NAN;
        assert!(matches!(Thresholds::from_latencies(&wrong, 0.1), Err(LatencyError::NotANumber(_))));
    }

    #[test]
    fn one_value_only_keeps_a_least_margin() {
        let thresholds = Thresholds::from_latencies(&[5.0; 100], 0.1).expect("enough");
        // Everything is above 5/1.1, so the margin is large: a version 10 % slower is slow throughout.
        assert!((thresholds.margins[0] - 1.0).abs() < 1e-9);
        let gap: Vec<f64> = (0..1000).map(|i| if i < 995 { 1.0 + f64::from(i % 2) } else { 1e3 }).collect();
        let thresholds = Thresholds::from_latencies(&gap, 0.1).expect("enough");
        assert!(thresholds.margins.iter().all(|&margin| margin >= 0.005));
    }
}
