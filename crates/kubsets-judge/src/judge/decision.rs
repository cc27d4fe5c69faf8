//! Decisions and the evidence behind them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::share::Estimate;
use crate::tick::{Counts, Indicator};

/// The kind of a [`Decision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too little evidence so far.
    Hold,
    /// No canary request for a while; too little evidence so far.
    NoData,
    /// The source of the counts does not answer; nothing is known about now.
    SourceDown,
    /// The canary's error rate is below the limit.
    Pass,
    /// The canary is worse.
    Fail,
    /// The time is up without verdict.
    Inconclusive,
    /// The traffic was not split as ordered, so the comparison is worth nothing.
    Invalid,
}

impl Verdict {
    /// Whether the run should go on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Hold | Self::NoData | Self::SourceDown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hold => "HOLD",
            Self::NoData => "NO DATA",
            Self::SourceDown => "SOURCE DOWN",
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
        })
    }
}

/// The rule behind a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// None yet.
    None,
    /// 2x2 e-process, led by this indicator.
    Worse(Indicator),
    /// Emergency stop.
    Burn,
    /// One-sample e-process against the error limit.
    Limit,
    /// Sample-ratio e-process.
    Split,
    /// Time budget.
    Budget,
}

/// What is known about one indicator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndicatorEvidence {
    /// The indicator.
    pub indicator: Indicator,
    /// Its evidence that canary is worse.
    pub evidence: f64,
    /// Stable's requests and bad requests since the run began.
    pub stable: Counts,
    /// Canary's requests and bad requests since the run began.
    pub canary: Counts,
    /// Canary's rate less stable's, over the run or over the current weight, whichever is more.
    pub effect: f64,
    /// Effect that matters in practice.
    pub margin: f64,
}

/// The numbers behind a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Evidence that canary is worse: the mean over the indicators.
    pub fail: f64,
    /// Evidence that FAIL needs.
    #[serde(alias = "fail_needed")]
    pub fail_needed: f64,
    /// Evidence that canary's error rate is below the limit.
    pub pass: f64,
    /// Evidence that PASS needs.
    #[serde(alias = "pass_needed")]
    pub pass_needed: f64,
    /// Evidence that the split is wrong.
    pub split: f64,
    /// Evidence that INVALID needs.
    #[serde(alias = "split_needed")]
    pub split_needed: f64,
    /// Each indicator apart.
    #[serde(alias = "per_indicator")]
    pub per_indicator: Vec<IndicatorEvidence>,
    /// Canary's requests and failed requests since the run began.
    pub canary: Counts,
    /// Canary's share of the traffic since the weight last changed and settled, with its 95 % interval.
    pub share: Estimate,
    /// The share ordered, if known.
    pub weight: Option<f64>,
    /// Seconds judged so far.
    #[serde(alias = "elapsed_seconds")]
    pub elapsed_seconds: f64,
    /// The rule that decided.
    pub rule: Rule,
    /// One sentence with the numbers and the rule.
    pub reason: String,
}

/// What follows from the ticks so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "evidence")]
pub enum Decision {
    /// Go on: too little evidence so far.
    Hold(Evidence),
    /// Go on: no canary request for a while.
    NoData(Evidence),
    /// Go on: the source of the counts does not answer.
    SourceDown(Evidence),
    /// The canary's error rate is below the limit.
    Pass(Evidence),
    /// The canary is worse: roll back. Final.
    Fail(Evidence),
    /// The time is up without verdict.
    Inconclusive(Evidence),
    /// The traffic was not split as ordered. Final.
    Invalid(Evidence),
}

impl Decision {
    pub(crate) fn new(verdict: Verdict, evidence: Evidence) -> Self {
        match verdict {
            Verdict::Hold => Self::Hold(evidence),
            Verdict::NoData => Self::NoData(evidence),
            Verdict::SourceDown => Self::SourceDown(evidence),
            Verdict::Pass => Self::Pass(evidence),
            Verdict::Fail => Self::Fail(evidence),
            Verdict::Inconclusive => Self::Inconclusive(evidence),
            Verdict::Invalid => Self::Invalid(evidence),
        }
    }

    /// The kind of the decision.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Hold(_) => Verdict::Hold,
            Self::NoData(_) => Verdict::NoData,
            Self::SourceDown(_) => Verdict::SourceDown,
            Self::Pass(_) => Verdict::Pass,
            Self::Fail(_) => Verdict::Fail,
            Self::Inconclusive(_) => Verdict::Inconclusive,
            Self::Invalid(_) => Verdict::Invalid,
        }
    }

    /// The numbers behind it.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Self::Hold(evidence)
            | Self::NoData(evidence)
            | Self::SourceDown(evidence)
            | Self::Pass(evidence)
            | Self::Fail(evidence)
            | Self::Inconclusive(evidence)
            | Self::Invalid(evidence) => evidence,
        }
    }

    /// One sentence with the numbers and the rule.
    pub fn reason(&self) -> &str {
        &self.evidence().reason
    }
}
