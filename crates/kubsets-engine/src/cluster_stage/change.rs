//! Operations that change the cluster: the undo is written down first, then the change is made.

use std::time::Duration;

use kube::api::DeleteParams;
use kubsets_kube::{
    ApiError, Condition, During, ObjectRef, WaitError, recorded_registry, take_from, wait_for,
    wait_for_rollout, with_causes,
};
use kubsets_lab::Operation;
use kubsets_lab::operation::{Apply, Delete, Patch, Scale, Target};
use kubsets_lab::plan::Plan;
use kubsets_undo::{Entry, Remedy, object};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ClusterStage, cluster, pod, refused};
use crate::stage::StepError;

/// Annotation by which a restart changes a pod template.
pub(super) const RESTARTED: &str = "kubsets.dev/restarted-at";

impl ClusterStage<'_> {
    pub(super) async fn record(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), StepError> {
        let keeper = self.keeper.lock().await;
        let keeper = keeper.as_ref().ok_or_else(|| StepError::Cluster("the journal is closed".into()))?;
        keeper.record(entries).await.map_err(|error| refused(&error))
    }

    async fn has_made(&self, target: &ObjectRef) -> bool {
        match self.keeper.lock().await.as_ref() {
            Some(keeper) => keeper.has_made(target).await,
            None => false,
        }
    }

    async fn read(&self, target: &ObjectRef) -> Result<Option<Value>, StepError> {
        object::read(&self.access, target).await.map_err(|error| cluster(&error))
    }

    pub(super) async fn read_existing(&self, target: &ObjectRef) -> Result<Value, StepError> {
        let found = self.read(target).await?;
        found.ok_or_else(|| {
            StepError::Invalid(format!("{target} does not exist in namespace {}", self.namespace))
        })
    }

    /// Makes or changes objects; waits until workloads run and Jobs have succeeded if asked.
    pub(super) async fn apply(&self, apply: &Apply, timeout: Duration) -> Result<Value, StepError> {
        let deadline = Instant::now() + timeout;
        let mut applied = Vec::with_capacity(apply.objects.len());
        let registry = recorded_registry(&self.access).await.map_err(|error| cluster(&error))?;
        for manifest in &apply.objects {
            let mut manifest = manifest.clone();
            manifest["metadata"]["namespace"] = self.namespace.clone().into();
            if let Some(prefix) = &registry {
                take_from(&mut manifest, prefix);
            }
            let target = object::reference(&manifest);
            let before = self.read(&target).await?;
            match &before {
                None => self.record([Entry::delete(target.clone())]).await?,
                Some(before) => self.record(Entry::restore_applied(&target, &manifest, before)).await?,
            }
            // What was there before the run is not its own, and gets no mark that says so.
            if self.has_made(&target).await {
                self.mark(&mut manifest);
            }
            object::apply(&self.access, &manifest).await.map_err(|error| cluster(&error))?;
            self.events.object(if before.is_none() { "created" } else { "changed" }, &target);
            applied.push(target);
        }
        if apply.ready {
            for target in &applied {
                // One time for all of them: the last ones have what the first ones left.
                let left = deadline.saturating_duration_since(Instant::now());
                self.wait_until_ready(target, left).await?;
            }
        }
        let names: Vec<String> = applied.iter().map(ToString::to_string).collect();
        Ok(json!({"objects": names, "summary": names.join(", ")}))
    }

    /// Marks a manifest as made by this run.
    fn mark(&self, manifest: &mut Value) {
        for (name, value) in kubsets_undo::run_labels(&self.run, Some(&self.plan.lab), "subject") {
            manifest["metadata"]["labels"][name] = value.into();
        }
    }

    async fn wait_until_ready(&self, target: &ObjectRef, timeout: Duration) -> Result<(), StepError> {
        if !matches!(target.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "Job") {
            return Ok(());
        }
        self.events.doing(format!("waiting for {target}"));
        match target.kind.as_str() {
            "Job" => {
                let ended = Condition::Or(vec![
                    Condition::Status("Complete".into()),
                    Condition::Status("Failed".into()),
                ]);
                let seen = wait_for(&self.access, target, &ended, timeout)
                    .await
                    .map_err(|error| not_there(&error))?;
                if seen.seen.starts_with("Failed") {
                    return Err(StepError::Failed(format!("{target}: {}", seen.seen)));
                }
                Ok(())
            }
            _ => self.rolled_out(target, timeout).await,
        }
    }

    pub(super) async fn rolled_out(&self, target: &ObjectRef, timeout: Duration) -> Result<(), StepError> {
        wait_for_rollout(&self.access, target, timeout).await.map(|_| ()).map_err(|error| not_there(&error))
    }

    /// Merges a change into an object; every part that it touches is restored.
    pub(super) async fn patch(&self, patch: &Patch) -> Result<Value, StepError> {
        let target = self.object(&patch.object);
        let before = self.read_existing(&target).await?;
        let pointers = pointers(&patch.merge);
        self.record(pointers.iter().map(|pointer| Entry::restore(target.clone(), pointer, &before))).await?;
        object::patch(&self.access, &target, &patch.merge).await.map_err(|error| cluster(&error))?;
        self.events.object("changed", &target);
        Ok(json!({"object": target.to_string(), "summary": target.to_string()}))
    }

    /// Deletes an object, or pods that their controller makes again.
    pub(super) async fn delete(&self, delete: &Delete, timeout: Duration) -> Result<Value, StepError> {
        match (&delete.object, &delete.pods) {
            (Some(target), _) => self.delete_object(target, delete, timeout).await,
            (None, Some(selector)) => self.delete_pods(selector, delete).await,
            (None, None) => Err(StepError::Invalid("delete names neither an object nor pods".into())),
        }
    }

    async fn delete_object(
        &self,
        target: &Target,
        delete: &Delete,
        timeout: Duration,
    ) -> Result<Value, StepError> {
        let target = self.object(target);
        let before = self.read_existing(&target).await?;
        // What this run made itself is not made again.
        if !self.has_made(&target).await {
            self.record([Entry::recreate(&before)]).await?;
        }
        self.remove(&target, delete).await.map_err(|error| cluster(&error))?;
        object::wait_gone(&self.access, &target, timeout)
            .await
            .map_err(|error| StepError::Timeout(with_causes(&error)))?;
        self.events.object("removed", &target);
        Ok(json!({"object": target.to_string(), "summary": target.to_string()}))
    }

    async fn remove(&self, target: &ObjectRef, delete: &Delete) -> Result<(), ApiError> {
        let seconds = delete.grace.map(|grace| u32::try_from(grace.0.as_secs()).unwrap_or(u32::MAX));
        let params = DeleteParams { grace_period_seconds: seconds, ..DeleteParams::background() };
        let removed = target.api(&self.access).delete(&target.name, &params).await;
        removed.map(|_| ()).during(|| format!("delete {target}"))
    }

    async fn delete_pods(&self, selector: &str, delete: &Delete) -> Result<Value, StepError> {
        let found = pod::find(&self.access, &self.namespace, selector).await;
        let found = found.map_err(|error| cluster(&error))?;
        let wanted = delete.count.map_or(found.len(), |count| count as usize);
        if found.len() < wanted || found.is_empty() {
            return Err(StepError::Failed(format!(
                "{} pods {selector} to delete, found {}",
                wanted,
                found.len()
            )));
        }
        let mut names = Vec::with_capacity(wanted);
        for one in found.iter().take(wanted) {
            let name = pod::name(one);
            if one.metadata.owner_references.as_ref().is_none_or(Vec::is_empty) {
                return Err(StepError::Invalid(format!("no controller would make pod {name} again")));
            }
            let target = ObjectRef::namespaced("v1", "Pod", &self.namespace, &name);
            self.remove(&target, delete).await.map_err(|error| cluster(&error))?;
            self.events.object("removed", &target);
            names.push(name);
        }
        let summary = names.join(", ");
        Ok(json!({"pods": names, "summary": summary}))
    }

    /// Sets replicas.
    pub(super) async fn scale(&self, scale: &Scale, timeout: Duration) -> Result<Value, StepError> {
        let target = self.object(&scale.object);
        let before = self.read_existing(&target).await?;
        self.record([Entry::restore(target.clone(), "/spec/replicas", &before)]).await?;
        let change = json!({"spec": {"replicas": scale.replicas}});
        object::patch(&self.access, &target, &change).await.map_err(|error| cluster(&error))?;
        self.events.object("changed", &target);
        if scale.ready {
            self.rolled_out(&target, timeout).await?;
        }
        let from = before.pointer("/spec/replicas").cloned().unwrap_or(json!(1));
        Ok(
            json!({"from": from, "to": scale.replicas, "summary": format!("from {from} to {}", scale.replicas)}),
        )
    }

    /// Restarts a workload and waits until it runs again.
    pub(super) async fn restart(&self, target: &Target, timeout: Duration) -> Result<Value, StepError> {
        let target = self.object(target);
        let before = self.read_existing(&target).await?;
        self.record([Entry::restore(target.clone(), "/spec/template", &before)]).await?;
        let now = jiff::Timestamp::now().to_string();
        let change = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: now}}}}});
        object::patch(&self.access, &target, &change).await.map_err(|error| cluster(&error))?;
        self.events.object("changed", &target);
        let began = Instant::now();
        self.rolled_out(&target, timeout).await?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(json!({"seconds": seconds, "summary": format!("runs again after {seconds:.1} s")}))
    }
}

