//! Mann-Whitney test with a confidence interval for the shift, as Kayenta uses it.

use serde::{Deserialize, Serialize};

use crate::share::deviations;

/// Outcome of a Mann-Whitney test of canary against stable; valid for one look only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// Pairs in which canary is higher, ties counted half.
    pub u: f64,
    /// Chance that a point of canary is higher than one of stable (common language effect size).
    pub higher: f64,
    /// Median of all pairwise differences (Hodges-Lehmann).
    pub shift: f64,
    /// Lower end of the confidence interval of the shift; minus infinity with too few points.
    pub low: f64,
    /// Upper end; plus infinity with too few points.
    pub high: f64,
}

/// Tests whether canary's points are shifted against stable's; `None` without points on either side.
///
/// The interval takes the normal approximation with continuity correction and ignores ties, as usual.
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
    let sigma = (count * (stable.len() + canary.len() + 1) as f64 / 12.0).sqrt();
    let cut = (count / 2.0 - 0.5 - deviations(confidence) * sigma).floor();
    let (low, high) = if cut >= 1.0 {
        let cut = cut as usize;
        (differences[cut - 1], differences[pairs - cut])
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    };
    let shift = f64::midpoint(differences[(pairs - 1) / 2], differences[pairs / 2]);
    Some(MannWhitney { u, higher: u / count, shift, low, high })
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
        assert!((test.higher - 1.0).abs() < f64::EPSILON);
        assert!((test.shift - 100.0).abs() < 1e-12);
        assert!(test.low > 90.0 && test.high < 110.0, "{test:?}");
    }

    #[test]
    fn equal_points_have_no_shift() {
        let test = mann_whitney(&[0.0; 8], &[0.0; 8], 0.98).expect("points");
        assert!((test.higher - 0.5).abs() < f64::EPSILON);
        assert!(test.shift.abs() < f64::EPSILON && test.low.abs() < f64::EPSILON);
    }

    #[test]
    fn few_points_have_no_interval() {
        let test = mann_whitney(&[0.0; 3], &[1.0; 3], 0.98).expect("points");
        assert!(test.low.is_infinite() && test.high.is_infinite());
        assert_eq!(mann_whitney(&[], &[1.0], 0.98), None);
    }
}
