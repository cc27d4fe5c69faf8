//! The canary's Deployment, Service and probe route.

use std::collections::BTreeMap;

use kubsets_undo::{RunId, run_labels};
use serde_json::{Map, Value, json};

use super::{PROBE_HEADER, add_labels, string_map};
use crate::route::narrow;

/// What changes in the pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateChange {
    /// Container to change.
    pub(crate) container: String,
    /// New image, if it changes.
    pub(crate) image: Option<String>,
    /// Variables to set.
    pub(crate) env: BTreeMap<String, String>,
    /// Version of the new template, for the version label.
    pub(crate) version: Option<String>,
}

/// The stable pod template with image, environment and version label changed.
pub(crate) fn change_template(template: &Value, change: &TemplateChange) -> Value {
    let mut template = template.clone();
    let containers = template.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    let container =
        containers.and_then(|list| list.iter_mut().find(|one| one["name"] == change.container.as_str()));
    if let Some(container) = container.and_then(Value::as_object_mut) {
        if let Some(image) = &change.image {
            container.insert("image".into(), json!(image));
        }
        let env = container.entry("env").or_insert_with(|| json!([]));
        if let Some(env) = env.as_array_mut() {
            change.env.iter().for_each(|(name, value)| set_variable(env, name, value));
        }
        if container.get("env").is_some_and(|env| env.as_array().is_some_and(Vec::is_empty)) {
            container.remove("env");
        }
    }
    if let Some(version) = &change.version
        && let Some(label) = template.pointer_mut("/metadata/labels/app.kubernetes.io~1version")
    {
        *label = json!(label_value(version));
    }
    template
}

/// Sets a variable where it is, or after all others.
fn set_variable(env: &mut Vec<Value>, name: &str, value: &str) {
    let wanted = json!({"name": name, "value": value});
    match env.iter_mut().find(|one| one["name"] == name) {
        Some(found) => *found = wanted,
        None => env.push(wanted),
    }
}

/// A version as a label value: other characters become dashes, at most 63 of them.
fn label_value(version: &str) -> String {
    let mapped =
        version.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    let cut: String = mapped.take(63).collect();
    cut.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// The label that tells stable and canary pods apart: in the selectors of Deployment and Service alike.
pub(crate) fn distinguishing_label(deployment: &Value, service: &Value) -> Option<(String, String)> {
    let of_service = string_map(service, "/spec/selector");
    let of_deployment = string_map(deployment, "/spec/selector/matchLabels");
    let mut shared = of_deployment.into_iter().filter(|(key, value)| of_service.get(key) == Some(value));
    let preferred = ["app.kubernetes.io/name", "app", "k8s-app", "name"];
    let candidates: BTreeMap<String, String> = shared.by_ref().collect();
    let found = preferred.iter().find_map(|key| candidates.get_key_value(*key));
    found.or_else(|| candidates.iter().next()).map(|(key, value)| (key.clone(), value.clone()))
}

/// The canary's Deployment: a copy with its own label, the changed template and its own replica count.
pub(crate) fn canary_deployment(
    stable: &Value,
    name: &str,
    label: &(String, String),
    template: &Value,
    run: (&RunId, Option<&str>),
) -> Value {
    let mut spec = stable.get("spec").cloned().unwrap_or_else(|| json!({}));
    let own = json!(format!("{}-canary", label.1));
    spec["replicas"] = json!(1);
    spec["template"] = template.clone();
    let pod_labels = run_labels(run.0, run.1, "canary");
    if let Some(metadata) = spec.pointer_mut("/template/metadata") {
        add_labels(metadata, &pod_labels);
    }
    for pointer in ["/selector/matchLabels", "/template/metadata/labels"] {
        if let Some(labels) = spec.pointer_mut(pointer).and_then(Value::as_object_mut) {
            labels.insert(label.0.clone(), own.clone());
        }
    }
    rename_in_spread(&mut spec, label, &own);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": object_metadata(stable, name, &pod_labels),
        "spec": spec,
    })
}

/// Spread and affinity rules that mean the stable pods are made to mean the canary's own.
fn rename_in_spread(spec: &mut Value, label: &(String, String), own: &Value) {
    let rules = spec.pointer_mut("/template/spec/topologySpreadConstraints").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        if let Some(value) = rule.pointer_mut("/labelSelector/matchLabels").and_then(|m| m.get_mut(&label.0))
        {
            *value = own.clone();
        }
    }
}

/// Metadata of a copy: the original's labels and namespace, and the labels of the run.
fn object_metadata(original: &Value, name: &str, labels: &BTreeMap<String, String>) -> Value {
    let mut metadata = json!({
        "name": name,
        "namespace": original.pointer("/metadata/namespace").cloned().unwrap_or(Value::Null),
        "labels": original.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
    });
    add_labels(&mut metadata, labels);
    metadata
}

/// The canary's Service: the stable one's ports, the canary's selector, no fixed addresses.
pub(crate) fn canary_service(
    stable: &Value,
    name: &str,
    label: &(String, String),
    run: (&RunId, Option<&str>),
) -> Value {
    let ports: Vec<Value> = stable
        .pointer("/spec/ports")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|port| {
            let kept = ["name", "port", "targetPort", "protocol", "appProtocol"];
            let kept = kept.iter().filter_map(|key| Some(((*key).to_owned(), port.get(*key)?.clone())));
            Value::Object(kept.collect::<Map<_, _>>())
        })
        .collect();
    let mut selector = string_map(stable, "/spec/selector");
    selector.insert(label.0.clone(), format!("{}-canary", label.1));
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": object_metadata(stable, name, &run_labels(run.0, run.1, "canary")),
        "spec": {"type": "ClusterIP", "ports": ports, "selector": selector},
    })
}

