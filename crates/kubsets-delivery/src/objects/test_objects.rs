//! A Deployment, Service and route for tests.

use serde_json::{Value, json};

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
