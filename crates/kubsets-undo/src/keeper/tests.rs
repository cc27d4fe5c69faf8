//! A keeper on an API server in memory.

use super::*;
use crate::entry::Remedy;
use crate::fake_api::FakeApi;
use crate::lease::ask_abort;
use crate::progress::Silent;
use crate::run_id::RunId;
use kubsets_kube::registry_record;
use serde_json::Value;

struct Scene {
    api: FakeApi,
    state: StateDir,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (api, state) = (FakeApi::default(), StateDir::at(folder.path()));
        api.put("services", service(80));
        Self { api, state, _folder: folder }
    }

    async fn begin(&self) -> Result<Keeper, KeeperError> {
        self.begin_lab("networking/swap").await
    }

    async fn begin_lab(&self, lab: &str) -> Result<Keeper, KeeperError> {
        let claim = Claim::lab(RunId::generate(), lab, "shop");
        Keeper::begin(&self.api.access(), &self.state, claim, Arc::new(Silent)).await
    }

    fn on_disk(&self, keeper: &Keeper) -> Option<Journal> {
        self.state.read(&keeper.claim.run, JOURNAL_FILE).unwrap()
    }

    fn in_cluster(&self, keeper: &Keeper) -> Journal {
        let path = format!("configmaps/{}", keeper.claim.journal_ref().name);
        Journal::from_config_map(&self.api.get(&path)).unwrap()
    }
}

fn service(port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"ports": [port]}})
}

fn made(name: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", "shop", name)
}

#[tokio::test]
async fn the_journal_grows_on_disk_and_in_the_cluster_before_each_action() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    assert_eq!(scene.on_disk(&keeper), None);
    keeper.record([Entry::delete(made("settings"))]).await.unwrap();
    assert_eq!(scene.in_cluster(&keeper).entries().len(), 1);
    assert_eq!(scene.on_disk(&keeper).unwrap(), scene.in_cluster(&keeper));
    scene.api.put("configmaps", json!({"metadata": {"name": "settings"}}));
    keeper.enter(Phase::Promoting, [Entry::recreate(&scene.api.get("services/web"))]).await.unwrap();
    assert_eq!(scene.in_cluster(&keeper), keeper.journal().await);
    assert_eq!(scene.on_disk(&keeper).unwrap(), keeper.journal().await);
    assert_eq!(keeper.journal().await.phase, Phase::Promoting);
    scene.api.remove("services/web");
    let comparisons = keeper.finish(Duration::ZERO).await.unwrap();
    assert_eq!(comparisons.len(), 2);
    assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
    assert_eq!(scene.api.names(), ["services/web"]);
    assert_eq!(scene.on_disk(&keeper).unwrap().phase, Phase::Undone);
}

#[tokio::test]
async fn nothing_may_be_done_while_its_undo_is_not_in_the_cluster() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    scene.api.refuse_changes_after(0);
    let error = keeper.record([Entry::delete(made("settings"))]).await.unwrap_err();
    assert!(matches!(error, KeeperError::Api(_)), "{error}");
    // The disk knows it already: the undo of what was never done does no harm.
    assert_eq!(scene.on_disk(&keeper).unwrap().entries().len(), 1);
    scene.api.refuse_changes_after(usize::MAX);
    keeper.finish(Duration::ZERO).await.unwrap();
    assert_eq!(scene.api.names(), ["services/web"]);
}

#[tokio::test]
async fn an_undo_that_does_not_fit_is_refused_and_the_run_goes_on_without_it() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    let large = json!({"data": {"text": "x".repeat(LARGEST)}});
    let error = keeper.record([Entry::restore(made("large"), "/data", &large)]).await.unwrap_err();
    assert!(matches!(error, KeeperError::TooLarge { limit: LARGEST, .. }), "{error}");
    assert!(scene.on_disk(&keeper).is_none());
    keeper.record([Entry::delete(made("small"))]).await.unwrap();
    assert!(keeper.has_made(&made("small")).await && !keeper.has_made(&made("large")).await);
    keeper.finish(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_somebody_finished_does_not_come_back() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    keeper.record([Entry::delete(made("one"))]).await.unwrap();
    scene.api.remove(&format!("configmaps/{}", keeper.claim.journal_ref().name));
    let error = keeper.record([Entry::delete(made("two"))]).await.unwrap_err();
    assert_eq!(error.to_string(), "the run was taken over: the journal was removed");
    assert_eq!(scene.api.names(), ["leases/kubsets-lab-networking.swap", "services/web"]);
}

#[tokio::test]
async fn a_driver_without_its_lease_may_not_act() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    scene.api.remove("leases/kubsets-lab-networking.swap");
    let mut state = keeper.lock_state();
    state.wait_for(|state| matches!(state, LockState::Lost(_))).await.unwrap();
    let error = keeper.record([Entry::delete(made("one"))]).await.unwrap_err();
    assert!(matches!(error, KeeperError::Lost(_)), "{error}");
    let error = keeper.finish(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, KeeperError::Lost(_)), "{error}");
}

#[tokio::test]
async fn a_wish_to_end_is_seen_before_the_lease_is_renewed() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    assert_eq!(keeper.abort_wish().await.unwrap(), None);
    assert!(ask_abort(&scene.api.access(), &keeper.claim.lease_ref(), "me").await.unwrap());
    assert_eq!(keeper.abort_wish().await.unwrap().as_deref(), Some("me"));
    scene.api.remove("leases/kubsets-lab-networking.swap");
    assert_eq!(keeper.abort_wish().await.unwrap(), None);
}

