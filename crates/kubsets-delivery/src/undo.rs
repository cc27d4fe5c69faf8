//! The way back: from a journal to the state before, in reverse order, safe to repeat.
//!
//! Traffic goes first: a changed pod template is restored and rolled out while the other pods
//! still serve, then the weights, then, after a pause for requests under way, what was made is removed.

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ObjectRef, WaitError, wait_for_rollout};
use serde_json::Value;
use tokio::time::sleep;

use crate::canonical::hash;
use crate::cluster::{insist, remove, set_at, wait_gone};
use crate::event::Events;
use crate::facts::read;
use crate::journal::{Entry, Journal, Phase};
use crate::lock::{lease_ref, release};
use crate::objects::journal_name;
use crate::outcome::Comparison;

/// How long a passing failure of the API server is borne on the way back.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the stable pods get to come back before traffic is given to them all the same.
const ROLLOUT: Duration = Duration::from_mins(1);
/// How long a removed object may take to go.
const GONE: Duration = Duration::from_mins(1);

/// How far back to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the state before the run.
    Before,
    /// To the end of a promotion: the new template stays.
    Promoted,
}

impl Reach {
    /// What a journal asks for when its driver is gone.
    pub(crate) fn of(phase: Phase) -> Self {
        if phase == Phase::Promoted { Self::Promoted } else { Self::Before }
    }

    fn covers(self, entry: &Entry) -> bool {
        self == Self::Before || entry.object().kind != "Deployment" || matches!(entry, Entry::Delete { .. })
    }
}

/// Restores what was changed, the last change first.
pub(crate) async fn restore(
    access: &Access,
    journal: &Journal,
    reach: Reach,
    events: &Events,
) -> Result<(), ApiError> {
    for entry in journal.undo_order().filter(|entry| reach.covers(entry)) {
        let Entry::Restore { object, pointer, original, .. } = entry else { continue };
        let changed = insist(PATIENCE, || set_at(access, object, pointer, original)).await?;
        if changed {
            events.object("restored", object);
        }
        if object.kind == "Deployment" && changed {
            events.doing(format!("waiting for {object} to run its old version"));
            match wait_for_rollout(access, object, ROLLOUT).await {
                Ok(_) => {}
                Err(WaitError::Api(error)) => return Err(error),
                // The old pods that are there serve; more will come.
                Err(error) => tracing::warn!(%error, "traffic goes back before all pods are there"),
            }
        }
    }
    Ok(())
}

/// Removes what was made, the last one first, and waits until it is gone.
pub(crate) async fn remove_made(
    access: &Access,
    journal: &Journal,
    drain: Duration,
    events: &Events,
) -> Result<(), ApiError> {
    let made: Vec<&ObjectRef> = journal
        .undo_order()
        .filter_map(|entry| match entry {
            Entry::Delete { object } => Some(object),
            Entry::Restore { .. } => None,
        })
        .collect();
    let mut left = Vec::new();
    for object in made {
        if insist(PATIENCE, || read(access, object)).await?.is_some() {
            left.push(object);
        }
    }
    if left.iter().any(|object| object.kind == "Deployment") {
        events.doing("letting requests under way finish");
        sleep(drain).await;
    }
    for object in &left {
        insist(PATIENCE, || remove(access, object)).await?;
        events.object("removed", object);
    }
    for object in left {
        insist(PATIENCE, || wait_gone(access, object, GONE)).await?;
    }
    Ok(())
}

/// Gives the Lease back, then removes the journal in the cluster and with it the watchdog, which it owns.
///
/// The journal goes last: a watchdog that does this itself ends with it, and whoever dies in between
/// leaves a journal from which the rest can be done.
pub(crate) async fn close(access: &Access, journal: &Journal) -> Result<(), ApiError> {
    let lease = lease_ref(&journal.namespace, &journal.deployment);
    let held = insist(PATIENCE, || read(access, &lease)).await?;
    let of_run = held.as_ref().and_then(|lease| lease.pointer("/metadata/labels/kubsets.dev~1run"));
    if of_run.and_then(Value::as_str) == Some(journal.run.as_str()) {
        insist(PATIENCE, || release(access, &lease)).await?;
    }
    let config_map =
        ObjectRef::namespaced("v1", "ConfigMap", &journal.namespace, &journal_name(&journal.run));
    insist(PATIENCE, || remove(access, &config_map)).await
}

/// Compares every object of the journal with its state before.
pub(crate) async fn compare(
    access: &Access,
    journal: &Journal,
    reach: Reach,
) -> Result<Vec<Comparison>, ApiError> {
    let mut comparisons = Vec::with_capacity(journal.entries.len());
    for entry in journal.entries.iter().filter(|entry| reach.covers(entry)) {
        let found = read(access, entry.object()).await?;
        comparisons.push(compared(entry, found.as_ref()));
    }
    Ok(comparisons)
}

/// Compares one object; pure.
fn compared(entry: &Entry, found: Option<&Value>) -> Comparison {
    match entry {
        Entry::Delete { object } => Comparison {
            object: object.clone(),
            pointer: None,
            before: None,
            after: found.map(|found| hash(&found["spec"])),
            equal: found.is_none(),
        },
        Entry::Restore { object, pointer, hash: before, .. } => {
            let after = found.map(|found| hash(found.pointer(pointer).unwrap_or(&Value::Null)));
            Comparison {
                object: object.clone(),
                pointer: Some(pointer.clone()),
                equal: after.as_ref() == Some(before),
                before: Some(before.clone()),
                after,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_promotion_keeps_its_template_and_nothing_else() {
        let deployment = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "demo-app");
        let canary = ObjectRef { name: "demo-app-canary".into(), ..deployment.clone() };
        let template = Entry::restore(deployment, "/spec/template", &json!({}));
        let made = Entry::Delete { object: canary };
        assert!(!Reach::Promoted.covers(&template));
        assert!(Reach::Promoted.covers(&made));
        assert!(Reach::Before.covers(&template));
        assert_eq!(Reach::of(Phase::Promoted), Reach::Promoted);
        assert_eq!(Reach::of(Phase::Promoting), Reach::Before);
    }

    #[test]
    fn comparison_is_by_hash_and_by_absence() {
        let route = ObjectRef::namespaced("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", "demo-app");
        let before = json!({"spec": {"rules": [{"a": 1}]}});
        let entry = Entry::restore(route.clone(), "/spec", &before);
        assert!(compared(&entry, Some(&before)).equal);
        assert!(!compared(&entry, Some(&json!({"spec": {"rules": []}}))).equal);
        assert!(!compared(&entry, None).equal);
        let made = Entry::Delete { object: route };
        assert!(compared(&made, None).equal);
        assert!(!compared(&made, Some(&before)).equal);
    }
}
