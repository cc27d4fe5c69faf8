//! The Job in the cluster and its Secret: made, watched, its logs collected, removed.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ListParams, PostParams};
use kubsets_kube::{Access, During as _, LogOptions, diagnose, logs};
use kubsets_load::{LoadReport, Parcel};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::job::CONTAINER;
use super::leftovers;
use super::line::Lines;
use crate::ui::{ExitCode, Failure};

/// Time between two looks at the pods.
const PERIOD: Duration = Duration::from_secs(1);

/// Most that this machine's clock and the cluster's may be apart: the pods start at an instant of ours.
const CLOCKS: i64 = 5;

/// What a user must be allowed in the namespace, as verb, API group and resource. A pod is attached to by GET, for which
/// newer API servers ask for `create` too.
const RIGHTS: [(&str, &str, &str); 9] = [
    ("list", "batch", "jobs"),
    ("create", "batch", "jobs"),
    ("delete", "batch", "jobs"),
    ("create", "", "secrets"),
    ("list", "", "pods"),
    ("get", "", "pods"),
    ("get", "", "pods/log"),
    ("get", "", "pods/attach"),
    ("create", "", "pods/attach"),
];

/// One load in a cluster.
pub(super) struct Load<'a> {
    access: &'a Access,
    jobs: Api<Job>,
    pods: Api<Pod>,
    secrets: Api<Secret>,
    job: Job,
    secret: Secret,
    name: String,
}

