//! Managing canaries against an API server in memory.

use super::*;
use crate::objects::test_objects::{seed_canary, stable_route};
use crate::route::{Marked, find_carrier, marked_rules};
use kubsets_kube::Hint;
use kubsets_undo::{FakeApi, Lock, Reach, Silent, WayBack};
use serde_json::json;

#[tokio::test]
async fn undo_finds_the_journal_in_the_cluster_and_brings_all_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Promoting);
    let undone = undo(&api.access(), &state, None).await.unwrap();
    assert!(undone.equal, "{undone:?}");
    assert_eq!((&undone.run, undone.phase), (&journal.claim.run, Phase::Promoting));
    assert_eq!(api.names(), ["deployments/demo-app", "httproutes/demo-app", "services/demo-app"]);
    assert_eq!(api.get("deployments/demo-app").pointer("/spec/template/new"), None);
    // The record on disk says so, and a second undo changes nothing.
    let again = undo(&api.access(), &state, Some(&journal.claim.run)).await.unwrap();
    assert_eq!(again.phase, Phase::Undone);
    assert!(again.equal);
}

#[tokio::test]
async fn a_canary_goes_back_template_first_then_weights_then_what_was_made() {
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Promoting);
    let access = api.access();
    let way = WayBack { access: &access, journal: &journal, reach: Reach::Before, progress: &Silent };
    way.go(Duration::ZERO).await.unwrap();
    let changes: Vec<String> = api.requests().into_iter().filter(|one| !one.starts_with("GET")).collect();
    let expected = [
        "PATCH deployments/demo-app",
        "PATCH httproutes/demo-app",
        "DELETE httproutes/demo-app-canary-probe",
        "DELETE deployments/demo-app-canary",
        "DELETE services/demo-app-canary",
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn a_finished_promotion_keeps_its_new_version() {
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Promoted);
    let access = api.access();
    let reach = Reach::of(journal.phase);
    let way = WayBack { access: &access, journal: &journal, reach, progress: &Silent };
    way.go(Duration::ZERO).await.unwrap();
    assert_eq!(api.get("deployments/demo-app").pointer("/spec/template/new"), Some(&json!(true)));
    assert_eq!(api.get("httproutes/demo-app").pointer("/spec/rules/0/backendRefs/1"), None);
    assert!(way.compare().await.unwrap().iter().all(|one| one.equal));
}

#[tokio::test]
async fn a_living_driver_is_not_undone_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Running);
    api.remove("leases/kubsets-canary-demo-app");
    let _lock = Lock::acquire(&api.access(), &journal.claim).await.unwrap();
    let error = undo(&api.access(), &state, None).await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("canary {} is still running", journal.claim.run)),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("canary abort"));
    let seen = status(&api.access(), &state).await.unwrap();
    assert_eq!(seen.running.len(), 1);
    assert!(seen.running[0].alive);
    assert_eq!(seen.running[0].deployment, "demo-app");
    let weights = [("demo-app".to_owned(), 900), ("demo-app-canary".to_owned(), 100)];
    assert_eq!(seen.running[0].weights, weights);
}

#[test]
fn weights_are_those_of_the_rule_that_splits() {
    let route = stable_route();
    assert_eq!(weights_in(&route, "demo-app-canary"), [("demo-app".to_owned(), 1)]);
    let carrier = find_carrier(&route, &["demo-app".into()]).unwrap();
    let run = RunId::generate();
    let mut split = route.clone();
    split["spec"]["rules"] = marked_rules(&route, carrier, "demo-app-canary", Marked::Users(10.0), &run);
    let expected = [("demo-app".to_owned(), 900_000), ("demo-app-canary".to_owned(), 100_000)];
    assert_eq!(weights_in(&split, "demo-app-canary"), expected);
}

#[tokio::test]
async fn abort_of_a_dead_driver_is_an_undo() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    seed_canary(&api, Phase::Running);
    let aborted = abort(&api.access(), &state, None).await.unwrap();
    assert!(matches!(aborted, Aborted::ByUndo { .. }), "{aborted:?}");
    assert_eq!(abort(&api.access(), &state, None).await.unwrap(), Aborted::NothingRunning);
}

#[tokio::test]
async fn nothing_to_undo_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let error = undo(&FakeApi::default().access(), &state, None).await.unwrap_err();
    assert_eq!(error.to_string(), "no canary to undo on record or in the cluster");
}
