//! Kinds of trouble, each made from the objects that a cluster would show.

use serde_json::json;

use super::*;
use crate::commands::status::render;
use crate::commands::status::snapshot::Seen;
use crate::ui::Style;

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("is such an object")
}

fn now() -> jiff::Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("is a time")
}

fn workload(kind: &'static str, name: &str, ready: i64) -> (&'static str, Value) {
    let namespace = "kubsets-demo";
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/version": "0.1.0"});
    let status = match kind {
        "DaemonSet" => {
            json!({"observedGeneration": 1, "desiredNumberScheduled": 1, "currentNumberScheduled": 1,
            "updatedNumberScheduled": 1, "numberReady": ready, "numberAvailable": ready})
        }
        _ => json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": ready, "availableReplicas": ready}),
    };
    let value = json!({
        "metadata": {"name": name, "namespace": namespace, "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
                 "template": {"metadata": {"labels": labels}}},
        "status": status,
    });
    (kind, value)
}

fn healthy() -> Snapshot {
    Snapshot {
        context: "kubsets".into(),
        server: "https://198.19.128.11:6443".into(),
        namespace: "kubsets-demo".into(),
        kubernetes: "v1.36.3".into(),
        nodes: vec![from(json!({
            "metadata": {"name": "kubsets-cp", "labels": {"node-role.kubernetes.io/control-plane": ""}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                       "addresses": [{"type": "InternalIP", "address": "198.19.128.11"}]}}))],
        stack_exists: true,
        workloads: STACK.iter().map(|(kind, name)| workload(kind, name, 1)).collect(),
        pods: Vec::new(),
        claims: vec![from(json!({"metadata": {"name": "data-postgres-0"}, "status": {"phase": "Bound"}}))],
        jobs: vec![from(json!({"metadata": {"name": "migrator"},
            "status": {"conditions": [{"type": "Complete", "status": "True"}]}}))],
        cron_jobs: vec![from(json!({"metadata": {"name": "heartbeat"},
            "status": {"lastSuccessfulTime": "2026-01-01T11:59:20Z"}}))],
        gateway: Seen::Found(json!({"status": {
            "addresses": [{"value": "198.19.128.11"}],
            "conditions": [{"type": "Programmed", "status": "True"}]}})),
        route: route("True", "True"),
    }
}

fn route(accepted: &str, resolved: &str) -> Seen {
    Seen::Found(json!({"status": {"parents": [
        {"parentRef": {"name": "other"}, "conditions": []},
        {"parentRef": {"name": "kubsets"}, "conditions": [
            {"type": "Accepted", "status": accepted, "message": "no listener fits"},
            {"type": "ResolvedRefs", "status": resolved, "message": "Service demo-app not found"}]}]}}))
}

fn break_workload(snapshot: &mut Snapshot, name: &str) {
    for (kind, value) in &mut snapshot.workloads {
        if value["metadata"]["name"] == name {
            *value = workload(kind, name, 0).1;
        }
    }
}

fn pod(name: &str, app: &str, status: &Value) -> Pod {
    from(
        json!({"metadata": {"name": name, "namespace": "kubsets-demo", "labels": {"app.kubernetes.io/name": app}},
                "status": status}),
    )
}

#[test]
fn a_healthy_stack_is_one_quiet_screen() {
    let status = assess(&healthy(), now());
    assert!(status.healthy, "{:?}", status.problems);
    insta::assert_snapshot!(render::full(&status, Style::PLAIN));
    assert_eq!(render::line(&status), "healthy (nodes 1/1, platform 0/0, stack 9/9)");
}

