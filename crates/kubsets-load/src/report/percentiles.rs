//! Percentiles in milliseconds, with the part of them that is a lower bound only.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::latencies::Latencies;

/// Percentiles of a set of latencies, in milliseconds, exact to three significant digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub fn of(exact: &Latencies, bounds: &Latencies) -> Self {
        let mut all = exact.clone();
        all.merge(bounds);
        let at = |quantile| all.quantile(quantile).map_or(0.0, ms);
        Self {
            count: all.count(),
            min: all.min().map_or(0.0, ms),
            mean: all.mean().map_or(0.0, ms),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: all.max().map_or(0.0, ms),
            lower_bounds: bounds.count(),
            at_least_from: bounds.min().map(ms),
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

pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Recorder;

    #[test]
    fn lower_bounds_are_marked_from_the_smallest_on() {
        let of = |nanos, count| {
            let mut recorder = Recorder::<u64>::new();
            recorder.record_many(nanos, count);
            recorder.latencies()
        };
        let percentiles = Percentiles::of(&of(5_000_000, 90), &of(2_000_000_000, 10));
        assert_eq!(percentiles.count, 100);
        assert_eq!(percentiles.lower_bounds, 10);
        assert_eq!(percentiles.text(percentiles.p90), "5.00 ms");
        assert_eq!(percentiles.text(percentiles.p99), "≥ 2001 ms");
        let none = Percentiles::of(&Latencies::default(), &Latencies::default());
        assert_eq!(none, Percentiles::default());
        assert_eq!(none.text(none.p99), "-");
    }
}
