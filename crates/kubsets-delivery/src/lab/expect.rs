//! What a lab expects of its canary, and whether it held. Pure.

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, RunVerdict};
use crate::units::Span;

/// One expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Expectation {
    /// The run ends in this way.
    Verdict(RunVerdict),
    /// The verdict comes so soon after its step began.
    VerdictWithin(Span),
    /// The stable version has all traffic again so soon after the verdict.
    UndoWithin(Span),
    /// No more requests than this are dropped around the moves of traffic.
    DroppedAtMost(u64),
    /// The canary serves within so many points of each step's share, or its interval contains it.
    ShareWithin(u32),
    /// Every object is as it was before.
    Restored(bool),
}

/// An expectation and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What was expected, in words.
    pub expected: String,
    /// What was seen, in words.
    pub seen: String,
    /// Whether it held.
    pub held: bool,
}

fn checked(expected: impl Into<String>, seen: impl Into<String>, held: bool) -> Checked {
    Checked { expected: expected.into(), seen: seen.into(), held }
}

fn words(verdict: RunVerdict) -> String {
    let quoted = serde_json::to_string(&verdict).unwrap_or_default();
    quoted.trim_matches('"').to_owned()
}

/// Checks expectations against an outcome.
pub fn check(expectations: &[Expectation], outcome: &Outcome) -> Vec<Checked> {
    expectations.iter().map(|expectation| check_one(expectation, outcome)).collect()
}

fn check_one(expectation: &Expectation, outcome: &Outcome) -> Checked {
    match expectation {
        Expectation::Verdict(verdict) => checked(
            format!("the run is {}", words(*verdict)),
            format!("it is {}", words(outcome.verdict)),
            outcome.verdict == *verdict,
        ),
        Expectation::VerdictWithin(limit) => {
            let seen = outcome.seconds_in_step;
            checked(
                format!("the verdict comes within {limit} of its step"),
                seen.map_or("there was none".into(), |seconds| format!("it came after {seconds:.1} s")),
                seen.is_some_and(|seconds| seconds <= limit.0.as_secs_f64()),
            )
        }
        Expectation::UndoWithin(limit) => {
            let undo = outcome.undo.as_ref();
            let millis = undo.map(|undo| undo.wire_ms.unwrap_or(undo.api_ms).max(undo.api_ms));
            checked(
                format!("stable serves everything within {limit} of the verdict"),
                millis.map_or("nothing was undone".into(), |ms| format!("it did after {ms:.0} ms")),
                millis.is_some_and(|ms| ms <= limit.0.as_secs_f64() * 1e3),
            )
        }
        Expectation::DroppedAtMost(limit) => {
            let dropped = outcome.dropped_by_switching;
            let requests: u64 = outcome.switches.iter().map(|switch| switch.requests).sum();
            checked(
                format!("at most {limit} requests are dropped by moving traffic"),
                format!("{dropped} of {requests} were"),
                dropped <= *limit,
            )
        }
        Expectation::ShareWithin(points) => {
            let away = outcome.steps.iter().filter(|step| step.share.total > 0).find(|step| {
                let share = &step.share;
                let inside = (share.low_percent..=share.high_percent).contains(&share.target_percent);
                !inside && (share.percent - share.target_percent).abs() > f64::from(*points)
            });
            checked(
                format!("each measured share is within {points} points of the ordered one"),
                away.map_or("all were".into(), |step| {
                    format!("{:.1}% instead of {}%", step.share.percent, step.percent)
                }),
                away.is_none(),
            )
        }
        Expectation::Restored(wanted) => {
            let equal = outcome.undo.as_ref().is_some_and(|undo| undo.equal);
            checked(
                "every object is as it was before",
                if equal { "all are" } else { "some are not" },
                equal == *wanted,
            )
        }
    }
}
