//! What a run came to.

use kubsets_judge::share::Estimate;
use kubsets_judge::{Block, Evidence};
use kubsets_undo::{Comparison, RunId};
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// The new version is the stable one now.
    Promoted,
    /// The judge found the new version worse; the old one serves everything.
    RolledBack,
    /// No verdict in the time; the old version serves everything.
    Inconclusive,
    /// What was measured is worth nothing: the split was not as ordered, or the load generator itself stalled;
    /// the old version serves everything.
    Invalid,
    /// A user ended the run; the old version serves everything.
    Aborted,
    /// Something other than the new version's behaviour ended the run.
    Error,
}

/// A measured share with its 95 % interval, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareReport {
    /// Share ordered.
    pub target_percent: f64,
    /// Share measured.
    pub percent: f64,
    /// Lower end of the interval.
    pub low_percent: f64,
    /// Upper end of the interval.
    pub high_percent: f64,
    /// Canary requests.
    pub canary: u64,
    /// All requests.
    pub total: u64,
}

impl ShareReport {
    /// The share of `canary` in `total` requests.
    pub fn new(target_percent: f64, canary: u64, total: u64) -> Self {
        let estimate = Estimate::new(canary, total);
        Self {
            target_percent,
            percent: estimate.share * 100.0,
            low_percent: estimate.low * 100.0,
            high_percent: estimate.high * 100.0,
            canary,
            total,
        }
    }

    /// Half of the interval's width, in points.
    pub fn half_width(&self) -> f64 {
        (self.high_percent - self.low_percent) / 2.0
    }
}

/// What a step showed of the canary for itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepEvidence {
    /// Evidence that the canary's error rate is below the limit.
    pub pass: f64,
    /// Evidence that the step needs.
    pub needed: f64,
    /// Requests of the seconds that were judged, and the failed ones among them.
    pub errors: Block,
}

/// A step as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Share ordered, in percent.
    pub percent: f64,
    /// Whether the step passed.
    pub passed: bool,
    /// Seconds from the shift to the end of the step.
    pub seconds: f64,
    /// Measured share.
    pub share: ShareReport,
    /// Failed canary requests.
    pub canary_failed: u64,
    /// Failed stable requests.
    pub stable_failed: u64,
    /// What the judge had at its end; absent when no second was judged, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<StepEvidence>,
}

/// One move of traffic and the requests around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchReport {
    /// Share of the canary before, in percent.
    pub from_percent: f64,
    /// Share of the canary after, in percent.
    pub to_percent: f64,
    /// Second of the run.
    pub at_seconds: f64,
    /// Milliseconds until the API server had accepted it.
    pub api_ms: f64,
    /// Requests in the seconds around it.
    pub requests: u64,
    /// Requests among them without an answer from either version: resets, timeouts, errors of the gateway.
    pub dropped: u64,
    /// Failed answers of stable among them.
    pub stable_failed: u64,
    /// Failed answers of the canary among them.
    pub canary_failed: u64,
}

/// How the way back went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoReport {
    /// Milliseconds from the decision until the API server had the old weights.
    pub api_ms: f64,
    /// Milliseconds from the decision to the last answer of the canary that a user could see;
    /// absent when no traffic was to be moved, or when answers did not tell.
    pub wire_ms: Option<f64>,
    /// Milliseconds from the decision until every object was removed.
    pub total_ms: f64,
    /// Each object compared with its state before.
    pub comparisons: Vec<Comparison>,
    /// Whether everything is as before.
    pub equal: bool,
}

/// Requests of a run in sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Requests that came due.
    pub planned: u64,
    /// Good answers.
    pub ok: u64,
    /// Answers of stable.
    pub stable: u64,
    /// Failed ones among them.
    pub stable_failed: u64,
    /// Answers of the canary.
    pub canary: u64,
    /// Failed ones among them.
    pub canary_failed: u64,
    /// Requests without an answer from either version.
    pub dropped: u64,
    /// Requests given up unsent.
    pub never_sent: u64,
    /// Failed requests that users saw: failed answers and dropped requests.
    pub failed_for_users: u64,
}

/// A run's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `CanaryOutcome`.
    pub kind: String,
    /// Name of the run.
    pub run: RunId,
    /// Lab, if it was one.
    pub lab: Option<String>,
    /// Namespace.
    pub namespace: String,
    /// Deployment.
    pub deployment: String,
    /// Version of stable before the run.
    pub stable_version: Option<String>,
    /// The new version.
    pub canary_version: Option<String>,
    /// How it ended.
    pub verdict: RunVerdict,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do about it, if something ended the run that can be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The judge's numbers at the end.
    pub evidence: Option<Evidence>,
    /// The steps that were begun.
    pub steps: Vec<StepReport>,
    /// The moves of traffic.
    pub switches: Vec<SwitchReport>,
    /// Requests in sum.
    pub totals: Totals,
    /// Requests dropped around the moves of traffic, in sum.
    pub dropped_by_switching: u64,
    /// Seconds from the first shift to the verdict.
    pub seconds_to_verdict: Option<f64>,
    /// Seconds from the beginning of the step in which the judge decided to the verdict.
    pub seconds_in_step: Option<f64>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// The way back or the cleaning up after a promotion.
    pub undo: Option<UndoReport>,
    /// Command that finishes an incomplete undo.
    pub cleanup_command: Option<String>,
    /// Exit code of a command that ran this.
    pub exit_code: u8,
    /// Expectations of the lab and whether they held.
    pub expectations: Vec<kubsets_lab::Checked>,
}

/// The passed step with the least evidence, and that evidence.
pub(crate) fn weakest(steps: &[StepReport]) -> Option<(&StepReport, &StepEvidence)> {
    let passed = steps.iter().filter(|step| step.passed);
    let shown = passed.filter_map(|step| Some((step, step.evidence.as_ref()?)));
    shown.min_by(|(_, one), (_, other)| one.pass.total_cmp(&other.pass))
}

impl Outcome {
    /// The passed step with the least evidence, and that evidence: what a promotion rests on.
    pub fn weakest_step(&self) -> Option<(&StepReport, &StepEvidence)> {
        weakest(&self.steps)
    }
}

/// Exit codes of a canary.
pub(crate) mod exit {
    pub(crate) const PROMOTED: u8 = 0;
    pub(crate) const ROLLED_BACK: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const INCONCLUSIVE: u8 = 3;
    pub(crate) const CLUSTER: u8 = 5;
    pub(crate) const TIMEOUT: u8 = 6;
    pub(crate) const CLEANUP: u8 = 7;
    pub(crate) const INTERRUPTED: u8 = 130;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_percent_with_their_interval() {
        let share = ShareReport::new(10.0, 10, 100);
        assert!((share.percent - 10.0).abs() < 1e-9);
        assert!(
            (share.low_percent - 5.52).abs() < 0.01 && (share.high_percent - 17.44).abs() < 0.01,
            "{share:?}"
        );
        assert!((share.half_width() - 5.96).abs() < 0.01);
    }
}
