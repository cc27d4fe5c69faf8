//! Counts and percentiles of one set of requests: all of them, those of a target, those of a version.

use std::collections::BTreeMap;
use std::fmt;

use kubsets_judge::Interval;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::percentiles::{Percentiles, ms};
use crate::engine::Totals;
use crate::latencies::Latencies;
use crate::outcome::ErrorKind;
use crate::tally::{Counts, TargetShard};

/// What was planned and what became of it. Each planned request is in exactly one of the other numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accounting {
    /// Requests that came due.
    pub planned: u64,
    /// Answered and not failed.
    pub ok: u64,
    /// Failed: error or failed status.
    pub failed: u64,
    /// Given up after the timeout.
    pub timed_out: u64,
    /// Still under way when the run ended.
    pub in_flight_at_end: u64,
    /// Given up unsent, or still waiting to be sent when the run ended.
    pub never_sent: u64,
}

impl Accounting {
    pub(super) fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.ok += other.ok;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.in_flight_at_end += other.in_flight_at_end;
        self.never_sent += other.never_sent;
    }

    /// Whether planned = ok + failed + timed out + in flight at the end + never sent.
    pub fn holds(&self) -> bool {
        self.planned == self.ok + self.failed + self.timed_out + self.in_flight_at_end + self.never_sent
    }
}

impl fmt::Display for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.holds() { "=" } else { "≠" };
        write!(
            f,
            "planned {} {sign} ok {} + failed {} + timed out {} + in flight at end {} + never sent {}",
            self.planned, self.ok, self.failed, self.timed_out, self.in_flight_at_end, self.never_sent
        )
    }
}

/// Counts and percentiles of a set of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Name of the set: `total`, a target, a version.
    pub name: String,
    /// What was planned and what became of it.
    pub accounting: Accounting,
    /// Answers by class of status, such as `2xx`.
    pub statuses: BTreeMap<String, u64>,
    /// Unsuccessful requests by kind; timeouts included.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// From the planned instant: good answers, and as lower bounds requests without an answer.
    pub corrected: Percentiles,
    /// From the actual sending: good answers only.
    pub uncorrected: Percentiles,
    /// From the planned instant: failed requests, which would flatter the others by failing fast.
    pub failed: Percentiles,
    /// The values behind the percentiles, so that reports can be added up without loss.
    pub histograms: Histograms,
}

/// The values behind the percentiles of a series: upper bounds in nanoseconds and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Histograms {
    /// Good answers from the planned instant.
    pub corrected: Latencies,
    /// Requests without an answer from the planned instant: lower bounds.
    pub lower_bounds: Latencies,
    /// Good answers from the actual sending.
    pub uncorrected: Latencies,
    /// Failed requests from the planned instant.
    pub failed: Latencies,
}

impl Histograms {
    /// The four histograms in the order of their declaration.
    pub(super) fn all(&self) -> [&Latencies; 4] {
        [&self.corrected, &self.lower_bounds, &self.uncorrected, &self.failed]
    }

    fn add(&mut self, other: &Self) {
        self.corrected.merge(&other.corrected);
        self.lower_bounds.merge(&other.lower_bounds);
        self.uncorrected.merge(&other.uncorrected);
        self.failed.merge(&other.failed);
    }
}

impl Series {
    /// Adds the same series of another report: counts and histograms add up without loss, and the percentiles
    /// are those of all values together.
    pub fn add(&mut self, other: &Self) {
        self.accounting.add(&other.accounting);
        for (class, count) in &other.statuses {
            *self.statuses.entry(class.clone()).or_default() += count;
        }
        for (kind, count) in &other.errors {
            *self.errors.entry(*kind).or_default() += count;
        }
        self.histograms.add(&other.histograms);
        self.compute();
    }

