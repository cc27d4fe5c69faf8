//! Managing runs against an API server in memory.

use super::*;
use crate::claim::Claim;
use crate::entry::Entry;
use crate::fake_api::FakeApi;
use crate::lock::Lock;
use kubsets_kube::Hint;
use serde_json::json;

const LONG_AGO: &str = "2020-01-01T00:00:00.000000Z";

fn state() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    (folder, state)
}

/// A lab that scaled a quota and whose driver died long ago.
fn seed(api: &FakeApi) -> Journal {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "web", "namespace": "shop"},
                       "spec": {"hard": {"pods": "10"}}});
    let mut journal =
        Journal::new(Claim::lab(RunId::generate(), "autoscaling/quota", "shop"), "https://fake");
    journal.add(Entry::restore(crate::object::reference(&quota), "/spec/hard", &quota));
    api.put("resourcequotas", quota);
    api.change("resourcequotas/web", &json!({"spec": {"hard": {"pods": "1"}}}));
    api.put("configmaps", journal.to_config_map());
    api.put_lease(&journal.claim, LONG_AGO);
    journal
}

#[tokio::test]
async fn a_dead_lab_is_found_in_the_cluster_undone_and_then_only_looked_at() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let journal = seed(&api);
    let access = api.access();
    let orphan = Orphan::adopt(&access, &state, Kind::Lab, None).await.unwrap();
    assert_eq!(orphan.journal(), &journal);
    assert!(Lease::from(api.get("leases/kubsets-lab-autoscaling.quota")).is_restoring());
    let undone = orphan.undo(&access, &state, Duration::ZERO).await.unwrap();
    assert!(undone.equal, "{undone:?}");
    assert_eq!(api.names(), ["resourcequotas/web"]);
    // What came later is somebody else's.
    api.change("resourcequotas/web", &json!({"spec": {"hard": {"pods": "7"}}}));
    let changes = api.changes();
    let again = Orphan::adopt(&access, &state, Kind::Lab, Some(&journal.claim.run)).await.unwrap();
    let again = again.undo(&access, &state, Duration::ZERO).await.unwrap();
    assert_eq!((again.phase, again.equal), (Phase::Undone, false));
    assert_eq!(api.changes(), changes);
}

#[tokio::test]
async fn runs_of_another_kind_are_left_alone() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let journal = seed(&api);
    let access = api.access();
    for run in [None, Some(&journal.claim.run)] {
        let error = Orphan::adopt(&access, &state, Kind::Canary, run).await.unwrap_err();
        assert!(matches!(error, ManageError::NoRun { kind: Kind::Canary, .. }), "{error}");
    }
    let end = abort(&access, Kind::Canary, None, "me").await.unwrap();
    assert_eq!(end, AbortEnd::NothingRunning);
    let end = abort(&access, Kind::Lab, None, "me").await.unwrap();
    assert_eq!(end, AbortEnd::DriverDead { run: journal.claim.run.to_string() });
}

#[tokio::test]
async fn a_living_driver_is_not_undone_from_outside() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let journal = seed(&api);
    api.remove("leases/kubsets-lab-autoscaling.quota");
    let _lock = Lock::acquire(&api.access(), &journal.claim).await.unwrap();
    let error = Orphan::adopt(&api.access(), &state, Kind::Lab, None).await.unwrap_err();
    assert!(matches!(error, ManageError::StillRunning { .. }), "{error}");
    assert_eq!(error.hint(), Some(format!("kubectl kubsets lab abort {}", journal.claim.run)));
}

#[tokio::test]
async fn a_living_driver_is_asked_to_abort_by_its_lease() {
    let api = FakeApi::default();
    let access = api.access();
    let claim = Claim::canary(RunId::generate(), None, "shop", "demo-app");
    let lock = Lock::acquire(&access, &claim).await.unwrap();
    let driver = async {
        let mut told = lock.state();
        let wish = told.wait_for(|state| *state == crate::LockState::AbortWanted("me".into())).await.is_ok();
        drop(lock);
        release(&access, &claim.lease_ref()).await.unwrap();
        wish
    };
    let (end, wish) = tokio::join!(abort(&access, Kind::Canary, None, "me"), driver);
    assert!(wish);
    assert!(matches!(end.unwrap(), AbortEnd::ByDriver { run, .. } if run == claim.run.as_str()));
}

