//! The changes of a plan, asked of the API server and not made.

use std::collections::BTreeSet;

use kubsets_kube::{Access, Answer, ApiError, ApiErrorKind, ObjectRef, Trial, recorded_registry, take_from};
use kubsets_lab::Operation;
use kubsets_lab::operation::Target;
use kubsets_lab::plan::Plan;
use kubsets_undo::{Claim, RunId, object, try_keeping};
use serde_json::{Value, json};

use super::change::{self, RESTARTED};

/// Asks for every change of a plan that is known before its first step: what keeps its undo, what it applies,
/// patches, scales and restarts. What it deletes, and its canaries, show only in a run.
///
/// # Errors
/// [`ApiError`] where the server gives no answer.
pub async fn try_out(access: &Access, plan: &Plan) -> Result<Vec<Trial>, ApiError> {
    let namespace = access.namespace();
    let mut trials = Vec::new();
    if change::is_in(plan) {
        let claim = Claim::lab(RunId::generate(), &plan.lab, namespace);
        let targets: BTreeSet<_> = change::targets(plan, namespace).into_iter().collect();
        trials.extend(try_keeping(access, &claim, &targets).await?);
    }
    let registry = recorded_registry(access).await?;
    let mut asker = Asker { access: access.clone().dry_run(), made: BTreeSet::new(), trials };
    for step in &plan.steps {
        match &step.operation {
            Operation::Apply(apply) => {
                for manifest in &apply.objects {
                    let mut manifest = manifest.clone();
                    manifest["metadata"]["namespace"] = namespace.into();
                    if let Some(prefix) = &registry {
                        take_from(&mut manifest, prefix);
                    }
                    asker.apply(&manifest).await?;
                }
            }
            Operation::Patch(patch) => asker.patch(&patch.object, &patch.merge).await?,
            Operation::Scale(scale) => {
                asker.patch(&scale.object, &json!({"spec": {"replicas": scale.replicas}})).await?;
            }
            Operation::Rollout(rollout) => {
                let restart = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: ""}}}}});
                asker.patch(&rollout.restart, &restart).await?;
            }
            _ => {}
        }
    }
    Ok(asker.trials)
}

/// Asks for one change after the other.
struct Asker {
    access: Access,
    /// What earlier steps make.
    made: BTreeSet<ObjectRef>,
    trials: Vec<Trial>,
}

impl Asker {
    async fn apply(&mut self, manifest: &Value) -> Result<(), ApiError> {
        let target = object::reference(manifest);
        self.made.insert(target.clone());
        let result = object::apply(&self.access, manifest).await;
        self.trials.push(Trial::of(target, result)?);
        Ok(())
    }

    async fn patch(&mut self, target: &Target, change: &Value) -> Result<(), ApiError> {
        let target = change::reference(target, self.access.namespace());
        self.trials.push(match object::patch(&self.access, &target, change).await {
            Err(error) if error.kind == ApiErrorKind::NotFound && self.made.contains(&target) => Trial {
                object: target,
                answer: Answer::Unknown("after an earlier step, which makes it".into()),
            },
            result => Trial::of(target, result)?,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_lab::{LabSource, Values};
    use kubsets_undo::FakeApi;

    const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: demo, level: 1, minutes: 1}
spec:
  question: Does it come back?
  steps:
    - name: a new one
      apply:
        objects: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: new}, spec: {replicas: 1}}]
    - {name: more of it, scale: {object: {kind: Deployment, name: new}, replicas: 2}}
    - {name: more of another, scale: {object: {kind: Deployment, name: web}, replicas: 2}}
    - {name: settings, patch: {object: {kind: ConfigMap, name: missing}, merge: {data: {a: b}}}}
  expect:
    - {name: it does, that: 1 < 2}
";

    #[tokio::test]
    async fn known_changes_are_asked_for_and_none_is_made() {
        let api = FakeApi::default();
        api.put(
            "deployments",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
        );
        let source = LabSource { lab_yaml: LAB.to_owned(), ..LabSource::default() };
        let plan = Plan::new(&source, &Values::new()).unwrap();
        let trials = try_out(&api.access(), &plan).await.unwrap();
        let answers: Vec<_> = trials[6..]
            .iter()
            .map(|trial| {
                let word = match &trial.answer {
                    Answer::Accepted => "accepted",
                    Answer::Refused(_) => "refused",
                    Answer::Unknown(_) => "unknown",
                };
                format!("{} {word}", trial.object)
            })
            .collect();
        let expected = [
            "Deployment new accepted",
            "Deployment new unknown",
            "Deployment web accepted",
            "ConfigMap missing refused",
        ];
        assert_eq!(answers, expected);
        assert_eq!((api.names(), api.changes()), (vec!["deployments/web".to_owned()], 0));
    }
}
