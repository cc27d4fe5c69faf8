//! A canary as a step.

use kubsets_delivery::{CanarySpec, Outcome, Plan, RunVerdict};
use kubsets_kube::{Hint, ObjectRef, with_causes};
use kubsets_lab::plan::PlannedStep;
use kubsets_undo::Entry;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::ClusterStage;
use crate::event::LabEvent;
use crate::stage::StepError;

impl ClusterStage<'_> {
    /// Releases a new version; the result is the canary's outcome. Its own journal, Lease and watchdog
    /// keep it safe while it runs. What it promotes is in the lab's journal before it begins, and is taken
    /// back when the lab ends or dies; only a canary that is the whole run keeps its promotion.
    pub(super) async fn release(&self, step: &PlannedStep, spec: &CanarySpec) -> Result<Value, StepError> {
        let plan = match &self.release {
            Some(planned) => planned.clone(),
            None => self.plan_canary(spec.clone()).await?,
        };
        if self.release.is_none() {
            let target = target(spec, &self.namespace);
            let before = self.read_existing(&target).await?;
            self.record([Entry::restore(target, "/spec/template", &before)]).await?;
        }
        let (sender, mut events) = unbounded_channel();
        let told = async {
            while let Some(record) = events.recv().await {
                self.events.emit(LabEvent::Canary(Box::new(record)));
            }
        };
        let run = kubsets_delivery::run(&self.access, &plan, &self.state, sender, &self.cancel);
        let (outcome, ()) = tokio::join!(run, told);
        if let Some(error) = objection(&outcome, self.names_verdict(step, outcome.verdict)) {
            return Err(error);
        }
        serde_json::to_value(&outcome).map_err(|error| StepError::Invalid(error.to_string()))
    }

    async fn plan_canary(&self, mut spec: CanarySpec) -> Result<Plan, StepError> {
        if spec.load.url.is_none() {
            spec.load.url = Some(self.gateway()?);
        }
        kubsets_delivery::plan(&self.access, spec)
            .await
            .map_err(|error| StepError::Unavailable(hinted(with_causes(&error), error.hint())))
    }

    /// Whether the lab says what is to be when a canary ends like this.
    fn names_verdict(&self, step: &PlannedStep, verdict: RunVerdict) -> bool {
        let word = serde_json::to_value(verdict).unwrap_or_default();
        let word = word.as_str().unwrap_or_default();
        let expected = self.plan.expect.iter().map(|expectation| expectation.that.as_str());
        expected.chain(step.that.as_deref()).any(|that| names(that, word))
    }
}

/// The Deployment that a canary releases.
pub(super) fn target(spec: &CanarySpec, namespace: &str) -> ObjectRef {
    let namespace = spec.namespace.as_deref().unwrap_or(namespace);
    ObjectRef::namespaced("apps/v1", "Deployment", namespace, &spec.deployment)
}

/// Whether an expression has a word as a string.
fn names(that: &str, word: &str) -> bool {
    that.contains(&format!("'{word}'")) || that.contains(&format!("\"{word}\""))
}

/// Why a canary's end is no result that expectations could be checked by; `expected` says that the lab has
/// one about just this end.
fn objection(outcome: &Outcome, expected: bool) -> Option<StepError> {
    let reason = hinted(outcome.reason.clone(), outcome.hint.clone());
    match outcome.verdict {
        RunVerdict::Promoted | RunVerdict::RolledBack => None,
        RunVerdict::Aborted => Some(StepError::Aborted(reason)),
        _ if expected => None,
        RunVerdict::Inconclusive | RunVerdict::Invalid => Some(StepError::Inconclusive(reason)),
        RunVerdict::Error => Some(StepError::Cluster(reason)),
    }
}

fn hinted(reason: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{reason} (hint: {hint})"),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(verdict: RunVerdict) -> Outcome {
        let path = "../../kubectl-kubsets/tests/fixtures/runs/261120-163001-d4fb/run.json";
        let text = std::fs::read(path).expect("is there");
        let recorded: Outcome = serde_json::from_slice(&text).expect("is an outcome");
        Outcome { verdict, reason: "so".into(), hint: Some("do it".into()), ..recorded }
    }

    #[test]
    fn what_is_no_verdict_is_no_failure_of_the_subject() {
        let said = |verdict, expected| objection(&outcome(verdict), expected);
        assert!(said(RunVerdict::Promoted, false).is_none() && said(RunVerdict::RolledBack, false).is_none());
        assert!(matches!(said(RunVerdict::Aborted, true), Some(StepError::Aborted(_))));
        assert!(matches!(said(RunVerdict::Invalid, false), Some(StepError::Inconclusive(_))));
        assert!(matches!(said(RunVerdict::Inconclusive, false), Some(StepError::Inconclusive(_))));
        assert!(said(RunVerdict::Inconclusive, true).is_none());
        let error = said(RunVerdict::Error, false).unwrap();
        assert!(matches!(&error, StepError::Cluster(_)));
        assert_eq!(error.to_string(), "so (hint: do it)");
    }

    #[test]
    fn a_lab_names_a_verdict_in_quotes() {
        assert!(names("release.verdict == 'inconclusive'", "inconclusive"));
        assert!(names("release.verdict in [\"invalid\", \"error\"]", "error"));
        assert!(!names("release.verdict == 'promoted' // not inconclusive", "inconclusive"));
    }
}
