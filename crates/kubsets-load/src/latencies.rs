//! Latency histograms: a recorder with three significant digits, and the compact form that travels.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Smallest distance that is kept apart, in nanoseconds.
const LOW: u64 = 1_000;
/// Longest latency that is kept apart (one hour); longer ones count as this.
const HIGH: u64 = 3_600_000_000_000;

/// A latency histogram in compact form: the buckets that are not empty, in ascending order, each as its
/// upper bound in nanoseconds (three significant digits) and its count. Merging loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Latencies {
    buckets: Vec<(u64, u64)>,
}

impl Latencies {
    /// What a histogram holds.
    pub(crate) fn of<T: Counter>(histogram: &Histogram<T>) -> Self {
        let buckets = histogram
            .iter_recorded()
            .map(|value| (value.value_iterated_to(), value.count_at_value().as_u64()))
            .collect();
        Self { buckets }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many values are above a threshold. A threshold that came out of [`quantile`](Self::quantile) is the
    /// upper bound of a bucket, so that the answer is exact.
    pub fn count_above(&self, threshold: Duration) -> u64 {
        let threshold = kubsets_schedule::nanos(threshold);
        let first = self.buckets.partition_point(|(upper, _)| *upper <= threshold);
        self.buckets[first..].iter().map(|(_, count)| count).sum()
    }

    /// The value that the share `q` (0 to 1) of all values does not exceed; `None` without values.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        self.at_rank(((q.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1))
    }

    /// The latency with this rank, counted from 1; `None` where there are fewer.
    pub fn at_rank(&self, rank: u64) -> Option<Duration> {
        let mut seen = 0;
        self.buckets.iter().find_map(|(upper, count)| {
            seen += count;
            (seen >= rank).then(|| Duration::from_nanos(*upper))
        })
    }

    /// The smallest value.
    pub fn min(&self) -> Option<Duration> {
        self.buckets.first().map(|(upper, _)| Duration::from_nanos(*upper))
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        let sum: f64 = self.buckets.iter().map(|(upper, count)| *upper as f64 * *count as f64).sum();
        (count > 0).then(|| Duration::from_nanos((sum / count as f64) as u64))
    }

    /// The largest value.
    pub fn max(&self) -> Option<Duration> {
        self.buckets.last().map(|(upper, _)| Duration::from_nanos(*upper))
    }

    /// Adds the values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        if other.buckets.is_empty() {
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        let mine = std::mem::take(&mut self.buckets);
        let mut theirs = other.buckets.iter().copied().peekable();
        self.buckets.reserve(mine.len() + other.buckets.len());
        for (upper, count) in mine {
            while let Some(before) = theirs.next_if(|(bound, _)| *bound < upper) {
                self.buckets.push(before);
            }
            let same = theirs.next_if(|(bound, _)| *bound == upper).map_or(0, |(_, count)| count);
            self.buckets.push((upper, count + same));
        }
        self.buckets.extend(theirs);
    }

    /// Upper bounds in nanoseconds and counts of the buckets, ascending.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }
}

/// Records latencies with three significant digits between one microsecond and one hour.
#[derive(Debug, Clone)]
pub(crate) struct Recorder<T: Counter> {
    histogram: Histogram<T>,
}

impl<T: Counter> Recorder<T> {
    pub(crate) fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(LOW, HIGH, 3).expect("the bounds are constants that are in order");
        Self { histogram }
    }

    pub(crate) fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos.max(1));
    }

    pub(crate) fn record_many(&mut self, nanos: u64, count: T) {
        self.histogram.saturating_record_n(nanos.max(1), count);
    }

    pub(crate) fn add(&mut self, other: &Latencies)
    where
        T: From<u32>,
    {
        for &(upper, count) in &other.buckets {
            let mut left = count;
            while left > 0 {
                let part = u32::try_from(left).unwrap_or(u32::MAX);
                self.histogram.saturating_record_n(upper, T::from(part));
                left -= u64::from(part);
            }
        }
    }

    pub(crate) fn latencies(&self) -> Latencies {
        Latencies::of(&self.histogram)
    }

    /// The compact form of what was recorded since the last call, and an empty recorder.
    pub(crate) fn take(&mut self) -> Latencies {
        if self.histogram.is_empty() {
            return Latencies::default();
        }
        let out = self.latencies();
        self.histogram.reset();
        out
    }

    pub(crate) fn histogram(&self) -> &Histogram<T> {
        &self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Latencies {
        let mut recorder = Recorder::<u32>::new();
        for value in values {
            recorder.record(*value);
        }
        recorder.take()
    }

    #[test]
    fn thresholds_from_quantiles_count_exactly() {
        let values: Vec<u64> = (1..=1000).map(|i| i * 100_000).collect();
        let latencies = of(&values);
        assert_eq!(latencies.count(), 1000);
        let p90 = latencies.quantile(0.9).unwrap();
        assert!((p90.as_secs_f64() - 0.09).abs() < 0.0001, "{p90:?}");
        assert_eq!(latencies.count_above(p90), 100);
        assert_eq!(latencies.count_above(Duration::ZERO), 1000);
        assert_eq!(latencies.count_above(Duration::from_secs(1)), 0);
        assert_eq!(Latencies::default().quantile(0.5), None);
    }

    #[test]
    fn the_recorder_is_empty_after_taking() {
        let mut recorder = Recorder::<u32>::new();
        recorder.record(5_000_000);
        assert_eq!(recorder.take().count(), 1);
        assert!(recorder.take().is_empty());
    }

    proptest! {
        #[test]
        fn merging_is_recording_together(
            a in prop::collection::vec(1_u64..10_000_000_000, 0..60),
            b in prop::collection::vec(1_u64..10_000_000_000, 0..60),
        ) {
            let both: Vec<u64> = a.iter().chain(&b).copied().collect();
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(&merged, &of(&both));
            let mut recorder = Recorder::<u64>::new();
            recorder.add(&of(&a));
            recorder.add(&of(&b));
            prop_assert_eq!(recorder.latencies(), merged);
        }
    }
}
