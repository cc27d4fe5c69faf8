//! Jobs of loads whose command was killed.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams};
use kubsets_kube::{Access, ApiError, During as _, MANAGED_BY, MANAGER};
use kubsets_undo::{RUN_LABEL, RunId};
use tokio::time::{Instant, sleep};

use super::job::ROLE;

/// Time between two looks at Jobs that have not ended.
const PERIOD: Duration = Duration::from_secs(1);

/// Time in which the pods of a command that was killed have ended, and their Job with them: 20 s of silence, and room
/// for the cluster to see it.
pub(crate) const SILENCE: Duration = Duration::from_secs(35);

/// What became of the Jobs of loads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    /// Jobs that were removed, by name.
    pub(crate) removed: Vec<String>,
    /// Jobs that go on, by name: their command lives.
    pub(crate) alive: Vec<String>,
}

/// Removes the Jobs of loads in the client's namespace, of one run or of all, that have ended or end within `patience`.
///
/// # Errors
/// When the cluster refuses.
pub(crate) async fn clear(
    access: &Access,
    run: Option<&RunId>,
    patience: Duration,
) -> Result<Cleared, ApiError> {
    let jobs = Api::<Job>::namespaced(access.client(), access.namespace());
    let deadline = Instant::now() + patience;
    let mut cleared = Cleared::default();
    loop {
        let found = jobs.list(&ListParams::default().labels(&selector())).await;
        let found = found.during(|| "list the Jobs of loads".to_owned())?.items;
        let ours = found.iter().filter(|job| is_ours(job) && run.is_none_or(|run| is_of(job, run)));
        let (ended, going): (Vec<&Job>, Vec<&Job>) = ours.partition(|job| has_ended(job));
        for job in ended {
            remove(&jobs, &name(job)).await?;
            cleared.removed.push(name(job));
        }
        if going.is_empty() || Instant::now() >= deadline {
            cleared.alive = going.into_iter().map(name).collect();
            return Ok(cleared);
        }
        sleep(PERIOD).await;
    }
}

/// Namespaces of the whole cluster that have a Job of a load.
///
/// # Errors
/// When they cannot be listed.
pub(crate) async fn namespaces(access: &Access) -> Result<BTreeSet<String>, ApiError> {
    let found = Api::<Job>::all(access.client()).list(&ListParams::default().labels(&selector())).await;
    let found = found.during(|| "list the Jobs of loads".to_owned())?.items;
    Ok(found.iter().filter(|job| is_ours(job)).filter_map(|job| job.metadata.namespace.clone()).collect())
}

/// Removes a Job and its pods; one that is gone is no error.
///
/// # Errors
/// When the cluster refuses.
pub(super) async fn remove(jobs: &Api<Job>, name: &str) -> Result<(), ApiError> {
    match jobs.delete(name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(error) if kubsets_kube::is_not_found(&error) => Ok(()),
        Err(error) => Err(error).during(|| format!("delete the Job {name}")),
    }
}

fn selector() -> String {
    format!("{}={},{MANAGED_BY}={MANAGER}", ROLE.0, ROLE.1)
}

fn label<'a>(job: &'a Job, key: &str) -> Option<&'a str> {
    job.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// Whether this program made it for a load: what is deleted is looked at twice.
fn is_ours(job: &Job) -> bool {
    label(job, ROLE.0) == Some(ROLE.1) && label(job, MANAGED_BY) == Some(MANAGER)
}

fn is_of(job: &Job, run: &RunId) -> bool {
    label(job, RUN_LABEL) == Some(run.as_str())
}

fn name(job: &Job) -> String {
    job.metadata.name.clone().unwrap_or_default()
}

/// Whether a Job has come to its end or is decided to, with pods that only have to be gone.
fn has_ended(job: &Job) -> bool {
    let ends = ["Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"];
    let mut conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|one| ends.contains(&one.type_.as_str()) && one.status == "True")
}

#[cfg(test)]
mod tests {
    use kubsets_undo::FakeApi;
    use serde_json::{Value, json};

    use super::*;

    const RUN: &str = "261120-120000-aaaa";

    fn job(name: &str, labels: &Value, condition: &str) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "labels": labels},
               "status": {"conditions": [{"type": condition, "status": "True"}]}})
    }

    fn of_load(run: &str) -> Value {
        json!({ROLE.0: ROLE.1, MANAGED_BY: MANAGER, RUN_LABEL: run})
    }

    /// A cluster with Jobs of ours that have ended and that have not, and Jobs of others.
    fn cluster() -> FakeApi {
        let api = FakeApi::default();
        api.put("jobs", job("ended", &of_load(RUN), "Failed"));
        api.put("jobs", job("decided", &of_load("261120-120000-bbbb"), "FailureTarget"));
        api.put("jobs", job("done", &of_load("261120-120000-bbbb"), "Complete"));
        api.put("jobs", job("going", &of_load("261120-120000-cccc"), "Suspended"));
        api.put("jobs", job("of-somebody", &json!({ROLE.0: ROLE.1}), "Complete"));
        api.put("jobs", job("watchdog", &json!({ROLE.0: "watchdog", MANAGED_BY: MANAGER}), "Complete"));
        api
    }

    #[tokio::test]
    async fn jobs_of_ours_that_have_ended_go_and_no_others() {
        let api = cluster();
        let cleared = clear(&api.access(), None, Duration::ZERO).await.expect("is cleared");
        assert_eq!(cleared.removed, ["decided", "done", "ended"]);
        assert_eq!(cleared.alive, ["going"]);
        assert_eq!(api.names(), ["jobs/going", "jobs/of-somebody", "jobs/watchdog"]);
    }

    #[tokio::test]
    async fn one_run_is_cleared_alone() {
        let api = cluster();
        let run = RUN.parse().expect("is one");
        let cleared = clear(&api.access(), Some(&run), Duration::ZERO).await.expect("is cleared");
        assert_eq!(cleared, Cleared { removed: vec!["ended".into()], alive: Vec::new() });
        assert_eq!(api.names().len(), 5);
    }

    #[tokio::test]
    async fn a_job_whose_command_was_killed_a_moment_ago_is_waited_for() {
        let api = cluster();
        let access = api.access();
        let (cleared, ()) = tokio::join!(clear(&access, None, Duration::from_secs(30)), async {
            sleep(Duration::from_millis(100)).await;
            let ended = json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}});
            api.change("jobs/going", &ended);
        });
        let cleared = cleared.expect("is cleared");
        assert_eq!((cleared.removed.len(), cleared.alive.len()), (4, 0));
    }

    #[tokio::test]
    async fn every_namespace_with_a_job_of_ours_is_known() {
        let api = FakeApi::default();
        api.put("jobs", job("of-somebody", &json!({ROLE.0: ROLE.1}), "Complete"));
        assert!(namespaces(&api.access()).await.expect("are listed").is_empty());
        api.put("jobs", job("ended", &of_load(RUN), "Failed"));
        assert_eq!(namespaces(&api.access()).await.expect("are listed"), ["shop".to_owned()].into());
    }
}
