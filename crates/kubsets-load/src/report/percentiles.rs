//! Percentiles in milliseconds, with the part of them that is a lower bound only.

use serde::{Deserialize, Serialize};

use crate::latencies::Recorder;

/// Percentiles of a set of latencies, in milliseconds, exact to three significant digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// Number of values.
    pub count: u64,
    /// Smallest value.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 % are not above.
    pub p90: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// 99.9 % are not above.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// Largest value.
    pub max: f64,
    /// How many of the values are lower bounds: requests whose end was not seen.
    pub lower_bounds: u64,
    /// The smallest lower bound. A percentile at or above it says "at least"; one below it is exact.
    pub at_least_from: Option<f64>,
}

impl Percentiles {
    /// Percentiles of measured values and of lower bounds together.
    pub(crate) fn of(exact: &Recorder<u64>, bounds: Option<&Recorder<u64>>) -> Self {
        let mut all = exact.clone();
        let mut lower_bounds = 0;
        let mut at_least_from = None;
        if let Some(bounds) = bounds.filter(|bounds| !bounds.histogram().is_empty()) {
            all.add(&bounds.latencies());
            lower_bounds = bounds.histogram().len();
            at_least_from = Some(ms(bounds.histogram().min()));
        }
        let histogram = all.histogram();
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| ms(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            min: ms(histogram.min()),
            mean: histogram.mean() / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(histogram.max()),
            lower_bounds,
            at_least_from,
        }
    }

    /// Whether a percentile of this set is a lower bound only.
    pub fn is_at_least(&self, value: f64) -> bool {
        self.at_least_from.is_some_and(|from| value >= from)
    }

    /// A percentile as text with its unit, `≥` before it if it is a lower bound; `-` if there are no values.
    pub fn text(&self, value: f64) -> String {
        if self.count == 0 {
            return "-".to_owned();
        }
        let sign = if self.is_at_least(value) { "≥ " } else { "" };
        match value {
            value if value < 1.0 => format!("{sign}{:.0} µs", value * 1e3),
            value if value < 10.0 => format!("{sign}{value:.2} ms"),
            value if value < 100.0 => format!("{sign}{value:.1} ms"),
            value if value < 10_000.0 => format!("{sign}{value:.0} ms"),
            value => format!("{sign}{:.1} s", value / 1e3),
        }
    }
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_bounds_are_marked_from_the_smallest_on() {
        let mut exact = Recorder::new();
        (0..90).for_each(|_| exact.record(5_000_000));
        let mut bounds = Recorder::new();
        (0..10).for_each(|_| bounds.record(2_000_000_000));
        let percentiles = Percentiles::of(&exact, Some(&bounds));
        assert_eq!(percentiles.count, 100);
        assert_eq!(percentiles.lower_bounds, 10);
        assert_eq!(percentiles.text(percentiles.p90), "5.00 ms");
        assert_eq!(percentiles.text(percentiles.p99), "≥ 2001 ms");
        assert_eq!(Percentiles::of(&Recorder::new(), None).text(0.0), "-");
    }
}
