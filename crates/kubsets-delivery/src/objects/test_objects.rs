//! A Deployment, Service and route for tests, and a canary of them whose driver has died.

use kubsets_kube::ObjectRef;
use kubsets_undo::{Claim, Entry, FakeApi, Journal, Phase, RunId};
use serde_json::{Value, json};

use super::Names;
use crate::route::{GATEWAY_API, find_carrier, split_rules};

pub(crate) fn stable_deployment() -> Value {
    let labels = json!({"app.kubernetes.io/name": "demo-app", "app.kubernetes.io/instance": "kubsets",
                        "app.kubernetes.io/version": "0.1.0"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "demo-app", "namespace": "shop", "uid": "u1", "resourceVersion": "7",
                     "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "demo-app",
                                         "app.kubernetes.io/instance": "kubsets"}},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [{"name": "demo-app", "image": "registry.kubsets.local/kubsets/demo-app:0.1.0",
                                "env": [{"name": "APP_VERSION", "value": "0.1.0"},
                                        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
                "topologySpreadConstraints": [{"maxSkew": 1, "labelSelector": {"matchLabels": {
                    "app.kubernetes.io/name": "demo-app"}}}]}}},
        "status": {"readyReplicas": 2, "availableReplicas": 2, "updatedReplicas": 2, "replicas": 2},
    })
}

pub(crate) fn stable_service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "demo-app", "namespace": "shop"},
           "spec": {"clusterIP": "10.0.0.7", "type": "ClusterIP",
                    "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 31000}],
                    "selector": {"app.kubernetes.io/name": "demo-app", "app.kubernetes.io/instance": "kubsets"}}})
}

pub(crate) fn stable_route() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
           "metadata": {"name": "demo-app", "namespace": "shop", "resourceVersion": "9"},
           "spec": {"parentRefs": [{"name": "kubsets"}], "rules": [{
               "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
               "backendRefs": [{"group": "", "kind": "Service", "name": "demo-app", "port": 80, "weight": 1}]}]}})
}

/// A canary at 10 % whose driver died long ago, in this phase. Gives its journal.
pub(crate) fn seed_canary(api: &FakeApi, phase: Phase) -> Journal {
    let names = Names::new("demo-app");
    let object =
        |api_version: &str, kind: &str, name: &str| ObjectRef::namespaced(api_version, kind, "shop", name);
    let (route, deployment) = (stable_route(), stable_deployment());
    let claim = Claim::canary(RunId::generate(), None, "shop", "demo-app");
    let mut journal = Journal::new(claim, "https://fake");
    journal.add(Entry::delete(object("v1", "Service", &names.canary)));
    journal.add(Entry::delete(object("apps/v1", "Deployment", &names.canary)));
    journal.add(Entry::delete(object(GATEWAY_API, "HTTPRoute", &names.probe)));
    journal.add(Entry::restore(object(GATEWAY_API, "HTTPRoute", "demo-app"), "/spec", &route));
    let mut changed = deployment.clone();
    if phase != Phase::Running {
        let target = object("apps/v1", "Deployment", "demo-app");
        journal.add(Entry::restore(target, "/spec/template", &deployment));
        changed["spec"]["template"]["new"] = json!(true);
    }
    journal.phase = phase;
    let mut split = route.clone();
    let carrier = find_carrier(&route, &["demo-app".into()]).unwrap();
    split["spec"]["rules"] = split_rules(&route, carrier, &names.canary, 10.0);
    let mut canary = deployment;
    canary["metadata"]["name"] = json!(names.canary);
    api.put("deployments", changed);
    api.put("deployments", canary);
    api.put("services", stable_service());
    api.put("services", json!({"metadata": {"name": names.canary}}));
    api.put("httproutes", split);
    api.put("httproutes", json!({"metadata": {"name": names.probe}}));
    api.put("configmaps", journal.to_config_map());
    api.put_lease(&journal.claim, "2020-01-01T00:00:00.000000Z");
    journal
}
