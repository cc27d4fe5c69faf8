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

/// A pod as the cluster has it, of the metadata and the specification what labs ask for, and beside that
/// `name`, `ready`, `node`, `address` and `restarts`.
pub(super) fn view(pod: &Pod) -> Value {
    let status = pod.status.clone().unwrap_or_default();
    let restarts: i32 = status.container_statuses.iter().flatten().map(|one| one.restart_count).sum();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let metadata = &pod.metadata;
    json!({
        "metadata": {"name": name(pod), "labels": metadata.labels, "annotations": metadata.annotations},
        "spec": {"nodeName": node},
        "name": name(pod),
        "ready": is_ready(pod),
        "node": node,
        "address": status.pod_ip,
        "restarts": restarts,
        "status": status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_lab::{Expression, Scope};

    #[test]
    fn a_view_has_the_fields_of_a_pod_and_short_ones() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-1", "labels": {"app": "web"}},
            "spec": {"nodeName": "n1", "containers": []},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}],
                       "containerStatuses": [{"name": "web", "image": "x", "imageID": "", "ready": true, "restartCount": 2}]},
        }))
        .unwrap();
        let pods = Value::from(vec![view(&pod)]);
        let scope = Scope { outer: &kubsets_lab::Bindings::default(), name: "pods", value: &pods };
        for that in [
            "pods.all(p, p.status.phase == 'Running' && p.status.podIP == p.address)",
            "pods.all(p, p.metadata.name == p.name && p.metadata.labels.app == 'web' && p.spec.nodeName == p.node)",
            "pods.all(p, p.ready && p.restarts == 2 && p.status.containerStatuses[0].restartCount == 2)",
        ] {
            assert_eq!(Expression::compile(that).unwrap().holds(&scope), Ok(true), "{that}");
        }
    }
}