/// A route that leads requests with the probe header to one backend: the stable route's parents,
/// hosts and matches, each match with the header added, so that it wins over the stable route.
pub(crate) fn probe_route(
    stable: &Value,
    rule: usize,
    name: &str,
    backend: &Value,
    run: (&RunId, Option<&str>),
) -> Value {
    let mut spec = Map::new();
    for key in ["parentRefs", "hostnames"] {
        if let Some(value) = stable.pointer(&format!("/spec/{key}")) {
            spec.insert(key.to_owned(), value.clone());
        }
    }
    // Everything else of the rule (filters, timeouts) holds for probes too.
    let mut copy = stable.pointer(&format!("/spec/rules/{rule}")).cloned().unwrap_or_else(|| json!({}));
    if let Some(map) = copy.as_object_mut() {
        map.remove("name");
    }
    narrow(&mut copy, PROBE_HEADER, run.0);
    copy["backendRefs"] = json!([backend]);
    spec.insert("rules".to_owned(), json!([copy]));
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": stable.pointer("/metadata/namespace").cloned().unwrap_or(Value::Null),
            "labels": run_labels(run.0, run.1, "probe"),
        },
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::selects;
    use crate::objects::test_objects::{stable_deployment, stable_route, stable_service};

    fn change() -> TemplateChange {
        TemplateChange {
            container: "demo-app".into(),
            image: None,
            env: BTreeMap::from([("APP_VERSION".into(), "0.2.0".into()), ("EXTRA".into(), "1".into())]),
            version: Some("0.2.0".into()),
        }
    }

    #[test]
    fn canary_pods_are_invisible_to_the_stable_service() {
        let (stable, service) = (stable_deployment(), stable_service());
        let label = distinguishing_label(&stable, &service).unwrap();
        assert_eq!(label.0, "app.kubernetes.io/name");
        let run = RunId::generate();
        let template = change_template(&stable["spec"]["template"], &change());
        let canary =
            canary_deployment(&stable, "demo-app-canary", &label, &template, (&run, Some("canary/good")));
        let pods = string_map(&canary, "/spec/template/metadata/labels");
        assert!(!selects(&string_map(&service, "/spec/selector"), &pods));
        assert!(selects(&string_map(&canary, "/spec/selector/matchLabels"), &pods));
        let stable_pods = string_map(&stable, "/spec/template/metadata/labels");
        assert!(!selects(&string_map(&canary, "/spec/selector/matchLabels"), &stable_pods));
        let own = canary_service(&service, "demo-app-canary", &label, (&run, None));
        assert!(selects(&string_map(&own, "/spec/selector"), &pods));
        assert_eq!(own.pointer("/spec/ports/0/nodePort"), None);
        assert_eq!(own.pointer("/spec/clusterIP"), None);
        let spread = "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~1name";
        assert_eq!(canary.pointer(spread), Some(&json!("demo-app-canary")));
        assert_eq!(canary.pointer("/metadata/uid"), None);
        assert_eq!(pods[kubsets_undo::RUN_LABEL], run.as_str());
    }

    #[test]
    fn template_change_touches_only_what_it_says() {
        let stable = stable_deployment();
        let changed = change_template(&stable["spec"]["template"], &change());
        let env = changed.pointer("/spec/containers/0/env").unwrap();
        assert_eq!(env[0], json!({"name": "APP_VERSION", "value": "0.2.0"}));
        assert_eq!(env[1]["name"], "POD_NAME");
        assert_eq!(env[2], json!({"name": "EXTRA", "value": "1"}));
        assert_eq!(changed.pointer("/metadata/labels/app.kubernetes.io~1version"), Some(&json!("0.2.0")));
        let none =
            TemplateChange { container: "demo-app".into(), image: None, env: BTreeMap::new(), version: None };
        assert_eq!(change_template(&stable["spec"]["template"], &none), stable["spec"]["template"]);
    }

    #[test]
    fn probe_route_adds_its_header_to_every_match() {
        let run = RunId::generate();
        let backend = json!({"name": "demo-app-canary", "port": 80});
        let mut stable = stable_route();
        stable["spec"]["rules"][0]["timeouts"] = json!({"request": "3s"});
        let route = probe_route(&stable, 0, "demo-app-canary-probe", &backend, (&run, None));
        assert_eq!(route.pointer("/spec/parentRefs/0/name"), Some(&json!("kubsets")));
        assert_eq!(route.pointer("/spec/rules/0/matches/0/path/value"), Some(&json!("/")));
        assert_eq!(route.pointer("/spec/rules/0/timeouts/request"), Some(&json!("3s")));
        assert_eq!(route.pointer("/spec/rules/0/backendRefs/0/name"), Some(&json!("demo-app-canary")));
        assert_eq!(route.pointer("/spec/rules/0/matches/0/headers/0/value"), Some(&json!(run.as_str())));
    }

    #[test]
    fn versions_become_valid_labels() {
        assert_eq!(label_value("0.2.0+build 7"), "0.2.0-build-7");
        assert_eq!(label_value("-x-"), "x");
        assert_eq!(label_value(&"a".repeat(80)).len(), 63);
    }
}
