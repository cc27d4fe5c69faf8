//! Pods as expressions see them.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kubsets_kube::{Access, ApiError, During};
use serde_json::{Value, json};

/// Pods that a selector finds, by name; those that are being deleted are left out.
pub(super) async fn find(access: &Access, namespace: &str, selector: &str) -> Result<Vec<Pod>, ApiError> {
    let pods = Api::<Pod>::namespaced(access.client(), namespace);
    let found = pods.list(&ListParams::default().labels(selector)).await;
    let mut found = found.during(|| format!("list pods {selector}"))?.items;
    found.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    found.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    Ok(found)
}

/// Name of a pod.
pub(super) fn name(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// A pod in plain fields: `name`, `phase`, `ready`, `node`, `address`, `restarts`, `labels`.
pub(super) fn view(pod: &Pod) -> Value {
    let status = pod.status.clone().unwrap_or_default();
    let restarts: i32 = status.container_statuses.iter().flatten().map(|one| one.restart_count).sum();
    json!({
        "name": name(pod),
        "phase": status.phase,
        "ready": is_ready(pod),
        "node": pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        "address": status.pod_ip,
        "restarts": restarts,
        "labels": pod.metadata.labels,
    })
}
