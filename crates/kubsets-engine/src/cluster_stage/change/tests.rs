//! Changes and their undo, on an API server in memory.

use super::*;
use crate::cluster_stage::scene::Scene;
use crate::machine::tests::{CANARY, plan};
use crate::stage::Stage as _;

fn settings(metadata: &Value, data: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    object["metadata"]["name"] = "settings".into();
    object
}

fn apply(object: Value) -> Apply {
    Apply { file: None, objects: vec![object], ready: false }
}

/// A deletion of the config map of [`settings`].
fn delete() -> Delete {
    serde_json::from_value(json!({"object": {"kind": "ConfigMap", "name": "settings"}})).unwrap()
}

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_apply_over_what_was_there_leaves_no_mark_and_is_undone_with_its_labels() {
    let scene = Scene::new();
    let before = settings(&json!({"labels": {"app": "web"}}), &json!({"a": "1"}));
    scene.api.put("configmaps", before);
    let stage = scene.stage().await;
    let metadata = json!({"labels": {"app": "x", "tier": "y"}, "annotations": {"shop/team": "z"}});
    stage.apply(&apply(settings(&metadata, &json!({"a": "2"}))), LIMIT).await.unwrap();
    let labels = scene.api.get("configmaps/settings")["metadata"]["labels"].clone();
    assert_eq!(labels, json!({"app": "x", "tier": "y"}));
    let comparisons = stage.undo().await.unwrap();
    assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
    let after = scene.api.get("configmaps/settings");
    assert_eq!(after["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(after["data"], json!({"a": "1"}));
    assert_eq!(after.pointer("/metadata/annotations/shop~1team"), None);
}

#[tokio::test]
async fn what_was_there_is_made_again_when_it_is_deleted_after_an_apply() {
    let scene = Scene::new();
    scene.api.put("configmaps", settings(&json!({"labels": {"app": "web"}}), &json!({"a": "1"})));
    let stage = scene.stage().await;
    stage.apply(&apply(settings(&json!({}), &json!({"a": "2"}))), LIMIT).await.unwrap();
    stage.delete(&delete(), LIMIT).await.unwrap();
    let comparisons = stage.undo().await.unwrap();
    assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
    let after = scene.api.get("configmaps/settings");
    assert_eq!((&after["data"], &after["metadata"]["labels"]), (&json!({"a": "1"}), &json!({"app": "web"})));
}

#[tokio::test]
async fn what_the_run_made_is_marked_also_the_second_time_and_not_made_again() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    for value in ["1", "2"] {
        stage.apply(&apply(settings(&json!({}), &json!({"a": value}))), LIMIT).await.unwrap();
        let made = scene.api.get("configmaps/settings");
        assert_eq!(object::label(&made, kubsets_undo::RUN_LABEL), Some(scene.run.as_str()));
    }
    stage.delete(&delete(), LIMIT).await.unwrap();
    stage.undo().await.unwrap();
    assert!(scene.api.names().is_empty(), "{:?}", scene.api.names());
}

#[tokio::test]
async fn images_of_ours_come_from_the_registry_that_is_on_record() {
    let images = |registry: &str| {
        [json!(format!("{registry}/kubsets/worker:1")), json!("docker.io/library/busybox:1")]
    };
    for (registry, expected) in [
        (None, images("registry.kubsets.local")),
        (Some("localhost:5000/team"), images("localhost:5000/team")),
    ] {
        let scene = Scene::new();
        if let Some(prefix) = registry {
            scene.api.put("configmaps", kubsets_kube::registry_record(prefix));
        }
        let stage = scene.stage().await;
        let containers: Vec<Value> = images("registry.kubsets.local")
            .into_iter()
            .map(|image| json!({"name": "x", "image": image}))
            .collect();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
                         "spec": {"containers": containers}});
        stage.apply(&apply(pod), LIMIT).await.unwrap();
        let made = scene.api.get("pods/web");
        let seen = [0, 1].map(|at| made["spec"]["containers"][at]["image"].clone());
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_watchdog_of_a_lab_may_take_a_promotion_back() {
    let plan = plan(CANARY);
    assert!(is_in(&plan));
    let object = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "web");
    assert_eq!(targets(&plan, "shop"), [kubsets_undo::Target { object, remedy: Remedy::Restore }]);
}

#[test]
fn a_patch_restores_what_it_touches_and_no_more() {
    let merge = json!({"metadata": {"annotations": {"a": "b"}}, "spec": {"x": 1}});
    assert_eq!(pointers(&merge), ["/metadata/annotations", "/spec"]);
}

#[tokio::test]
async fn an_operation_that_does_not_come_to_its_end_in_time_is_a_timeout() {
    let scene = Scene::new();
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                            "spec": {"replicas": 1}, "status": {"replicas": 1}});
    scene.api.put("deployments", deployment.clone());
    let stage = scene.stage().await;
    let web = json!({"kind": "Deployment", "name": "web"});
    let scale: Scale = serde_json::from_value(json!({"object": web, "replicas": 3})).unwrap();
    let target: Target = serde_json::from_value(web).unwrap();
    let soon = Duration::from_millis(10);
    for ended in [
        stage.scale(&scale, soon).await,
        stage.restart(&target, soon).await,
        stage.apply(&Apply { ready: true, ..apply(deployment) }, soon).await,
    ] {
        let error = ended.unwrap_err();
        assert!(matches!(&error, StepError::Timeout(why) if why.contains("within")), "{error:?}");
    }
}
