//! What a run came to.

use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use kubsets_lab::Values;

pub use kubsets_lab::Checked;
pub use kubsets_undo::Comparison;

/// How a run ended. Undo that is incomplete is told apart, by [`Outcome::undo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything expected came out.
    Pass,
    /// Something expected did not come out.
    Fail,
    /// Too little evidence for either.
    Inconclusive,
    /// A need is missing or the cluster was not steady; nothing was changed.
    Skipped,
    /// A user ended the run.
    Aborted,
    /// Something other than the subject of the experiment ended the run.
    Error,
}

impl Verdict {
    /// The word in upper case, as people say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Skipped => "SKIPPED",
            Self::Aborted => "ABORTED",
            Self::Error => "ERROR",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// It did what it should.
    Passed,
    /// It did not.
    Failed,
    /// It was not reached.
    NotRun,
}

/// A step and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Name.
    pub name: String,
    /// Word of its operation.
    pub operation: String,
    /// How it ended.
    pub status: StepStatus,
    /// When it began, in seconds since the run began.
    pub began_seconds: Option<f64>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Why it failed, or what came out in a few words.
    pub message: String,
}

/// How the undo went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoReport {
    /// Seconds that it took.
    pub seconds: f64,
    /// Every object that was changed, and whether it is as before.
    pub comparisons: Vec<Comparison>,
    /// Whether all are.
    pub equal: bool,
}

impl UndoReport {
    /// Objects that are not as before.
    pub fn different(&self) -> impl Iterator<Item = &ObjectRef> {
        self.comparisons.iter().filter(|one| !one.equal).map(|one| &one.object)
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `LabOutcome`.
    pub kind: String,
    /// Name of the run.
    pub run: String,
    /// Full name of the lab.
    pub lab: String,
    /// What it was to answer.
    pub question: String,
    /// Namespace that it worked in.
    pub namespace: String,
    /// Values of the parameters.
    pub params: Values,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The steps.
    pub steps: Vec<StepReport>,
    /// The steady state before and after.
    pub steady_state: Vec<Checked>,
    /// The expectations.
    pub expectations: Vec<Checked>,
    /// Results of steps by their names, bounded.
    pub results: Map<String, Value>,
    /// Seconds in all.
    pub seconds: f64,
    /// How the undo went; `None` when it did not end.
    pub undo: Option<UndoReport>,
    /// Command that repeats the run.
    pub repeat_command: String,
    /// Command that finishes an incomplete undo.
    pub cleanup_command: Option<String>,
    /// Exit code of the command.
    pub exit_code: u8,
}

/// Exit codes, as documented for all commands.
pub(crate) mod exit {
    pub(crate) const PASS: u8 = 0;
    pub(crate) const FAIL: u8 = 1;
    pub(crate) const INVALID: u8 = 2;
    pub(crate) const INCONCLUSIVE: u8 = 3;
    pub(crate) const SKIPPED: u8 = 4;
    pub(crate) const CLUSTER: u8 = 5;
    pub(crate) const TIMEOUT: u8 = 6;
    pub(crate) const CLEANUP: u8 = 7;
    pub(crate) const INTERRUPTED: u8 = 130;
}
