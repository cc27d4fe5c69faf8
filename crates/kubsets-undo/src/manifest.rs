//! What of an object was asked for, without what the cluster has added. Pure.

use serde_json::{Map, Value};

/// Metadata that the server sets.
const SET_BY_SERVER: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Annotations that controllers set, by their beginning.
const SET_BY_CONTROLLERS: [&str; 3] =
    ["deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/selected-node"];
/// Where a claim says that its volume was chosen for it.
const BOUND_BY_CONTROLLER: &str = "/metadata/annotations/pv.kubernetes.io~1bound-by-controller";
/// Labels by which a Job finds its pods; each Job gets its own.
const OF_THE_JOB: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// The manifest from which an object can be made again.
pub(crate) fn manifest_of(object: &Value) -> Value {
    let mut manifest = object.clone();
    take(&mut manifest, "", &["status"]);
    take(&mut manifest, "/metadata", &SET_BY_SERVER);
    if let Some(annotations) = map_at(&mut manifest, "/metadata/annotations") {
        annotations.retain(|key, _| !SET_BY_CONTROLLERS.iter().any(|prefix| key.starts_with(prefix)));
        if annotations.is_empty() {
            take(&mut manifest, "/metadata", &["annotations"]);
        }
    }
    match object["kind"].as_str() {
        // Where a pod runs is found out anew, and so is the volume of a claim that did not name it itself.
        Some("Pod") => take(&mut manifest, "/spec", &["nodeName"]),
        Some("PersistentVolumeClaim") if object.pointer(BOUND_BY_CONTROLLER).is_some() => {
            take(&mut manifest, "/spec", &["volumeName"]);
        }
        Some("Job") if object.pointer("/spec/manualSelector") != Some(&Value::Bool(true)) => {
            take(&mut manifest, "/spec", &["selector"]);
            for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
                take(&mut manifest, labels, &OF_THE_JOB);
            }
        }
        _ => {}
    }
    manifest
}

fn take(object: &mut Value, pointer: &str, keys: &[&str]) {
    if let Some(map) = map_at(object, pointer) {
        map.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn map_at<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    object.pointer_mut(pointer)?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_manifest_is_the_same_before_and_after() {
        let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "shop", "labels": {"app": "a"}, "annotations": {"team": "x"}},
            "spec": {"replicas": 2}});
        let mut found = manifest.clone();
        found["metadata"]["uid"] = json!("u-1");
        found["metadata"]["resourceVersion"] = json!("7");
        found["metadata"]["managedFields"] = json!([{"manager": "kubsets"}]);
        found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
        found["status"] = json!({"replicas": 2});
        assert_eq!(manifest_of(&found), manifest);
        assert_eq!(manifest_of(&manifest), manifest);
    }

    #[test]
    fn a_job_gets_a_new_selector_unless_it_has_its_own() {
        let labels = json!({"app": "a", "controller-uid": "u", "batch.kubernetes.io/job-name": "j"});
        let mut job = json!({"kind": "Job", "metadata": {"name": "j", "labels": labels},
            "spec": {"selector": {"matchLabels": {"controller-uid": "u"}},
                     "template": {"metadata": {"labels": labels}}}});
        let manifest = manifest_of(&job);
        assert_eq!(manifest.pointer("/spec/selector"), None);
        assert_eq!(manifest.pointer("/metadata/labels"), Some(&json!({"app": "a"})));
        assert_eq!(manifest.pointer("/spec/template/metadata/labels"), Some(&json!({"app": "a"})));
        job["spec"]["manualSelector"] = json!(true);
        assert!(manifest_of(&job).pointer("/spec/selector").is_some());
    }

    #[test]
    fn pods_and_claims_find_their_place_anew() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "n", "volumes": []}});
        assert_eq!(manifest_of(&pod)["spec"], json!({"volumes": []}));
        let mut claim = json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1"},
            "metadata": {"name": "c", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}});
        let named = json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1"}, "metadata": {"name": "c"}});
        assert_eq!(manifest_of(&claim), named);
        claim["metadata"]["annotations"]["pv.kubernetes.io/bound-by-controller"] = json!("yes");
        assert_eq!(manifest_of(&claim)["spec"], json!({}));
    }
}