/// Whether a plan changes anything. What a canary changes is its own matter, except for what it promotes.
pub(super) fn is_in(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(
            step.operation,
            Operation::Apply(_)
                | Operation::Patch(_)
                | Operation::Delete(_)
                | Operation::Scale(_)
                | Operation::Rollout(_)
                | Operation::Canary(_)
                | Operation::Fault(_)
        )
    })
}

/// The object that a lab in this namespace means.
pub(super) fn reference(target: &Target, namespace: &str) -> ObjectRef {
    ObjectRef::namespaced(target.group_version(), &target.kind, namespace, &target.name)
}

/// What the undo of a plan may touch.
pub(super) fn targets(plan: &Plan, namespace: &str) -> Vec<kubsets_undo::Target> {
    let of = |target: &Target| reference(target, namespace);
    let mut targets = Vec::new();
    for step in &plan.steps {
        match &step.operation {
            Operation::Apply(apply) => {
                for manifest in &apply.objects {
                    let object =
                        ObjectRef { namespace: Some(namespace.to_owned()), ..object::reference(manifest) };
                    // Whether the object is there is seen only when the step comes.
                    targets.push(kubsets_undo::Target { object: object.clone(), remedy: Remedy::Delete });
                    targets.push(kubsets_undo::Target { object, remedy: Remedy::Restore });
                }
            }
            Operation::Patch(patch) => {
                targets.push(kubsets_undo::Target { object: of(&patch.object), remedy: Remedy::Restore });
            }
            Operation::Scale(scale) => {
                targets.push(kubsets_undo::Target { object: of(&scale.object), remedy: Remedy::Restore });
            }
            Operation::Rollout(rollout) => {
                targets.push(kubsets_undo::Target { object: of(&rollout.restart), remedy: Remedy::Restore });
            }
            Operation::Canary(spec) => {
                let object = super::release::target(spec, namespace);
                targets.push(kubsets_undo::Target { object, remedy: Remedy::Restore });
            }
            Operation::Delete(delete) => {
                let object = delete.object.iter().map(of);
                targets
                    .extend(object.map(|object| kubsets_undo::Target { object, remedy: Remedy::Recreate }));
            }
            _ => {}
        }
    }
    targets
}

fn not_there(error: &WaitError) -> StepError {
    match error {
        WaitError::Timeout { .. } => StepError::Timeout(error.to_string()),
        WaitError::Api(_) => StepError::Cluster(with_causes(error)),
    }
}

/// What a merge patch touches: its top-level fields, of the metadata one level deeper.
fn pointers(merge: &Value) -> Vec<String> {
    let fields = merge.as_object().into_iter().flatten();
    fields
        .flat_map(|(name, value)| match (name.as_str(), value.as_object()) {
            ("metadata", Some(inner)) => inner.keys().map(|key| format!("/metadata/{key}")).collect(),
            _ => vec![format!("/{name}")],
        })
        .collect()
}

#[cfg(test)]
mod tests;
