//! A canary as a step.

use kubsets_delivery::{CanarySpec, Plan, RunVerdict};
use kubsets_kube::with_causes;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::{ClusterStage, cluster};
use crate::event::LabEvent;
use crate::outcome::Comparison;
use crate::stage::StepError;

impl ClusterStage<'_> {
    /// Releases a new version; the result is the canary's outcome. Its own journal, Lease and watchdog
    /// keep it safe; a promotion is taken back when the lab ends, unless the canary is the whole run.
    pub(super) async fn release(&self, spec: &CanarySpec) -> Result<Value, StepError> {
        let plan = match &self.release {
            Some(planned) => planned.clone(),
            None => self.plan_canary(spec.clone()).await?,
        };
        let (sender, mut events) = unbounded_channel();
        let told = async {
            while let Some(record) = events.recv().await {
                self.events.emit(LabEvent::Canary(Box::new(record)));
            }
        };
        let run = kubsets_delivery::run(&self.access, &plan, self.state, sender, &self.cancel);
        let (outcome, ()) = tokio::join!(run, told);
        if outcome.verdict == RunVerdict::Promoted && self.release.is_none() {
            self.promoted.lock().await.push(outcome.run.clone());
        }
        serde_json::to_value(&outcome).map_err(|error| StepError::Invalid(error.to_string()))
    }

    async fn plan_canary(&self, mut spec: CanarySpec) -> Result<Plan, StepError> {
        spec.load.url.get_or_insert_with(|| self.gateway.clone());
        let plan = kubsets_delivery::plan(&self.access, spec).await;
        plan.map_err(|error| StepError::Unavailable(with_causes(&error)))
    }

    /// Brings back what was there before the promotions of this lab, the last one first.
    pub(super) async fn take_back_promotions(&self) -> Result<Vec<Comparison>, StepError> {
        let mut comparisons = Vec::new();
        for run in std::mem::take(&mut *self.promoted.lock().await).iter().rev() {
            self.events.doing(format!("taking back the promotion of run {run}"));
            let undone = kubsets_delivery::undo(&self.access, self.state, Some(run)).await;
            comparisons.extend(undone.map_err(|error| cluster(&error))?.comparisons);
        }
        Ok(comparisons)
    }
}
