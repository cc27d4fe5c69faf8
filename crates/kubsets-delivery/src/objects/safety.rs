//! Lease and watchdog: what restores the stable version when the driver dies.

use serde_json::{Value, json};

use super::{Names, run_labels};
use crate::run_id::RunId;

/// Seconds after which a Lease that is not renewed has expired.
pub(crate) const LEASE_SECONDS: u64 = 15;
/// Image of the watchdog.
pub(crate) const WATCHDOG_IMAGE: &str =
    concat!("registry.kubsets.local/kubsets/cli:", env!("CARGO_PKG_VERSION"));

/// The Lease of one Deployment. Creating it fails when another canary holds it.
pub(crate) fn lease(namespace: &str, name: &str, run: (&RunId, Option<&str>), now: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace, "labels": run_labels(run.0, run.1, "lease")},
        "spec": {
            "holderIdentity": run.0.as_str(),
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": now,
            "renewTime": now,
        },
    })
}

/// Account, rights and Job of the watchdog, owned by the journal so that they go with it.
pub(crate) fn watchdog_objects(
    namespace: &str,
    names: &Names,
    targets: (&str, &str),
    run: (&RunId, Option<&str>),
    owner_uid: &str,
    lifetime_seconds: u64,
) -> Vec<Value> {
    let (deployment, route) = targets;
    let metadata = |role: &str| {
        json!({
            "name": names.watchdog,
            "namespace": namespace,
            "labels": run_labels(run.0, run.1, role),
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": names.journal,
                                 "uid": owner_uid}],
        })
    };
    let rule = |group: &str, resource: &str, verbs: &[&str], objects: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs, "resourceNames": objects});
    let gateway = "gateway.networking.k8s.io";
    let rules = json!([
        rule("coordination.k8s.io", "leases", &["get", "patch", "delete"], &[&names.lease]),
        rule("", "configmaps", &["get", "patch", "delete"], &[&names.journal]),
        rule("apps", "deployments", &["get", "patch"], &[deployment]),
        rule("apps", "deployments", &["get", "delete"], &[&names.canary]),
        rule("", "services", &["get", "delete"], &[&names.canary]),
        rule(gateway, "httproutes", &["get", "patch"], &[route]),
        rule(gateway, "httproutes", &["get", "delete"], &[&names.probe]),
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]);
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("watchdog"),
               "automountServiceAccountToken": false}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata("watchdog"),
               "rules": rules}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
               "metadata": metadata("watchdog"),
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": names.watchdog},
               "subjects": [{"kind": "ServiceAccount", "name": names.watchdog, "namespace": namespace}]}),
        watchdog_job(&metadata("watchdog"), namespace, names, run, lifetime_seconds),
    ]
}

fn watchdog_job(
    metadata: &Value,
    namespace: &str,
    names: &Names,
    run: (&RunId, Option<&str>),
    lifetime_seconds: u64,
) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 6,
            "activeDeadlineSeconds": lifetime_seconds,
            "ttlSecondsAfterFinished": 300,
            "template": {
                "metadata": {"labels": run_labels(run.0, run.1, "watchdog")},
                "spec": {
                    "serviceAccountName": names.watchdog,
                    "automountServiceAccountToken": true,
                    "restartPolicy": "OnFailure",
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                                        "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "watchdog",
                        "image": WATCHDOG_IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["kubectl-kubsets"],
                        "args": ["internal", "watchdog", "--run", run.0.as_str(), "--namespace", namespace],
                        "env": [{"name": "RUST_LOG", "value": "info"}],
                        "resources": {"requests": {"cpu": "10m", "memory": "24Mi"},
                                      "limits": {"memory": "96Mi"}},
                        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                                            "capabilities": {"drop": ["ALL"]}},
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_is_restricted_and_owned_by_the_journal() {
        let run = RunId::generate();
        let names = Names::new("demo-app", &run);
        let objects = watchdog_objects("shop", &names, ("demo-app", "demo-app"), (&run, None), "uid-1", 600);
        for object in &objects {
            assert_eq!(object.pointer("/metadata/ownerReferences/0/uid"), Some(&json!("uid-1")));
        }
        let pod = objects[3].pointer("/spec/template/spec").unwrap();
        assert_eq!(pod.pointer("/securityContext/runAsNonRoot"), Some(&json!(true)));
        assert_eq!(pod.pointer("/containers/0/securityContext/capabilities/drop/0"), Some(&json!("ALL")));
        assert_eq!(pod.pointer("/containers/0/args/3"), Some(&json!(run.as_str())));
    }

    #[test]
    fn watchdog_rights_name_their_objects() {
        let run = RunId::generate();
        let names = Names::new("demo-app", &run);
        let objects = watchdog_objects("shop", &names, ("demo-app", "shop-route"), (&run, None), "u", 600);
        let rules = objects[1]["rules"].as_array().unwrap();
        for rule in rules.iter().filter(|rule| rule["resources"][0] != "events") {
            assert!(rule["resourceNames"].as_array().is_some_and(|names| names.len() == 1), "{rule}");
            assert!(!rule["verbs"].as_array().unwrap().contains(&json!("*")), "{rule}");
        }
        assert!(rules.iter().any(|rule| rule["resourceNames"][0] == "shop-route"));
    }
}