#[tokio::test]
async fn which_of_several_is_to_end_is_asked_and_leftovers_do_not_count() {
    let api = FakeApi::default();
    let access = api.access();
    let claims = ["a", "b", "c"].map(|name| Claim::canary(RunId::generate(), None, "shop", name));
    api.put_lease(&claims[0], LONG_AGO);
    api.put_lease(&claims[1], &crate::lease::micro_time());
    api.put_lease(&claims[2], &crate::lease::micro_time());
    let error = abort(&access, Kind::Canary, None, "me").await.unwrap_err();
    let (one, other) = (&claims[1].run, &claims[2].run);
    assert_eq!(error.to_string(), format!("2 runs of canary are under way: {one}, {other}"));
    assert_eq!(api.names(), ["leases/kubsets-canary-b", "leases/kubsets-canary-c"]);
    let left = abort(&access, Kind::Canary, Some(&claims[0].run), "me").await.unwrap();
    assert_eq!(left, AbortEnd::NothingRunning);
}

#[tokio::test]
async fn a_run_that_the_watchdog_closed_is_only_looked_at() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let journal = seed(&api);
    state.write_as_is(&journal.claim.run, JOURNAL_FILE, &journal).unwrap();
    api.remove(&format!("configmaps/{}", journal.claim.journal_ref().name));
    let access = api.access();
    let orphan = Orphan::adopt(&access, &state, Kind::Lab, Some(&journal.claim.run)).await.unwrap();
    let undone = orphan.undo(&access, &state, Duration::ZERO).await.unwrap();
    assert_eq!((undone.phase, undone.equal), (Phase::Undone, false));
    assert_eq!(api.get("resourcequotas/web")["spec"]["hard"]["pods"], "1");
    assert_eq!(api.names(), ["resourcequotas/web"]);
}

#[tokio::test]
async fn undo_waits_for_a_watchdog_that_is_at_work() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let journal = seed(&api);
    let access = api.access();
    Lease::from(api.get("leases/kubsets-lab-autoscaling.quota")).take_over(&access).await.unwrap();
    let watchdog = async {
        sleep(Duration::from_millis(700)).await;
        api.remove("leases/kubsets-lab-autoscaling.quota");
    };
    let (orphan, ()) =
        tokio::join!(Orphan::adopt(&access, &state, Kind::Lab, Some(&journal.claim.run)), watchdog);
    assert!(orphan.unwrap().undo(&access, &state, Duration::ZERO).await.unwrap().equal);
}

#[tokio::test]
async fn nothing_to_undo_is_said() {
    let ((_folder, state), api) = (state(), FakeApi::default());
    let error = Orphan::adopt(&api.access(), &state, Kind::Canary, None).await.unwrap_err();
    assert_eq!(error.to_string(), "no canary to undo on record or in the cluster");
    let run: RunId = "261120-120000-abcd".parse().unwrap();
    let error = Orphan::adopt(&api.access(), &state, Kind::Lab, Some(&run)).await.unwrap_err();
    assert_eq!(error.to_string(), "no run 261120-120000-abcd on record or in the cluster");
}

#[tokio::test]
async fn leases_that_guard_nothing_are_swept() {
    let api = FakeApi::default();
    let journal = seed(&api);
    let early = Claim::lab(RunId::generate(), "chaos/pod-kill", "shop");
    let living = Claim::lab(RunId::generate(), "gateway/retries", "shop");
    api.put_lease(&early, LONG_AGO);
    api.put_lease(&living, &crate::lease::micro_time());
    let access = api.access();
    assert_eq!(sweep(&access, Kind::Canary).await.unwrap(), Vec::<String>::new());
    assert_eq!(sweep(&access, Kind::Lab).await.unwrap(), [early.run.to_string()]);
    let left = Lease::list(&access, Some(Kind::Lab)).await.unwrap();
    let runs: Vec<_> = left.iter().filter_map(Lease::run).collect();
    assert!(
        runs.len() == 2 && runs.contains(&journal.claim.run.as_str()) && runs.contains(&living.run.as_str())
    );
}
