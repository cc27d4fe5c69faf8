//! What keeps a pod from running, in words and with a hint.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{Api, ListParams};
use serde_json::Value;
use thiserror::Error;

use crate::access::Access;
use crate::error::{ApiError, During, Hint};
use crate::object::ObjectRef;

/// Why a pod does not run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PodProblem {
    /// The image cannot be pulled.
    #[error("pod {pod} cannot get image {image}: {message}")]
    Image {
        /// Name of the pod.
        pod: String,
        /// The image.
        image: String,
        /// The kubelet's words.
        message: String,
    },
    /// No node takes the pod.
    #[error("pod {pod} fits on no node: {message}")]
    NoCapacity {
        /// Name of the pod.
        pod: String,
        /// The scheduler's words.
        message: String,
    },
    /// The container starts and dies.
    #[error("container {container} of pod {pod} keeps crashing ({reason}, {restarts} restarts)")]
    Crashing {
        /// Name of the pod.
        pod: String,
        /// Name of the container.
        container: String,
        /// Reason of the last exit.
        reason: String,
        /// Restarts so far.
        restarts: i32,
    },
    /// The container cannot be created (missing Secret, bad security context).
    #[error("container {container} of pod {pod} cannot be created: {message}")]
    Config {
        /// Name of the pod.
        pod: String,
        /// Name of the container.
        container: String,
        /// The kubelet's words.
        message: String,
    },
    /// The container runs but its probe fails.
    #[error("container {container} of pod {pod} is running but not ready")]
    NotReady {
        /// Name of the pod.
        pod: String,
        /// Name of the container.
        container: String,
    },
}

impl Hint for PodProblem {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Image { image, .. } => {
                format!(
                    "check the reference {image}; on our clusters load it with `kubectl kubsets images load`"
                )
            }
            Self::NoCapacity { .. } => {
                "free resources or add a node: `kubectl kubsets cluster add-node`".to_owned()
            }
            Self::Crashing { pod, container, .. } => format!("kubectl logs {pod} -c {container} --previous"),
            Self::Config { pod, .. } | Self::NotReady { pod, .. } => format!("kubectl describe pod {pod}"),
        })
    }
}

/// The first problem of a pod, if it has one.
pub fn diagnose(pod: &Pod) -> Option<PodProblem> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let unschedulable = status.conditions.iter().flatten().find(|one| {
        one.type_ == "PodScheduled" && one.status == "False" && one.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unschedulable {
        let message = condition.message.clone().unwrap_or_default();
        return Some(PodProblem::NoCapacity { pod: name, message });
    }
    let init = status.init_container_statuses.iter().flatten();
    let all: Vec<&ContainerStatus> = init.chain(status.container_statuses.iter().flatten()).collect();
    all.iter().find_map(|one| waiting_problem(&name, one)).or_else(|| {
        let running = status.container_statuses.iter().flatten();
        running
            .filter(|one| !one.ready && one.state.as_ref().is_some_and(|s| s.running.is_some()))
            .map(|one| PodProblem::NotReady { pod: name.clone(), container: one.name.clone() })
            .next()
    })
}

fn waiting_problem(pod: &str, container: &ContainerStatus) -> Option<PodProblem> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone().unwrap_or_default();
    let message = waiting.message.clone().unwrap_or_else(|| reason.clone());
    let pod = pod.to_owned();
    let name = container.name.clone();
    match reason.as_str() {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
            Some(PodProblem::Image { pod, image: container.image.clone(), message })
        }
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let reason = last.and_then(|end| end.reason.clone()).unwrap_or(reason);
            Some(PodProblem::Crashing { pod, container: name, reason, restarts: container.restart_count })
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(PodProblem::Config { pod, container: name, message })
        }
        _ => None,
    }
}

/// The pods that a workload's selector matches.
///
/// # Errors
/// [`ApiError`] when the workload or its pods cannot be read.
pub async fn pods_of(access: &Access, workload: &ObjectRef) -> Result<Vec<Pod>, ApiError> {
    let found = workload.api(access).get(&workload.name).await.during(|| format!("read {workload}"))?;
    let labels = found.data.pointer("/spec/selector/matchLabels").cloned().unwrap_or(Value::Null);
    let labels: BTreeMap<String, String> = serde_json::from_value(labels).unwrap_or_default();
    let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let namespace = workload.namespace.as_deref().unwrap_or_else(|| access.namespace());
    let params = ListParams::default().labels(&selector.join(","));
    let pods = Api::<Pod>::namespaced(access.client(), namespace)
        .list(&params)
        .await
        .during(|| format!("list the pods of {workload}"))?;
    Ok(pods.items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    #[test]
    fn image_pull_names_the_image() {
        let pod = pod(&json!({"containerStatuses": [{
            "name": "app", "image": "registry.example/x:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}]}));
        let problem = diagnose(&pod).unwrap();
        assert_eq!(problem.to_string(), "pod p cannot get image registry.example/x:1: not found");
        assert!(problem.hint().unwrap().contains("images load"));
    }

    #[test]
    fn unschedulable_beats_everything() {
        let pod = pod(&json!({"conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/2 nodes are available: 2 Insufficient cpu"}]}));
        assert!(matches!(diagnose(&pod), Some(PodProblem::NoCapacity { .. })));
    }

    #[test]
    fn crash_loop_gives_the_last_reason() {
        let pod = pod(&json!({"containerStatuses": [{
            "name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 4,
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}));
        assert_eq!(
            diagnose(&pod).unwrap().to_string(),
            "container app of pod p keeps crashing (OOMKilled, 4 restarts)"
        );
    }

    #[test]
    fn healthy_pods_have_no_problem() {
        let pod = pod(&json!({"containerStatuses": [{
            "name": "app", "image": "i", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {}}}]}));
        assert_eq!(diagnose(&pod), None);
    }
}
