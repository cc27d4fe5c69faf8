//! A canary as a step.

use kubsets_delivery::CanarySpec;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::{ClusterStage, chain};
use crate::event::LabEvent;
use crate::stage::StepError;

impl ClusterStage<'_> {
    /// Releases a new version; the result is the canary's outcome. Its own journal, Lease and watchdog
    /// keep it safe, and its promotion stays unless the lab takes it back.
    pub(super) async fn release(&self, spec: &CanarySpec) -> Result<Value, StepError> {
        let plan = match &self.canary {
            Some(plan) => plan.clone(),
            None => {
                let mut spec = spec.clone();
                spec.load.url.get_or_insert_with(|| self.gateway.clone());
                let plan = kubsets_delivery::plan(&self.access, spec).await;
                plan.map_err(|error| StepError::Unavailable(chain(&error)))?
            }
        };
        let (sender, mut events) = unbounded_channel();
        let told = async {
            while let Some(record) = events.recv().await {
                self.events.emit(LabEvent::Canary(Box::new(record)));
            }
        };
        let run = kubsets_delivery::run(&self.access, &plan, self.state, sender, &self.cancel);
        let (outcome, ()) = tokio::join!(run, told);
        serde_json::to_value(&outcome).map_err(|error| StepError::Invalid(error.to_string()))
    }
}
