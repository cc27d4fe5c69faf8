//! Account, rights and Job of the watchdog.

use serde_json::{Value, json};

use crate::claim::{Claim, WATCHDOG_ROLE};
use crate::entry::Target;
use crate::rights::rules;

/// Image of the watchdog: the plugin itself.
pub const WATCHDOG_IMAGE: &str = concat!("registry.kubsets.local/kubsets/cli:", env!("CARGO_PKG_VERSION"));

/// Account, rights and Job of the watchdog, owned by the journal so that they go with it.
///
/// The rights cover `targets`: what the journal says and what the run is going to add to it.
pub(crate) fn watchdog_objects<'a>(
    claim: &Claim,
    targets: impl IntoIterator<Item = &'a Target>,
    owner_uid: &str,
    lifetime_seconds: u64,
) -> Vec<Value> {
    let (name, journal) = (claim.watchdog_name(), claim.journal_ref());
    let metadata = json!({
        "name": name,
        "namespace": claim.namespace,
        "labels": claim.labels(WATCHDOG_ROLE),
        "ownerReferences": [{"apiVersion": journal.api_version, "kind": journal.kind, "name": journal.name,
                             "uid": owner_uid}],
    });
    let rbac = "rbac.authorization.k8s.io";
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata,
               "automountServiceAccountToken": false}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": metadata,
               "rules": rules(claim, targets)}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": metadata,
               "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
               "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": claim.namespace}]}),
        job(claim, &metadata, lifetime_seconds),
    ]
}

fn job(claim: &Claim, metadata: &Value, lifetime_seconds: u64) -> Value {
    let (run, namespace) = (claim.run.as_str(), &claim.namespace);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 6,
            "activeDeadlineSeconds": lifetime_seconds,
            "ttlSecondsAfterFinished": 300,
            "template": {
                "metadata": {"labels": claim.labels(WATCHDOG_ROLE)},
                "spec": {
                    "serviceAccountName": claim.watchdog_name(),
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
                        "args": ["internal", "watchdog", "--run", run, "--namespace", namespace],
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
    use crate::entry::Entry;
    use crate::run_id::RunId;
    use kubsets_kube::ObjectRef;

    #[test]
    fn watchdog_is_restricted_and_owned_by_the_journal() {
        let claim = Claim::canary(RunId::generate(), None, "shop", "demo-app");
        let route = ObjectRef::namespaced("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", "shop-route");
        let targets = [Entry::restore(route, "/spec", &json!({})).target()];
        let objects = watchdog_objects(&claim, &targets, "uid-1", 600);
        for object in &objects {
            assert_eq!(object.pointer("/metadata/ownerReferences/0/uid"), Some(&json!("uid-1")));
        }
        let pod = objects[3].pointer("/spec/template/spec").unwrap();
        assert_eq!(pod.pointer("/securityContext/runAsNonRoot"), Some(&json!(true)));
        assert_eq!(pod.pointer("/containers/0/securityContext/capabilities/drop/0"), Some(&json!("ALL")));
        assert_eq!(pod.pointer("/containers/0/args/3"), Some(&json!(claim.run.as_str())));
        // what its component says that it costs
        let requests = &pod["containers"][0]["resources"]["requests"];
        let cost = format!("requests: {{cpu: {}, memory: {}}}", requests["cpu"], requests["memory"])
            .replace('"', "");
        let component = include_str!("../../../../kubectl-kubsets/platform/cli/component.yaml");
        assert!(component.contains(&cost), "{cost} in\n{component}");
        let rules = objects[1]["rules"].as_array().unwrap();
        for rule in rules.iter().filter(|rule| rule["resources"][0] != "events") {
            assert!(rule["resourceNames"].as_array().is_some_and(|names| names.len() == 1), "{rule}");
            assert!(!rule["verbs"].as_array().unwrap().contains(&json!("*")), "{rule}");
        }
        assert!(rules.iter().any(|rule| rule["resourceNames"][0] == "shop-route"));
    }
}
