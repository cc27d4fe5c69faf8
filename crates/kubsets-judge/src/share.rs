//! The share of traffic that the canary really gets: estimate, convergence, and the test of the split.

mod split;

use serde::{Deserialize, Serialize};
use statrs::function::erf::{erfc, erfc_inv};

pub use split::SplitTest;

/// Half-width of a normal interval of this confidence, in standard deviations (1.96 for 0.95).
pub fn deviations(confidence: f64) -> f64 {
    std::f64::consts::SQRT_2 * erfc_inv((1.0 - confidence).clamp(f64::MIN_POSITIVE, 1.0))
}

/// Probability that a standard normal is above `z`.
pub(crate) fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// An observed share with its Wilson interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Requests that went to the canary.
    pub canary: u64,
    /// Requests in all.
    pub total: u64,
    /// Observed share, 0 to 1.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Confidence of the interval, 0 to 1.
    pub confidence: f64,
}

impl Estimate {
    /// The share of `canary` in `total` requests with its 95 % interval; the whole range without requests.
    pub fn new(canary: u64, total: u64) -> Self {
        Self::with_confidence(canary, total, 0.95)
    }

    /// The same with another confidence, over 0 and under 1.
    pub fn with_confidence(canary: u64, total: u64, confidence: f64) -> Self {
        let canary = canary.min(total);
        if total == 0 {
            return Self { canary, total, share: 0.0, low: 0.0, high: 1.0, confidence };
        }
        let n = total as f64;
        let share = canary as f64 / n;
        let z2 = deviations(confidence).powi(2);
        let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
        // Rounding must not push the ends past the observed share itself.
        let low = if canary == 0 { 0.0 } else { (centre - half).clamp(0.0, share) };
        let high = if canary == total { 1.0 } else { (centre + half).clamp(share, 1.0) };
        Self { canary, total, share, low, high, confidence }
    }

    /// Half of the interval's width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether the interval contains a share.
    pub fn contains(&self, share: f64) -> bool {
        (self.low..=self.high).contains(&share)
    }
}

/// Requests after which the 95 % interval of a share is about `half_width` to each side; `None` when `half_width`
/// is not over 0.
pub fn requests_for_half_width(share: f64, half_width: f64) -> Option<u64> {
    if half_width.is_nan() || half_width <= 0.0 {
        return None;
    }
    let share = share.clamp(0.0, 1.0);
    let reaches =
        |total: u64| Estimate::new((share * total as f64).round() as u64, total).half_width() <= half_width;
    let mut high = 1_u64;
    while !reaches(high) {
        high = high.checked_mul(2).filter(|&n| n < 1 << 50)?;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if reaches(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// Whether the data plane follows an ordered share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Convergence {
    /// The interval contains the target and is narrow enough.
    Reached,
    /// The interval contains the target but is still wide; about so many more requests narrow it.
    Unknown {
        /// Requests still needed.
        requests: u64,
    },
    /// The interval excludes the target.
    Away {
        /// Observed share less the target.
        deviation: f64,
    },
}

/// Compares the latest traffic with the ordered share; `half_width` is the wanted precision (0.05 is 5 points).
///
/// Feed it a window of recent requests, not the whole run: the past before the change would hide the new split.
pub fn convergence(window: &Estimate, target: f64, half_width: f64) -> Convergence {
    if window.total > 0 && !window.contains(target) {
        return Convergence::Away { deviation: window.share - target };
    }
    if window.total > 0 && window.half_width() <= half_width {
        return Convergence::Reached;
    }
    let needed = requests_for_half_width(target, half_width).unwrap_or(u64::MAX);
    Convergence::Unknown { requests: needed.saturating_sub(window.total).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_the_known_ones() {
        assert!((deviations(0.95) - 1.959_964).abs() < 1e-5);
        assert!((deviations(0.99) - 2.575_829).abs() < 1e-5);
    }

    #[test]
    fn wilson_interval_by_the_book() {
        // 10 of 100 at 95 %: 0.0552 to 0.1744.
        let estimate = Estimate::new(10, 100);
        assert!((estimate.low - 0.0552).abs() < 1e-4, "{estimate:?}");
        assert!((estimate.high - 0.1744).abs() < 1e-4, "{estimate:?}");
        let none = Estimate::new(0, 50);
        assert!(none.low.abs() < f64::EPSILON && none.high > 0.05 && none.high < 0.08, "{none:?}");
    }

    #[test]
    fn requests_for_a_half_width() {
        // 1.96^2 * 0.1 * 0.9 / 0.01^2 = 3457, Wilson differs by a little.
        let needed = requests_for_half_width(0.1, 0.01).expect("reachable");
        assert!((3400..3520).contains(&needed), "{needed}");
        assert_eq!(requests_for_half_width(0.1, 0.0), None);
    }

    #[test]
    fn convergence_tells_its_three_states() {
        assert!(matches!(
            convergence(&Estimate::new(0, 0), 0.1, 0.05),
            Convergence::Unknown { requests } if requests > 100
        ));
        assert!(matches!(convergence(&Estimate::new(1, 12), 0.1, 0.05), Convergence::Unknown { .. }));
        assert_eq!(convergence(&Estimate::new(21, 200), 0.1, 0.05), Convergence::Reached);
        assert!(matches!(
            convergence(&Estimate::new(10, 200), 0.25, 0.05),
            Convergence::Away { deviation } if deviation < -0.19
        ));
    }
}
