//! What the machine needs from the world: one trait, played by a cluster or by a fake.

use kubsets_lab::plan::PlannedStep;
use kubsets_lab::{Bindings, FailureEvidence, Operation, Requirement};
use kubsets_undo::LockState;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::watch;

use crate::outcome::Comparison;

/// Whether a need is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whether it is.
    pub met: bool,
    /// The need in words.
    pub need: String,
    /// What was found; for a missing need also the command that supplies it.
    pub detail: String,
}

/// Why a step did not do what it should.
#[derive(Debug, Error)]
pub enum StepError {
    /// The subject of the experiment did not behave: the lab fails.
    #[error("{0}")]
    Failed(String),
    /// There is too little evidence for a verdict.
    #[error("{0}")]
    Inconclusive(String),
    /// What is asked for is not to be had here: the lab is skipped.
    #[error("{0}")]
    Unavailable(String),
    /// The lab itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The cluster refused, or could not be reached.
    #[error("{0}")]
    Cluster(String),
    /// Somebody ended the step: the lab is aborted.
    #[error("{0}")]
    Aborted(String),
    /// The cluster did not answer this time; another try can help, and a wait makes it.
    #[error("{0}")]
    Passing(String),
    /// The operation took longer than its timeout.
    #[error("{0}")]
    Timeout(String),
}

/// The world in which a plan is carried out.
pub trait Stage: Sync {
    /// Looks whether a need is met. Changes nothing.
    fn check(&self, need: &Requirement) -> impl Future<Output = Result<Need, StepError>> + Send;

    /// Why an operation can never be done here, with the command that helps; `None` when it can. The lab is
    /// skipped then before anything is changed.
    fn lacks(&self, operation: &Operation) -> Option<String>;

    /// Takes the Lease, opens the journal, makes the namespace, arms the watchdog. `None` where nothing
    /// needs the Lease.
    fn begin(&self) -> impl Future<Output = Result<Option<watch::Receiver<LockState>>, StepError>> + Send;

    /// Does one step; its undo is written down before it acts.
    fn perform(
        &self,
        step: &PlannedStep,
        bindings: &Bindings,
    ) -> impl Future<Output = Result<Value, StepError>> + Send;

    /// Ends what still runs in the background.
    fn settle(&self) -> impl Future<Output = ()> + Send;

    /// Evidence for a failed lab: title and text.
    fn collect(&self, evidence: &FailureEvidence) -> impl Future<Output = (String, String)> + Send;

    /// Brings everything back and compares it with the state before.
    fn undo(&self) -> impl Future<Output = Result<Vec<Comparison>, StepError>> + Send;
}