impl<'a> Load<'a> {
    pub(super) fn new(access: &'a Access, job: Value, secret: Value) -> anyhow::Result<Self> {
        let (job, secret): (Job, Secret) = (serde_json::from_value(job)?, serde_json::from_value(secret)?);
        let name = job.metadata.name.clone().unwrap_or_default();
        let (client, namespace) = (access.client(), access.namespace());
        let (jobs, pods) =
            (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace));
        let secrets = Api::namespaced(client, namespace);
        Ok(Self { access, jobs, pods, secrets, job, secret, name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks for everything that the load will need, so that nothing is made which could not be heard or removed.
    ///
    /// # Errors
    /// When a right is missing: all that are.
    pub(super) async fn check_rights(&self) -> anyhow::Result<()> {
        let lacking = self.access.lacking(&RIGHTS).await?;
        if lacking.is_empty() {
            return Ok(());
        }
        let text = format!("not allowed in namespace {}: {}", self.access.namespace(), lacking.join(", "));
        Err(Failure::new(ExitCode::Cluster, text)
            .with_hint("`load --in-cluster` needs a Role with these; without it, load from here")
            .into())
    }

    /// Makes the Job and what its pods wait for, the Secret, which goes with the Job.
    pub(super) async fn create(&self) -> anyhow::Result<()> {
        let made = self
            .jobs
            .create(&PostParams::default(), &self.job)
            .await
            .during(|| format!("create the Job {}", self.name))?;
        let apart = made
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(0, |time| (time.0.as_second() - jiff::Timestamp::now().as_second()).abs());
        if apart > CLOCKS {
            self.remove().await?;
            let text = format!("the clocks of this machine and of the cluster are {apart} s apart");
            return Err(Failure::new(ExitCode::Skipped, text)
                .with_hint("pods start together at an instant, which needs clocks that agree")
                .into());
        }
        let secret = owned(self.secret.clone(), &made);
        let created = self.secrets.create(&PostParams::default(), &secret).await;
        if let Err(error) = created.during(|| format!("create the Secret {}", self.name)) {
            self.remove().await?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Removes the Job and its pods.
    pub(super) async fn remove(&self) -> anyhow::Result<()> {
        Ok(leftovers::remove(&self.jobs, &self.name).await?)
    }

    /// Waits until all pods have ended and opens their reports. They live for as long as this holds its lines to them, and
    /// come to an early end with `stop`. `tell` is told what is seen.
    pub(super) async fn collect(
        &self,
        wanted: u16,
        limit: Duration,
        stop: &CancellationToken,
        tell: impl Fn(String),
    ) -> anyhow::Result<Vec<LoadReport>> {
        let deadline = Instant::now() + limit;
        let mut lines = Lines::new(self.pods.clone(), stop.clone());
        let mine = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={}", self.name));
        loop {
            let pods = self.pods.list(&mine).await.during(|| format!("list the pods of {}", self.name))?;
            let ended = pods.items.iter().filter(|pod| is_over(pod)).count();
            if ended >= usize::from(wanted) {
                return self.open(&pods.items, &lines.trouble()).await;
            }
            if let Some(problem) = pods.items.iter().find_map(diagnose)
                && (Instant::now() >= deadline || is_hopeless(&pods.items))
            {
                return Err(Failure::new(ExitCode::Cluster, problem.to_string()).into());
            }
            if Instant::now() >= deadline {
                let text = format!("{ended} of {wanted} pods of {} have ended in time", self.name);
                return Err(Failure::new(ExitCode::Timeout, text).into());
            }
            let running: Vec<String> = pods.items.iter().filter_map(running).collect();
            let number = running.len();
            lines.hold(running);
            tell(format!("{number} pods running, {ended} of {wanted} ended"));
            sleep(PERIOD).await;
        }
    }

    async fn open(&self, pods: &[Pod], trouble: &str) -> anyhow::Result<Vec<LoadReport>> {
        let mut reports = Vec::new();
        for pod in pods {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let options = LogOptions { container: Some(CONTAINER.to_owned()), ..LogOptions::default() };
            let text = logs(self.access, self.access.namespace(), &name, &options).await?;
            reports.push(last_report(&text).map_err(|reason| {
                Failure::new(ExitCode::Inconclusive, format!("pod {name} brought no report: {reason}"))
                    .with_hint(if trouble.is_empty() {
                        "a longer --start-in gives the pods more time to be ready"
                    } else {
                        trouble
                    })
            })?);
        }
        Ok(reports)
    }
}

/// The Secret as one that the cluster removes with the Job, also when this process dies.
fn owned(mut secret: Secret, job: &Job) -> Secret {
    secret.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        name: job.metadata.name.clone().unwrap_or_default(),
        uid: job.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }]);
    secret
}

/// The report in the last line of a log.
fn last_report(log: &str) -> Result<LoadReport, String> {
    let line = log.lines().rev().find(|line| !line.trim().is_empty()).ok_or("its log is empty")?;
    let parcel: Parcel =
        serde_json::from_str(line).map_err(|_| line.chars().take(200).collect::<String>())?;
    parcel.open().map_err(|error| error.to_string())
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The name of a pod that runs.
fn running(pod: &Pod) -> Option<String> {
    pod.metadata.name.clone().filter(|_| phase(pod) == "Running")
}

fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Images that cannot be had and containers that cannot be made do not get better in the time of a load.
fn is_hopeless(pods: &[Pod]) -> bool {
    use kubsets_kube::PodProblem;
    pods.iter().filter_map(diagnose).any(|one| {
        matches!(one, PodProblem::Image { .. } | PodProblem::Config { .. } | PodProblem::Crashing { .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        assert_eq!(last_report("").unwrap_err(), "its log is empty");
        assert_eq!(last_report("a\nno report\n\n").unwrap_err(), "no report");
    }

    #[test]
    fn the_secret_goes_with_the_job() {
        let job = serde_json::json!({"metadata": {"name": "kubsets-load-x", "uid": "u-1"}});
        let job: Job = serde_json::from_value(job).expect("is a Job");
        let owners = owned(Secret::default(), &job).metadata.owner_references.expect("has an owner");
        assert_eq!((owners[0].name.as_str(), owners[0].uid.as_str()), ("kubsets-load-x", "u-1"));
    }
}
