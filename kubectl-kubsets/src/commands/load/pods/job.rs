//! The Job whose pods send the load, and the Secret that tells them what to send.

use std::time::Duration;

use serde_json::{Value, json};

/// Label that every Job of a load has, by which a later load finds what an earlier one left.
pub(super) const ROLE: (&str, &str) = ("kubsets.dev/role", "load");

/// Folder in which the pods find the Secret.
const FOLDER: &str = "/order";

/// Key of the order in the Secret, and so the name of its file.
const ORDER: &str = "order.json";

/// Name of the container.
pub(super) const CONTAINER: &str = "load";

/// Seconds that a Job stays after its end, should nobody remove it.
const STAYS: u64 = 300;

/// What the Job is to do.
pub(super) struct Wanted<'a> {
    pub(super) run: &'a str,
    pub(super) namespace: &'a str,
    pub(super) image: &'a str,
    pub(super) pods: u16,
    /// Time after which the cluster ends it, whatever it does.
    pub(super) deadline: Duration,
    /// When the pods start together, in milliseconds of Unix time.
    pub(super) start_unix_ms: u64,
    /// The order in JSON. It may hold secrets, such as a header `authorization`.
    pub(super) order: &'a str,
}

impl Wanted<'_> {
    /// Name of the Job and of its Secret.
    fn name(&self) -> String {
        format!("kubsets-load-{}", self.run)
    }

    fn labels(&self) -> Value {
        json!({
            kubsets_kube::MANAGED_BY: kubsets_kube::MANAGER,
            "app.kubernetes.io/name": "kubsets-load",
            "app.kubernetes.io/part-of": kubsets_kube::MANAGER,
            "kubsets.dev/run": self.run,
            ROLE.0: ROLE.1,
        })
    }
}

/// The Secret with the order. It has no owner yet: that is the Job, which has to be there first.
pub(super) fn secret(wanted: &Wanted<'_>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": wanted.name(), "namespace": wanted.namespace, "labels": wanted.labels()},
        "immutable": true,
        "stringData": {ORDER: wanted.order},
    })
}

/// An indexed Job: each pod takes the part of the run that its index names. It fits into a namespace with the pod
/// security level `restricted`, asks nothing of the API server, and ends by itself, soon after the command is gone.
pub(super) fn job(wanted: &Wanted<'_>) -> Value {
    let labels = wanted.labels();
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": wanted.name(), "namespace": wanted.namespace, "labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": wanted.pods,
            "parallelism": wanted.pods,
            // A pod that begins anew would send its part a second time, and too late.
            "backoffLimit": 0,
            "activeDeadlineSeconds": wanted.deadline.as_secs(),
            "ttlSecondsAfterFinished": STAYS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                                        "fsGroup": 65532,
                                        "seccompProfile": {"type": "RuntimeDefault"}},
                    "volumes": [{"name": "order",
                                 "secret": {"secretName": wanted.name(), "defaultMode": 0o440}}],
                    // On one node they would share its processor.
                    "topologySpreadConstraints": [{
                        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"kubsets.dev/run": wanted.run}},
                    }],
                    "containers": [{
                        "name": CONTAINER,
                        "image": wanted.image,
                        "imagePullPolicy": "IfNotPresent",
                        // By which it hears that the command lives, also over a second line when the first breaks.
                        "stdin": true,
                        "stdinOnce": false,
                        "command": ["kubectl-kubsets"],
                        "args": ["internal", "load-pod",
                                 "--start-unix-ms", wanted.start_unix_ms.to_string(),
                                 "--pods", wanted.pods.to_string(),
                                 "--order", format!("{FOLDER}/{ORDER}")],
                        "volumeMounts": [{"name": "order", "mountPath": FOLDER, "readOnly": true}],
                        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"},
                                      "limits": {"memory": "256Mi"}},
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
    fn the_job_is_restricted_and_ends_by_itself() {
        let wanted = Wanted {
            run: "261120-134501-3fa2",
            namespace: "shop",
            image: "registry.example/cli:1",
            pods: 3,
            deadline: Duration::from_secs(95),
            start_unix_ms: 1_700_000_000_000,
            order: r#"{"targets": [{"headers": [["authorization", "Bearer of-a-secret"]]}]}"#,
        };
        let job = job(&wanted);
        let typed: k8s_openapi::api::batch::v1::Job =
            serde_json::from_value(job.clone()).expect("is a Job of this API");
        let spec = typed.spec.expect("has a spec");
        assert_eq!((spec.completions, spec.parallelism), (Some(3), Some(3)));
        assert_eq!((spec.completion_mode.as_deref(), spec.backoff_limit), (Some("Indexed"), Some(0)));
        assert_eq!((spec.active_deadline_seconds, spec.ttl_seconds_after_finished), (Some(95), Some(300)));
        let pod = spec.template.spec.expect("has a pod");
        assert_eq!(pod.automount_service_account_token, Some(false));
        let security = pod.security_context.expect("is restricted");
        assert_eq!(security.run_as_non_root, Some(true));
        assert_eq!(security.seccomp_profile.map(|profile| profile.type_).as_deref(), Some("RuntimeDefault"));
        assert_eq!((pod.containers[0].stdin, pod.containers[0].stdin_once), (Some(true), Some(false)));
        let container = pod.containers[0].security_context.clone().expect("is restricted");
        assert_eq!(container.allow_privilege_escalation, Some(false));
        assert_eq!(container.capabilities.and_then(|set| set.drop), Some(vec!["ALL".to_owned()]));
        assert_eq!(job.pointer("/metadata/labels/kubsets.dev~1role"), Some(&json!("load")));
        assert_eq!(job.pointer("/spec/template/spec/containers/0/args/3"), Some(&json!("1700000000000")));
        // What may be secret is in the Secret alone.
        assert!(!job.to_string().contains("of-a-secret"));
        let secret: k8s_openapi::api::core::v1::Secret =
            serde_json::from_value(secret(&wanted)).expect("is a Secret of this API");
        let volumes = pod.volumes.expect("has the order");
        let mounted = volumes[0].secret.as_ref().expect("is a Secret");
        assert_eq!(mounted.secret_name, secret.metadata.name);
        assert_eq!(mounted.optional, None, "a pod waits for it");
        assert_eq!(secret.string_data.expect("has data")["order.json"], wanted.order);
    }
}
