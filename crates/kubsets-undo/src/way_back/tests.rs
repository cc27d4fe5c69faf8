//! Ways back on an API server in memory, cut short at every request.

use super::*;
use crate::claim::Claim;
use crate::fake_api::FakeApi;
use crate::progress::Silent;
use crate::run_id::RunId;
use serde_json::json;

fn object(api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

fn reference(object: &Value) -> ObjectRef {
    crate::object::reference(object)
}

/// A lab in whose journal every kind of entry is, some of them on the same object:
/// it changed a route twice, deleted a Service, made another one of its name, changed and deleted a
/// quota, and made a config map.
fn seed(api: &FakeApi) -> Journal {
    let route = object("gateway.networking.k8s.io/v1", "HTTPRoute", "web", &json!({"rules": [1]}));
    let service = object("v1", "Service", "web", &json!({"ports": [80], "clusterIP": "10.0.0.7"}));
    let quota = object("v1", "ResourceQuota", "web", &json!({"hard": {"pods": "10"}, "scopes": ["x"]}));
    api.put("httproutes", route.clone());
    api.put("services", service.clone());
    api.put("resourcequotas", quota.clone());
    let mut journal = Journal::new(Claim::lab(RunId::generate(), "networking/swap", "shop"), "https://fake");
    journal.add(Entry::restore(reference(&route), "/spec/rules", &api.get("httproutes/web")));
    api.change("httproutes/web", &json!({"spec": {"rules": [1, 2]}}));
    journal.add(Entry::recreate(&api.get("services/web")));
    api.remove("services/web");
    journal.add(Entry::delete(reference(&service)));
    api.put("services", object("v1", "Service", "web", &json!({"ports": [81]})));
    journal.add(Entry::restore(reference(&route), "/spec", &api.get("httproutes/web")));
    api.change("httproutes/web", &json!({"spec": {"rules": [2], "hostnames": ["a"]}}));
    journal.add(Entry::restore(reference(&quota), "/spec/hard", &api.get("resourcequotas/web")));
    api.change("resourcequotas/web", &json!({"spec": {"hard": {"pods": "1"}}}));
    journal.add(Entry::recreate(&api.get("resourcequotas/web")));
    api.remove("resourcequotas/web");
    let made = object("v1", "ConfigMap", "settings", &json!({}));
    journal.add(Entry::delete(reference(&made)));
    api.put("configmaps", made);
    journal
}

fn way<'a>(access: &'a Access, journal: &'a Journal) -> WayBack<'a> {
    WayBack { access, journal, reach: Reach::Before, progress: &Silent }
}

async fn assert_as_before(api: &FakeApi, journal: &Journal, when: &str) {
    let access = api.access();
    let comparisons = way(&access, journal).compare().await.unwrap();
    // The Service is compared once: as the one from before.
    assert_eq!(comparisons.len(), 6, "{when}");
    assert!(comparisons.iter().all(|one| one.equal), "{when}: {comparisons:?}");
    assert_eq!(api.names(), ["httproutes/web", "resourcequotas/web", "services/web"], "{when}");
    assert_eq!(api.get("httproutes/web")["spec"], json!({"rules": [1]}), "{when}");
    assert_eq!(api.get("services/web")["spec"], json!({"ports": [80], "clusterIP": "10.0.0.7"}), "{when}");
    assert_eq!(api.get("resourcequotas/web")["spec"]["hard"], json!({"pods": "10"}), "{when}");
}

#[tokio::test]
async fn everything_comes_back_and_a_second_undo_touches_nothing() {
    let api = FakeApi::default();
    let journal = seed(&api);
    let access = api.access();
    way(&access, &journal).go(Duration::ZERO).await.unwrap();
    assert_as_before(&api, &journal, "once").await;
    let changes = api.changes();
    assert!(changes > 0);
    way(&access, &journal).go(Duration::ZERO).await.unwrap();
    assert_as_before(&api, &journal, "twice").await;
    assert_eq!(api.changes(), changes, "a second undo changes nothing: {:?}", api.requests());
}

#[tokio::test]
async fn an_undo_that_dies_at_any_request_is_finished_by_the_next() {
    let mut survived = 0;
    loop {
        let api = FakeApi::default();
        let journal = seed(&api);
        let access = api.access();
        api.refuse_changes_after(survived);
        let first = way(&access, &journal).go(Duration::ZERO).await;
        api.refuse_changes_after(usize::MAX);
        way(&access, &journal).go(Duration::ZERO).await.unwrap();
        assert_as_before(&api, &journal, &format!("after {survived} changes")).await;
        if first.is_ok() {
            break;
        }
        survived += 1;
    }
    // Two removals, two objects made again and the route: each was the last one once.
    assert_eq!(survived, 5);
}

#[tokio::test]
async fn a_run_that_dies_before_any_of_its_actions_is_undone() {
    let whole = seed(&FakeApi::default());
    for known in 0..=whole.entries().len() {
        // The run wrote so many entries, and died before it acted on the last of them.
        let api = FakeApi::default();
        for (plural, one) in [
            (
                "httproutes",
                object("gateway.networking.k8s.io/v1", "HTTPRoute", "web", &json!({"rules": [1]})),
            ),
            ("services", object("v1", "Service", "web", &json!({"ports": [80], "clusterIP": "10.0.0.7"}))),
            (
                "resourcequotas",
                object("v1", "ResourceQuota", "web", &json!({"hard": {"pods": "10"}, "scopes": ["x"]})),
            ),
        ] {
            api.put(plural, one);
        }
        let mut journal = Journal::new(whole.claim.clone(), "https://fake");
        whole.entries()[..known].iter().cloned().for_each(|entry| journal.add(entry));
        for entry in &whole.entries()[..known.saturating_sub(1)] {
            act(&api, entry);
        }
        let access = api.access();
        way(&access, &journal).go(Duration::ZERO).await.unwrap();
        let comparisons = way(&access, &journal).compare().await.unwrap();
        assert!(comparisons.iter().all(|one| one.equal), "{known} entries: {comparisons:?}");
        assert_eq!(api.names(), ["httproutes/web", "resourcequotas/web", "services/web"], "{known} entries");
    }
}

/// Does what an entry is the undo of.
fn act(api: &FakeApi, entry: &Entry) {
    let target = entry.object();
    let plural = kubsets_kube::resource_of(&target.api_version, &target.kind).plural;
    let path = format!("{plural}/{}", target.name);
    match entry {
        Entry::Delete { .. } => {
            api.put(&plural, object(&target.api_version, &target.kind, &target.name, &json!({"new": true})));
        }
        Entry::Restore { .. } => api.change(&path, &json!({"spec": {"hard": {"pods": "1"}, "rules": []}})),
        Entry::Recreate { .. } => api.remove(&path),
    }
}

#[tokio::test]
async fn the_last_action_is_undone_first() {
    let api = FakeApi::default();
    let journal = seed(&api);
    way(&api.access(), &journal).go(Duration::ZERO).await.unwrap();
    let changes: Vec<String> = api.requests().into_iter().filter(|one| !one.starts_with("GET")).collect();
    let expected = [
        "DELETE configmaps/settings",
        "POST resourcequotas/web",
        "PATCH httproutes/web",
        "DELETE services/web",
        "POST services/web",
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn what_was_made_stays_while_only_the_rest_is_restored() {
    let api = FakeApi::default();
    let journal = seed(&api);
    way(&api.access(), &journal).restore().await.unwrap();
    assert_eq!(api.get("httproutes/web")["spec"], json!({"rules": [1]}));
    assert!(api.names().contains(&"configmaps/settings".to_owned()));
}

#[tokio::test]
async fn an_object_that_came_back_by_itself_gets_its_manifest() {
    let api = FakeApi::default();
    let service = object("v1", "Service", "web", &json!({"ports": [80]}));
    api.put("services", service.clone());
    let mut journal = Journal::new(Claim::lab(RunId::generate(), "a/b", "shop"), "https://fake");
    journal.add(Entry::recreate(&service));
    api.put("services", object("v1", "Service", "web", &json!({"ports": [80], "type": "NodePort"})));
    way(&api.access(), &journal).go(Duration::ZERO).await.unwrap();
    assert_eq!(api.get("services/web")["spec"], json!({"ports": [80]}));
}

#[tokio::test]
async fn an_object_on_its_way_out_is_waited_for() {
    let api = FakeApi::default();
    let mut service = object("v1", "Service", "web", &json!({"ports": [80]}));
    let mut journal = Journal::new(Claim::lab(RunId::generate(), "a/b", "shop"), "https://fake");
    journal.add(Entry::recreate(&service));
    service["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    api.put("services", service);
    let access = api.access();
    let finalizer = async {
        sleep(Duration::from_millis(300)).await;
        api.remove("services/web");
    };
    let (undone, ()) = tokio::join!(way(&access, &journal).go(Duration::ZERO), finalizer);
    undone.unwrap();
    assert_eq!(api.get("services/web").pointer("/metadata/deletionTimestamp"), None);
    assert_eq!(api.get("services/web")["spec"], json!({"ports": [80]}));
}

#[tokio::test]
async fn an_object_that_somebody_deleted_does_not_stop_the_rest() {
    let api = FakeApi::default();
    let journal = seed(&api);
    api.remove("httproutes/web");
    let access = api.access();
    way(&access, &journal).go(Duration::ZERO).await.unwrap();
    let comparisons = way(&access, &journal).compare().await.unwrap();
    let unequal: Vec<_> = comparisons.iter().filter(|one| !one.equal).map(|one| &one.object.kind).collect();
    assert_eq!(unequal, ["HTTPRoute", "HTTPRoute"]);
    assert_eq!(api.names(), ["resourcequotas/web", "services/web"]);
}

#[test]
fn a_promotion_keeps_its_template_and_nothing_else() {
    let deployment = ObjectRef::namespaced("apps/v1", "Deployment", "shop", "demo-app");
    let canary = ObjectRef { name: "demo-app-canary".into(), ..deployment.clone() };
    let template = Entry::restore(deployment, "/spec/template", &json!({}));
    assert!(!Reach::Promoted.covers(&template));
    assert!(Reach::Promoted.covers(&Entry::delete(canary)));
    assert!(Reach::Before.covers(&template));
    assert_eq!(Reach::of(Phase::Promoted), Reach::Promoted);
    assert_eq!(Reach::of(Phase::Promoting), Reach::Before);
}