#[test]
fn the_cause_is_named_before_what_it_causes() {
    let mut snapshot = healthy();
    for name in ["demo-app", "postgres", "worker"] {
        break_workload(&mut snapshot, name);
    }
    snapshot.pods.push(pod(
        "postgres-0",
        "postgres",
        &json!({"containerStatuses": [{"name": "postgres", "image": "registry.kubsets.local/postgres:15", "imageID": "",
            "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such host"}}}]}),
    ));
    snapshot.pods.push(pod(
        "demo-app-1",
        "demo-app",
        &json!({"containerStatuses": [{"name": "demo-app", "image": "x", "imageID": "", "ready": false, "restartCount": 4,
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
    ));
    let mut status = assess(&snapshot, now());
    let objects: Vec<&str> = status.problems.iter().map(|problem| problem.object.as_str()).collect();
    assert_eq!(objects, ["StatefulSet postgres", "Deployment demo-app", "Deployment worker"]);
    status.problems[1].last_log = Some("cannot reach postgres:5432".into());
    insta::assert_snapshot!(render::full(&status, Style::PLAIN));
}

#[test]
fn a_missing_stack_says_how_to_get_it() {
    let snapshot = Snapshot { stack_exists: false, workloads: Vec::new(), ..healthy() };
    let status = assess(&snapshot, now());
    assert_eq!(status.problems.len(), 1);
    assert_eq!(status.problems[0].look, "kubectl kubsets up");
}

#[test]
fn a_missing_part_is_named() {
    let mut snapshot = healthy();
    snapshot.workloads.retain(|(_, value)| value["metadata"]["name"] != "worker");
    let status = assess(&snapshot, now());
    assert_eq!(status.summary, "1 problem: Deployment worker: missing");
}

#[test]
fn a_pending_claim_comes_before_its_pod() {
    let mut snapshot = healthy();
    break_workload(&mut snapshot, "kafka");
    snapshot.claims.push(from(json!({"metadata": {"name": "data-kafka-0"}, "status": {"phase": "Pending"}})));
    let status = assess(&snapshot, now());
    assert_eq!(status.problems[0].object, "PersistentVolumeClaim data-kafka-0");
    assert_eq!(status.problems[1].object, "StatefulSet kafka");
}

#[test]
fn a_late_heartbeat_is_trouble_a_young_one_is_not() {
    let mut snapshot = healthy();
    let beat = |last: Value, born: &str| {
        from(
            json!({"metadata": {"name": "heartbeat", "creationTimestamp": born}, "status": {"lastSuccessfulTime": last}}),
        )
    };
    snapshot.cron_jobs = vec![beat(json!("2026-01-01T11:50:00Z"), "2026-01-01T10:00:00Z")];
    assert_eq!(assess(&snapshot, now()).problems[0].object, "CronJob heartbeat");
    snapshot.cron_jobs = vec![beat(Value::Null, "2026-01-01T11:59:30Z")];
    assert!(assess(&snapshot, now()).healthy);
    snapshot.cron_jobs = vec![beat(Value::Null, "2026-01-01T11:30:00Z")];
    assert!(!assess(&snapshot, now()).healthy);
}

#[test]
fn a_gateway_without_a_controller_is_trouble_no_gateway_api_is_not() {
    let mut snapshot = healthy();
    snapshot.gateway = Seen::Found(json!({}));
    assert_eq!(
        assess(&snapshot, now()).summary,
        "1 problem: Gateway kubsets: not programmed: no controller has taken it up yet"
    );
    snapshot.gateway = Seen::NoApi;
    assert!(assess(&snapshot, now()).healthy);
}

#[test]
fn a_deleted_gateway_or_route_is_trouble() {
    let snapshot = Snapshot { gateway: Seen::Absent, ..healthy() };
    let status = assess(&snapshot, now());
    assert_eq!(status.summary, "1 problem: Gateway kubsets: missing: nothing from outside reaches the stack");
    assert_eq!(status.problems[0].look, "kubectl kubsets up");
    assert!(!status.stack.iter().any(|part| part.kind == "Gateway" && part.healthy));

    let status = assess(&Snapshot { route: Seen::Absent, ..healthy() }, now());
    assert_eq!(
        status.summary,
        "1 problem: HTTPRoute demo-app: missing: the gateway does not know the way to the stack"
    );
    assert_eq!(status.problems[0].look, "kubectl kubsets up");
}

#[test]
fn a_route_that_leads_nowhere_is_trouble() {
    for (route, reason) in [
        (route("False", "True"), "Accepted is not true: no listener fits"),
        (route("True", "False"), "ResolvedRefs is not true: Service demo-app not found"),
        (Seen::Found(json!({})), "Accepted is not true: no controller has taken it up yet"),
    ] {
        let status = assess(&Snapshot { route, ..healthy() }, now());
        assert_eq!(status.summary, format!("1 problem: HTTPRoute demo-app: {reason}"));
        assert_eq!(status.problems[0].look, "kubectl -n kubsets-demo describe httproute demo-app");
    }
}

#[test]
fn a_node_that_is_not_ready_comes_first() {
    let mut snapshot = healthy();
    break_workload(&mut snapshot, "postgres");
    snapshot.nodes.push(from(json!({"metadata": {"name": "kubsets-w1"},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "kubelet stopped posting"}]}})));
    let status = assess(&snapshot, now());
    assert_eq!(status.problems[0].object, "Node kubsets-w1");
    assert_eq!(status.nodes[1].roles, "worker");
}

#[test]
fn an_unfinished_migration_is_named() {
    let mut snapshot = healthy();
    snapshot.jobs.clear();
    assert!(assess(&snapshot, now()).summary.contains("Job migrator: missing"));
}
