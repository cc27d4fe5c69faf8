//! What the keeper of a run writes into the cluster, asked of the API server and not made.

use std::collections::BTreeSet;

use kubsets_kube::{Access, Answer, ApiError, ApiErrorKind, Trial, recorded_registry, take_from};

use crate::claim::Claim;
use crate::entry::Target;
use crate::journal::Journal;
use crate::lease::{Lease, micro_time};
use crate::object::{apply, create, reference};
use crate::watchdog::watchdog_objects;

/// The owner that a watchdog has before its journal is made.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
/// Seconds that a watchdog stays that is never made.
const LIFETIME: u64 = 60;

/// Asks for the Lease and the journal of a claim and, where it has `targets`, for the watchdog that may undo them.
///
/// # Errors
/// [`ApiError`] where the server gives no answer.
pub async fn try_keeping(
    access: &Access,
    claim: &Claim,
    targets: &BTreeSet<Target>,
) -> Result<Vec<Trial>, ApiError> {
    let asking = access.clone().dry_run();
    let mut trials = Vec::new();
    let journal = Journal::new(claim.clone(), &access.facts().server);
    for object in [Lease::of(claim, &micro_time()).object().clone(), journal.to_config_map()] {
        trials.push(Trial::of(reference(&object), create(&asking, &object).await)?);
    }
    if targets.is_empty() {
        return Ok(trials);
    }
    let registry = recorded_registry(access).await?;
    for mut object in watchdog_objects(claim, targets, NOBODY, LIFETIME) {
        if let Some(prefix) = &registry {
            take_from(&mut object, prefix);
        }
        let target = reference(&object);
        trials.push(match apply(&asking, &object).await {
            // The rights that it binds are looked up where the caller must have them.
            Err(error) if target.kind == "RoleBinding" && error.kind == ApiErrorKind::NotFound => {
                let first = format!("after Role {}", target.name);
                Trial { object: target, answer: Answer::Unknown(first) }
            }
            result => Trial::of(target, result)?,
        });
    }
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, FakeApi, RunId};
    use kubsets_kube::ObjectRef;

    #[tokio::test]
    async fn lease_journal_and_watchdog_are_asked_for_and_not_made() {
        let api = FakeApi::default();
        let claim = Claim::canary(RunId::generate(), None, "shop", "demo-app");
        let made = Entry::delete(ObjectRef::namespaced("v1", "Service", "shop", "demo-app-canary"));
        let trials = try_keeping(&api.access(), &claim, &BTreeSet::from([made.target()])).await.unwrap();
        let kinds: Vec<&str> = trials.iter().map(|trial| trial.object.kind.as_str()).collect();
        assert_eq!(kinds, ["Lease", "ConfigMap", "ServiceAccount", "Role", "RoleBinding", "Job"]);
        assert!(trials.iter().all(|trial| trial.answer == Answer::Accepted), "{trials:?}");
        assert!(api.names().is_empty() && api.changes() == 0, "{:?}", api.names());

        api.put_lease(&claim, "2020-01-01T00:00:00.000000Z");
        let trials = try_keeping(&api.access(), &claim, &BTreeSet::new()).await.unwrap();
        assert!(trials[0].is_refused() && !trials[1].is_refused(), "{trials:?}");
        assert_eq!(trials.len(), 2);
    }
}