    /// A percentile of the corrected latency in milliseconds with its 95 % interval; `None` without a latency. An upper
    /// end that is a lower bound itself is none.
    pub fn interval(&self, share: f64) -> Option<Interval> {
        let mut all = self.histograms.corrected.clone();
        all.merge(&self.histograms.lower_bounds);
        let at = |rank| all.at_rank(rank).map_or(f64::INFINITY, ms);
        let mut interval = Interval::of_quantile(all.count(), share, at)?;
        if self.corrected.is_at_least(interval.high) {
            interval.high = f64::INFINITY;
        }
        Some(interval)
    }

    fn compute(&mut self) {
        let none = Latencies::default();
        let histograms = &self.histograms;
        self.corrected = Percentiles::of(&histograms.corrected, &histograms.lower_bounds);
        self.uncorrected = Percentiles::of(&histograms.uncorrected, &none);
        self.failed = Percentiles::of(&histograms.failed, &none);
    }
}

/// Adds up a series.
#[derive(Default)]
pub(super) struct Builder {
    name: String,
    plan: TargetShard,
    counts: Counts,
    histograms: Histograms,
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(super) fn plan(&mut self, part: &TargetShard) {
        self.plan.planned += part.planned;
        self.plan.never_sent += part.never_sent;
        self.plan.in_flight_at_end += part.in_flight_at_end;
    }

    /// For a version: what is known to have been meant for it are its answers.
    pub(super) fn plan_answered(&mut self, cell: &Totals) {
        self.plan.planned += cell.counts.ok + cell.counts.failed + cell.counts.timed_out;
    }

    pub(super) fn add(&mut self, cell: &Totals) {
        self.counts.merge(&cell.counts);
        self.histograms.corrected.merge(&cell.corrected.latencies());
        self.histograms.lower_bounds.merge(&cell.bounds.latencies());
        self.histograms.uncorrected.merge(&cell.uncorrected.latencies());
        self.histograms.failed.merge(&cell.failed.latencies());
    }

    pub(super) fn build(self) -> Series {
        let classes = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let statuses = classes.iter().zip(self.counts.statuses).filter(|(_, count)| *count > 0);
        let errors = ErrorKind::ALL.into_iter().map(|kind| (kind, self.counts.errors[kind.index()]));
        let mut series = Series {
            name: self.name,
            accounting: Accounting {
                planned: self.plan.planned,
                ok: self.counts.ok,
                failed: self.counts.failed,
                timed_out: self.counts.timed_out,
                in_flight_at_end: self.plan.in_flight_at_end,
                never_sent: self.plan.never_sent,
            },
            statuses: statuses.map(|(class, count)| ((*class).to_owned(), count)).collect(),
            errors: errors.filter(|(_, count)| *count > 0).collect(),
            corrected: Percentiles::default(),
            uncorrected: Percentiles::default(),
            failed: Percentiles::default(),
            histograms: self.histograms,
        };
        series.compute();
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Recorder;

    fn series(fast: u64, lost: u64) -> Series {
        let of = |nanos, count| {
            let mut recorder = Recorder::<u64>::new();
            if count > 0 {
                recorder.record_many(nanos, count);
            }
            recorder.latencies()
        };
        let mut builder = Builder::new("x");
        builder.histograms = Histograms {
            corrected: of(5_000_000, fast),
            lower_bounds: of(2_000_000_000, lost),
            ..Histograms::default()
        };
        builder.build()
    }

    #[test]
    fn a_percentile_has_an_interval_that_lower_bounds_leave_open() {
        assert_eq!(series(0, 0).interval(0.5), None);
        let median = series(100, 10).interval(0.5).unwrap();
        assert!((median.value - 5.0).abs() < 0.01 && median.high < 5.01, "{median:?}");
        let high = series(1_000, 20).interval(0.99).unwrap();
        assert!(high.low > 4.9 && high.value > 1_999.0 && high.high.is_infinite(), "{high:?}");
        assert!(series(20, 0).interval(0.99).unwrap().high.is_infinite(), "too few");
    }
}
