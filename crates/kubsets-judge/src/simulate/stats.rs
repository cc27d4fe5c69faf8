//! Figures over many runs.

use serde::{Deserialize, Serialize};

use crate::compare::ClassicRule;
use crate::share::Estimate;

/// How one run of the judge ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    /// Second of the first FAIL.
    pub(super) fail: Option<u32>,
    /// Second of the first PASS.
    pub(super) pass: Option<u32>,
    pub(super) invalid: bool,
    /// Failed canary requests until FAIL, or until the end.
    pub(super) bad: u64,
}

/// How one run of another rule ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleOutcome {
    pub(super) fail: Option<u32>,
    pub(super) bad: u64,
}

/// Figures over the runs of a row. Quantiles are over all runs; they are missing where too few runs got there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Share of runs with FAIL at any time, also after PASS.
    pub fail_rate: f64,
    /// Upper end of that share's 95 % interval.
    pub fail_rate_high: f64,
    /// Seconds until FAIL in half of the runs.
    pub fail_median_seconds: Option<u32>,
    /// Seconds until FAIL in nine of ten runs.
    pub fail_p90_seconds: Option<u32>,
    /// Failed canary requests until FAIL (or the end): median.
    pub bad_requests_median: u64,
    /// Failed canary requests until FAIL (or the end): 90th percentile.
    pub bad_requests_p90: u64,
    /// Share of runs with PASS before any FAIL.
    pub pass_rate: f64,
    /// Seconds until PASS in half of the runs.
    pub pass_median_seconds: Option<u32>,
    /// Seconds until PASS in nine of ten runs.
    pub pass_p90_seconds: Option<u32>,
    /// Share of runs without any verdict.
    pub inconclusive_rate: f64,
    /// Share of runs that were called invalid.
    pub invalid_rate: f64,
}

impl Stats {
    pub(super) fn new(outcomes: &[Outcome]) -> Self {
        let share = |fits: fn(&Outcome) -> bool| {
            let count = outcomes.iter().filter(|outcome| fits(outcome)).count() as u64;
            Estimate::new(count, outcomes.len() as u64)
        };
        let fails = sorted(outcomes.iter().map(|outcome| outcome.fail.unwrap_or(u32::MAX)));
        let passes = sorted(outcomes.iter().map(|outcome| outcome.pass.unwrap_or(u32::MAX)));
        let bad = sorted(outcomes.iter().map(|outcome| outcome.bad));
        let fail = share(|outcome| outcome.fail.is_some());
        Self {
            fail_rate: fail.share,
            fail_rate_high: fail.high,
            fail_median_seconds: reached(quantile(&fails, 0.5)),
            fail_p90_seconds: reached(quantile(&fails, 0.9)),
            bad_requests_median: quantile(&bad, 0.5).unwrap_or(0),
            bad_requests_p90: quantile(&bad, 0.9).unwrap_or(0),
            pass_rate: share(|outcome| outcome.pass.is_some()).share,
            pass_median_seconds: reached(quantile(&passes, 0.5)),
            pass_p90_seconds: reached(quantile(&passes, 0.9)),
            inconclusive_rate: share(|outcome| {
                outcome.fail.is_none() && outcome.pass.is_none() && !outcome.invalid
            })
            .share,
            invalid_rate: share(|outcome| outcome.invalid).share,
        }
    }
}

/// What another tool's rule did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleStats {
    /// Name of the rule with its settings.
    pub rule: String,
    /// Runs behind the figures.
    pub runs: u32,
    /// Share of runs with a false alarm, canary no worse than stable.
    pub false_alarm_rate: f64,
    /// Share of runs in which the bad canary was found.
    pub found_rate: f64,
    /// Seconds until it was found in half of the runs.
    pub found_median_seconds: Option<u32>,
    /// Seconds until it was found in nine of ten runs.
    pub found_p90_seconds: Option<u32>,
    /// Failed canary requests until then: median.
    pub bad_requests_median: u64,
}

pub(super) fn rules(
    rules: &[ClassicRule],
    equal: &[Vec<RuleOutcome>],
    worse: &[Vec<RuleOutcome>],
) -> Vec<RuleStats> {
    rules
        .iter()
        .zip(equal.iter().zip(worse))
        .map(|(rule, (equal, worse))| {
            let failed = |runs: &[RuleOutcome]| {
                runs.iter().filter(|run| run.fail.is_some()).count() as f64 / runs.len().max(1) as f64
            };
            let times = sorted(worse.iter().map(|run| run.fail.unwrap_or(u32::MAX)));
            let bad = sorted(worse.iter().map(|run| run.bad));
            RuleStats {
                rule: rule.to_string(),
                runs: worse.len() as u32,
                false_alarm_rate: failed(equal),
                found_rate: failed(worse),
                found_median_seconds: reached(quantile(&times, 0.5)),
                found_p90_seconds: reached(quantile(&times, 0.9)),
                bad_requests_median: quantile(&bad, 0.5).unwrap_or(0),
            }
        })
        .collect()
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values
}

/// The smallest value that at least this share of the values does not exceed.
fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied()
}

/// Runs that never got there are at the end of the order and have no time.
fn reached(seconds: Option<u32>) -> Option<u32> {
    seconds.filter(|&seconds| seconds != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_count_runs_that_never_got_there() {
        let outcome = |fail, pass| Outcome { fail, pass, invalid: false, bad: 1 };
        let outcomes: Vec<Outcome> =
            (1..=10).map(|at| outcome((at <= 6).then_some(at), (at > 8).then_some(at))).collect();
        let stats = Stats::new(&outcomes);
        assert!((stats.fail_rate - 0.6).abs() < 1e-12);
        assert_eq!(stats.fail_median_seconds, Some(5));
        assert_eq!(stats.fail_p90_seconds, None);
        assert!((stats.pass_rate - 0.2).abs() < 1e-12);
        assert!((stats.inconclusive_rate - 0.2).abs() < 1e-12);
        assert_eq!(stats.bad_requests_median, 1);
    }
}