#[tokio::test]
async fn a_second_run_of_the_lab_is_refused() {
    let scene = Scene::new();
    let _held = scene.begin().await.unwrap();
    let Err(error) = scene.begin().await else { panic!("it was let in") };
    assert_eq!(error.to_string(), "another lab is running on networking/swap");
}

#[tokio::test]
async fn what_another_lab_has_changed_is_not_changed_too() {
    let scene = Scene::new();
    let first = scene.begin().await.unwrap();
    first.record([Entry::recreate(&service(80)), Entry::delete(made("one"))]).await.unwrap();
    let second = scene.begin_lab("chaos/other").await.unwrap();
    let error =
        second.record([Entry::restore(reference(&service(80)), "/spec", &service(80))]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("Service web is being changed by lab {}", first.claim.run));
    let planned = || [Target { object: reference(&service(80)), remedy: Remedy::Restore }];
    let error = second.start_watchdog(planned(), 600).await.unwrap_err();
    assert!(matches!(error, KeeperError::InUse { .. }), "{error}");
    assert!(second.journal().await.entries().is_empty());
    first.finish(Duration::ZERO).await.unwrap();
    second.start_watchdog(planned(), 600).await.unwrap();
}

#[tokio::test]
async fn what_is_not_as_before_stays_on_record() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    keeper.record([Entry::restore(reference(&service(80)), "/spec", &service(80))]).await.unwrap();
    scene.api.remove("services/web");
    let comparisons = keeper.finish(Duration::ZERO).await.unwrap();
    assert!(!comparisons[0].equal);
    assert_eq!(scene.in_cluster(&keeper).phase, Phase::Running);
    scene.api.put("services", service(443));
    assert!(keeper.finish(Duration::ZERO).await.unwrap()[0].equal);
    assert_eq!(
        (scene.api.names(), scene.on_disk(&keeper).unwrap().phase),
        (vec!["services/web".into()], Phase::Undone)
    );
}

#[tokio::test]
async fn the_watchdog_may_undo_what_is_planned_and_no_more_can_be_recorded() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    keeper.record([Entry::delete(made("one"))]).await.unwrap();
    let planned = Target { object: reference(&service(80)), remedy: Remedy::Recreate };
    keeper.start_watchdog([planned], 600).await.unwrap();
    let role = scene.api.get(&format!("roles/{}", keeper.claim.watchdog_name()));
    let named: Vec<&str> = role["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|rule| rule["resourceNames"][0].as_str())
        .collect();
    assert!(named.contains(&"one") && named.contains(&"web"), "{named:?}");
    let owner = role.pointer("/metadata/ownerReferences/0/uid").unwrap();
    let journal = scene.api.get(&format!("configmaps/{}", keeper.claim.journal_ref().name));
    assert_eq!(Some(owner), journal.pointer("/metadata/uid"));
    keeper.record([Entry::recreate(&service(80))]).await.unwrap();
    let error = keeper.record([Entry::delete(made("two"))]).await.unwrap_err();
    assert!(matches!(error, KeeperError::Unplanned(_)), "{error}");
    assert_eq!(scene.in_cluster(&keeper).entries().len(), 2);
}

#[tokio::test]
async fn secrets_and_other_namespaces_stay_out_of_the_journal() {
    let scene = Scene::new();
    let keeper = scene.begin().await.unwrap();
    let secret = ObjectRef::namespaced("v1", "Secret", "shop", "password");
    let entry = Entry::restore(secret.clone(), "/data", &json!({"data": {"password": "aGVsbG8="}}));
    assert!(matches!(keeper.record([entry]).await.unwrap_err(), KeeperError::Secret(_)));
    let elsewhere = ObjectRef { namespace: Some("kube-system".into()), ..made("x") };
    assert!(matches!(keeper.record([Entry::delete(elsewhere)]).await.unwrap_err(), KeeperError::Outside(_)));
    assert_eq!(scene.on_disk(&keeper), None);
    // A Secret that the run makes is only named.
    keeper.record([Entry::delete(secret)]).await.unwrap();
}

#[tokio::test]
async fn what_the_record_hides_stays_out_of_the_journal() {
    let mut scene = Scene::new();
    scene.state = scene.state.hiding(&kubsets_lab::Secrets::new(["s3cret-of-mine"]));
    let keeper = scene.begin().await.unwrap();
    let found = |data: &str| Entry::restore(made("settings"), "/data", &json!({"data": {"token": data}}));
    let refused = keeper.record([found("is s3cret-of-mine")]).await.unwrap_err();
    assert!(matches!(&refused, KeeperError::Secret(_)), "{refused}");
    assert_eq!(scene.on_disk(&keeper), None);
    keeper.record([found("another")]).await.unwrap();
    assert_eq!(scene.on_disk(&keeper).unwrap(), scene.in_cluster(&keeper));
}

#[tokio::test]
async fn the_watchdog_comes_from_the_registry_that_is_on_record() {
    let own = crate::watchdog::WATCHDOG_IMAGE;
    let elsewhere = own.replace("registry.kubsets.local/", "localhost:5000/team/");
    for (registry, expected) in [(None, own), (Some("localhost:5000/team"), elsewhere.as_str())] {
        let scene = Scene::new();
        if let Some(prefix) = registry {
            scene.api.put("configmaps", registry_record(prefix));
        }
        let keeper = scene.begin().await.unwrap();
        keeper.record([Entry::delete(made("one"))]).await.unwrap();
        keeper.start_watchdog([], 600).await.unwrap();
        let job = scene.api.get(&format!("jobs/{}", keeper.claim.watchdog_name()));
        assert_eq!(job.pointer("/spec/template/spec/containers/0/image"), Some(&json!(expected)));
    }
}
