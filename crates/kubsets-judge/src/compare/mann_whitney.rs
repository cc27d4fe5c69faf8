//! Mann-Whitney test with a confidence interval for the shift, as Kayenta uses it.

use serde::{Deserialize, Serialize};

use crate::share::{deviations, upper_tail};

/// Outcome of a Mann-Whitney test of canary against stable; valid for one look only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// Pairs in which canary is higher, ties counted half.
    pub u: f64,
    /// Chance that a point of canary is higher than one of stable (common language effect size).
    pub higher: f64,
    /// One-sided p-value that canary is higher (normal approximation, corrected for ties and continuity).
    pub p: f64,
    /// Median of all pairwise differences (Hodges-Lehmann).
    pub shift: f64,
    /// Lower end of the confidence interval of the shift; the least difference with too few points.
    pub low: f64,
    /// Upper end; the greatest difference with too few points.
    pub high: f64,
}

/// Tests whether canary's points are shifted against stable's; `None` without points on either side.
///
/// The interval takes the normal approximation with continuity correction and with the variance corrected for ties
/// within each version, as R's `wilcox.test` and Kayenta do.
pub fn mann_whitney(stable: &[f64], canary: &[f64], confidence: f64) -> Option<MannWhitney> {
    let pairs = stable.len() * canary.len();
    if pairs == 0 {
        return None;
    }
    let mut differences: Vec<f64> =
        canary.iter().flat_map(|canary| stable.iter().map(move |stable| canary - stable)).collect();
    differences.sort_by(f64::total_cmp);
    let u: f64 = differences
        .iter()
        .map(|difference| match difference.total_cmp(&0.0) {
            _ if difference.abs() < f64::MIN_POSITIVE => 0.5,
            std::cmp::Ordering::Greater => 1.0,
            _ => 0.0,
        })
        .sum();
    let count = pairs as f64;
    let points = (stable.len() + canary.len()) as f64;
    let ties = (tied(stable) + tied(canary)) / (points * (points - 1.0));
    let sigma = (count / 12.0 * (points + 1.0 - ties)).max(0.0).sqrt();
    // The shift at which the test statistic, continuity corrected, is just significant.
    let cut = (count / 2.0 - 0.5 - deviations(confidence) * sigma).ceil().max(1.0) as usize;
    let (low, high) = (differences[cut - 1], differences[pairs - cut]);
    let all = tied(&[stable, canary].concat()) / (points * (points - 1.0));
    let spread = (count / 12.0 * (points + 1.0 - all)).max(0.0).sqrt();
    let above = u - count / 2.0;
    let p = if spread > 0.0 { upper_tail((above - 0.5) / spread) } else { 1.0 };
    let shift = f64::midpoint(differences[(pairs - 1) / 2], differences[pairs / 2]);
    Some(MannWhitney { u, higher: u / count, p, shift, low, high })
}

/// Sum of t^3 - t over the groups of t equal points.
fn tied(points: &[f64]) -> f64 {
    let mut sorted = points.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|one, other| one.total_cmp(other).is_eq())
        .map(|group| (group.len() as f64).powi(3) - group.len() as f64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_shift() {
        let stable: Vec<f64> = (0..10).map(f64::from).collect();
        let canary: Vec<f64> = stable.iter().map(|point| point + 100.0).collect();
        let test = mann_whitney(&stable, &canary, 0.98).expect("points");
        assert!((test.u - 100.0).abs() < f64::EPSILON);
        // R: wilcox.test(canary, stable, alternative = "greater", exact = FALSE)$p.value
        assert!((test.p - 9.133e-5).abs() < 1e-7, "{test:?}");
        assert!((test.higher - 1.0).abs() < f64::EPSILON);
        assert!((test.shift - 100.0).abs() < 1e-12);
        assert!(test.low > 90.0 && test.high < 110.0, "{test:?}");
    }

    #[test]
    fn equal_points_have_no_shift() {
        let test = mann_whitney(&[0.0; 8], &[0.0; 8], 0.98).expect("points");
        assert!((test.higher - 0.5).abs() < f64::EPSILON && (test.p - 1.0).abs() < f64::EPSILON);
        assert!(test.shift.abs() < f64::EPSILON && test.low.abs() < f64::EPSILON);
    }

    #[test]
    fn few_points_give_the_range_of_the_differences() {
        let test = mann_whitney(&[0.0, 1.0, 2.0], &[10.0, 11.0, 12.0], 0.98).expect("points");
        assert!((test.low - 8.0).abs() < 1e-12 && (test.high - 12.0).abs() < 1e-12, "{test:?}");
        assert_eq!(mann_whitney(&[], &[1.0], 0.98), None);
    }

    #[test]
    fn ties_are_counted_in_groups() {
        assert!((tied(&[0.0, 0.0, 0.0, 1.0, 2.0, 2.0]) - 30.0).abs() < f64::EPSILON);
    }
}
