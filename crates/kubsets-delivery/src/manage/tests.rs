//! Managing runs against an API server in memory.

use super::*;
use crate::fake_api::{FakeApi, seed_canary};
use crate::lock::Lock;
use kubsets_kube::{ApiErrorKind, Hint};

#[tokio::test]
async fn undo_finds_the_journal_in_the_cluster_and_brings_all_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Promoting);
    let undone = undo(&api.access(), &state, None).await.unwrap();
    assert!(undone.equal, "{undone:?}");
    assert_eq!((&undone.run, undone.phase), (&journal.run, Phase::Promoting));
    assert_eq!(api.names(), ["deployments/demo-app", "httproutes/demo-app", "services/demo-app"]);
    assert_eq!(api.get("deployments/demo-app").pointer("/spec/template/new"), None);
    // The record on disk says so, and a second undo changes nothing.
    let again = undo(&api.access(), &state, Some(&journal.run)).await.unwrap();
    assert_eq!(again.phase, Phase::Undone);
    assert!(again.equal);
}

#[tokio::test]
async fn a_living_driver_is_not_undone_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Running);
    api.remove("leases/kubsets-canary-demo-app");
    let _lock = Lock::acquire(&api.access(), "shop", "demo-app", (&journal.run, None)).await.unwrap();
    let error = undo(&api.access(), &state, None).await.unwrap_err();
    assert!(
        matches!(&error, ManageError::StillRunning { run, .. } if run == journal.run.as_str()),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("canary abort"));
    let seen = status(&api.access(), &state).await.unwrap();
    assert_eq!(seen.running.len(), 1);
    assert!(seen.running[0].alive);
    let weights = [("demo-app".to_owned(), 900), ("demo-app-canary".to_owned(), 100)];
    assert_eq!(seen.running[0].weights, weights);
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

#[tokio::test]
async fn a_second_canary_cannot_take_the_lease() {
    let api = FakeApi::default();
    let access = api.access();
    let (one, two) = (RunId::generate(), RunId::generate());
    let held = Lock::acquire(&access, "shop", "demo-app", (&one, None)).await.unwrap();
    let error = Lock::acquire(&access, "shop", "demo-app", (&two, None)).await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::AlreadyExists);
    drop(held);
}

#[tokio::test]
async fn a_living_driver_is_asked_to_abort_by_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let access = api.access();
    let run = RunId::generate();
    let lock = Lock::acquire(&access, "shop", "demo-app", (&run, None)).await.unwrap();
    let driver = async {
        while api.get("leases/kubsets-canary-demo-app").pointer("/metadata/annotations").is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(lock);
        crate::lock::release(&access, &lease_ref("shop", "demo-app")).await.unwrap();
    };
    let (aborted, ()) = tokio::join!(abort(&access, &state, None), driver);
    assert!(matches!(aborted.unwrap(), Aborted::ByDriver { run: ended, .. } if ended == run.as_str()));
}

#[tokio::test]
async fn undo_waits_for_a_watchdog_that_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Running);
    let access = api.access();
    let target = lease_ref("shop", "demo-app");
    let found = api.get("leases/kubsets-canary-demo-app");
    take_over(&access, &target, &found).await.unwrap();
    let watchdog = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        api.remove("leases/kubsets-canary-demo-app");
    };
    let (undone, ()) = tokio::join!(undo(&access, &state, Some(&journal.run)), watchdog);
    assert!(undone.unwrap().equal);
}

#[tokio::test]
async fn a_lease_without_driver_and_journal_is_no_obstacle() {
    let api = FakeApi::default();
    let journal = seed_canary(&api, Phase::Running);
    let access = api.access();
    let run = RunId::generate();
    let error = Lock::acquire(&access, "shop", "demo-app", (&run, None)).await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::AlreadyExists);
    let config_map = crate::objects::journal_name(&journal.run);
    api.remove(&format!("configmaps/{config_map}"));
    let held = Lock::acquire(&access, "shop", "demo-app", (&run, None)).await.unwrap();
    let lease = api.get("leases/kubsets-canary-demo-app");
    assert_eq!(lease.pointer("/spec/holderIdentity").unwrap(), run.as_str());
    drop(held);
}
