//! Rollout status of a Deployment, `StatefulSet` or `DaemonSet`, with the reason when it hangs.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::access::Access;
use crate::object::ObjectRef;
use crate::pods::{diagnose, pods_of};
use crate::wait::{Condition, WaitError, wait_for};

/// How far a rollout has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Replicas wanted.
    pub desired: i64,
    /// Replicas of the newest template.
    pub updated: i64,
    /// Replicas that are ready.
    pub ready: i64,
    /// Replicas in all, old ones included.
    pub total: i64,
    /// Whether all wanted replicas run the newest template and are available, and no other is left.
    pub done: bool,
    /// The state in words.
    pub message: String,
}

impl RolloutStatus {
    /// Reads the status of a workload.
    pub fn of(workload: &Value) -> Self {
        let number = |path: &str| workload.pointer(path).and_then(Value::as_i64);
        let daemon = workload["kind"] == "DaemonSet" || number("/status/desiredNumberScheduled").is_some();
        let (desired, updated, ready, available, total) = if daemon {
            let scheduled = number("/status/desiredNumberScheduled").unwrap_or(0);
            (
                scheduled,
                number("/status/updatedNumberScheduled").unwrap_or(0),
                number("/status/numberReady").unwrap_or(0),
                number("/status/numberAvailable").unwrap_or(0),
                number("/status/currentNumberScheduled").unwrap_or(0),
            )
        } else {
            (
                number("/spec/replicas").unwrap_or(1),
                number("/status/updatedReplicas").unwrap_or(0),
                number("/status/readyReplicas").unwrap_or(0),
                number("/status/availableReplicas").unwrap_or(0),
                number("/status/replicas").unwrap_or(0),
            )
        };
        let generation = number("/metadata/generation").unwrap_or(0);
        let observed = number("/status/observedGeneration").unwrap_or(0);
        let message = if observed < generation {
            "the change is not yet seen by its controller".to_owned()
        } else if let Some(reason) = deadline_exceeded(workload) {
            reason
        } else if updated < desired {
            format!("{updated} of {desired} replicas updated")
        } else if total > updated {
            format!("{} old replicas still to stop", total - updated)
        } else if available < desired {
            format!("{available} of {desired} replicas available")
        } else {
            format!("{ready} of {desired} replicas ready")
        };
        let done = observed >= generation
            && updated >= desired
            && total <= updated
            && available >= desired
            && ready >= desired;
        Self { desired, updated, ready, total, done, message }
    }
}

fn deadline_exceeded(workload: &Value) -> Option<String> {
    let conditions = workload.pointer("/status/conditions")?.as_array()?;
    let stuck = conditions.iter().find(|one| one["reason"] == "ProgressDeadlineExceeded")?;
    Some(stuck["message"].as_str().unwrap_or("the progress deadline is exceeded").to_owned())
}

/// Waits for a rollout; on failure the message names what the pods suffer from.
///
/// # Errors
/// [`WaitError`], with image pull, scheduling and crash reasons of the pods appended.
pub async fn wait_for_rollout(
    access: &Access,
    workload: &ObjectRef,
    timeout: Duration,
) -> Result<RolloutStatus, WaitError> {
    match wait_for(access, workload, &Condition::RolledOut, timeout).await {
        Ok(_) => {
            let found = workload.api(access).get(&workload.name).await;
            let value = found.ok().and_then(|found| serde_json::to_value(found).ok()).unwrap_or(Value::Null);
            Ok(RolloutStatus::of(&value))
        }
        Err(WaitError::Timeout { object, timeout, mut last }) => {
            if let Ok(pods) = pods_of(access, workload).await {
                let problems: Vec<String> =
                    pods.iter().filter_map(diagnose).map(|problem| problem.to_string()).collect();
                if let Some(first) = problems.first() {
                    last = format!("{last}; {first}");
                }
            }
            Err(WaitError::Timeout { object, timeout, last })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn deployment_is_done_only_without_old_replicas() {
        let mut deployment = json!({
            "metadata": {"generation": 3}, "spec": {"replicas": 2},
            "status": {"observedGeneration": 3, "replicas": 3, "updatedReplicas": 2,
                       "readyReplicas": 3, "availableReplicas": 3}});
        let status = RolloutStatus::of(&deployment);
        assert!(!status.done);
        assert_eq!(status.message, "1 old replicas still to stop");
        deployment["status"]["replicas"] = json!(2);
        assert!(RolloutStatus::of(&deployment).done);
        deployment["metadata"]["generation"] = json!(4);
        assert!(!RolloutStatus::of(&deployment).done);
    }

    #[test]
    fn scaled_to_zero_is_done() {
        let deployment = json!({"metadata": {"generation": 1}, "spec": {"replicas": 0},
                                "status": {"observedGeneration": 1}});
        assert!(RolloutStatus::of(&deployment).done);
    }

    #[test]
    fn daemon_sets_count_nodes() {
        let daemon = json!({"kind": "DaemonSet", "metadata": {"generation": 1}, "status": {
            "observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
            "updatedNumberScheduled": 2, "numberReady": 1, "numberAvailable": 1}});
        let status = RolloutStatus::of(&daemon);
        assert_eq!((status.done, status.message.as_str()), (false, "1 of 2 replicas available"));
    }
}
