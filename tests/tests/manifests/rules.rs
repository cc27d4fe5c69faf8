//! Rules that every object and every pod of ours keeps. Each returns one line per offence.

use serde_json::Value;

use crate::render::Objects;

/// Registry of all images.
const REGISTRY: &str = "registry.kubsets.local/";

/// The pod template of a workload.
pub(crate) fn template(object: &Value) -> Option<&Value> {
    ["/spec/jobTemplate/spec/template", "/spec/template"]
        .into_iter()
        .find_map(|pointer| object.pointer(pointer))
        .filter(|template| template.pointer("/spec/containers").is_some())
}

/// Containers of a pod template, those that run first included.
pub(crate) fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    ["/spec/initContainers", "/spec/containers"]
        .into_iter()
        .filter_map(|pointer| template.pointer(pointer).and_then(Value::as_array))
        .flatten()
}

/// All labels that `status`, `down` and the metrics rely on.
pub(crate) fn labels(objects: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, object) in objects {
        let places = [Some(object), template(object)];
        for labels in places.into_iter().flatten().map(|place| &place["metadata"]["labels"]) {
            for name in ["part-of", "managed-by"] {
                if labels[format!("app.kubernetes.io/{name}")] != "kubsets" {
                    lines.push(format!("{key}: label {name} is not kubsets"));
                }
            }
        }
    }
    lines
}

/// Selectors name the workload and the instance, and nothing that changes with a version.
pub(crate) fn selectors(objects: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, object) in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        let selector = match kind {
            // Headless Services of this name are how Prometheus finds pods of every kind.
            "Service" if object["metadata"]["name"] == "metrics" => continue,
            "Service" => &object["spec"]["selector"],
            "Deployment" | "StatefulSet" | "DaemonSet" | "PodDisruptionBudget" => {
                &object["spec"]["selector"]["matchLabels"]
            }
            _ => continue,
        };
        let mut names: Vec<&str> =
            selector.as_object().into_iter().flatten().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        if names != ["app.kubernetes.io/instance", "app.kubernetes.io/name"] {
            lines.push(format!("{key}: selects by {names:?}"));
        }
        if let Some(template) = template(object)
            && names.iter().any(|name| template["metadata"]["labels"][name] != selector[name])
        {
            lines.push(format!("{key}: does not select its own pods"));
        }
    }
    lines
}

/// Pod Security "restricted", a read-only root, images of ours that are never fetched when they are there.
pub(crate) fn restricted(objects: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, template) in objects.iter().filter_map(|(key, object)| Some((key, template(object)?))) {
        let pod = &template["spec"];
        let mut want = |holds: bool, what: &str| {
            if !holds {
                lines.push(format!("{key}: {what}"));
            }
        };
        want(pod["securityContext"]["runAsNonRoot"] == true, "runAsNonRoot");
        want(pod["securityContext"]["runAsUser"] == 65532, "runAsUser 65532");
        want(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "seccomp RuntimeDefault");
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            want(pod[field].is_null(), field);
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            let kinds =
                ["configMap", "secret", "emptyDir", "projected", "downwardAPI", "persistentVolumeClaim"];
            want(kinds.iter().any(|kind| !volume[kind].is_null()), "a volume that restricted refuses");
        }
        for container in containers(template) {
            let context = &container["securityContext"];
            want(context["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
            want(context["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
            want(context["capabilities"] == serde_json::json!({"drop": ["ALL"]}), "capabilities");
            want(container["image"].as_str().is_some_and(|image| image.starts_with(REGISTRY)), "image");
            want(container["imagePullPolicy"] == "IfNotPresent", "imagePullPolicy");
        }
    }
    lines
}

/// Requests and limits of CPU and memory on every container.
pub(crate) fn resources(objects: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, template) in objects.iter().filter_map(|(key, object)| Some((key, template(object)?))) {
        for container in containers(template) {
            for (side, what) in
                ["requests", "limits"].into_iter().flat_map(|side| [(side, "cpu"), (side, "memory")])
            {
                if !container["resources"][side][what].is_string() {
                    lines.push(format!("{key} {}: no {side} of {what}", container["name"]));
                }
            }
        }
    }
    lines
}

/// Startup, readiness and liveness probes on everything that stays, each on a port that the container names.
pub(crate) fn probes(objects: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, object) in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        if !["Deployment", "StatefulSet", "DaemonSet"].contains(&kind) {
            continue;
        }
        for container in object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten() {
            let named = |port: &Value| {
                let ports = container["ports"].as_array();
                ports.into_iter().flatten().any(|candidate| candidate["name"] == *port)
            };
            for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let probe = &container[name];
                let port = ["httpGet", "tcpSocket", "grpc"].iter().map(|way| &probe[way]["port"]);
                let on_port = port.into_iter().any(named);
                if !on_port && probe["exec"].is_null() {
                    lines.push(format!("{key} {}: no {name} on a named port", container["name"]));
                }
            }
        }
    }
    lines
}
