//! The migrator `Job` and the heartbeat `CronJob`.

use k8s_openapi::api::batch::v1::Job;
use kubsets_kube::diagnose;

use super::assess::of_pod;
use super::model::{LogSource, Part, Problem};
use super::snapshot::Snapshot;
use crate::ui::ago;

/// A heartbeat comes every minute: three that failed to come are trouble.
const HEARTBEAT_LATE_S: i64 = 200;

const MIGRATOR_RANK: u8 = 13;
const HEARTBEAT_RANK: u8 = 50;

pub(super) fn migrator(snapshot: &Snapshot, stack: &mut Vec<(u8, Part)>, problems: &mut Vec<Problem>) {
    let namespace = &snapshot.namespace;
    let named = |job: &&Job| job.metadata.name.as_deref().is_some_and(|name| name.starts_with("migrator"));
    let newest = snapshot.jobs.iter().filter(named).max_by_key(|job| created(job));
    let (healthy, state) = match newest {
        None => (false, "missing".to_owned()),
        Some(job) if finished(job, "Complete") => (true, "done".to_owned()),
        Some(job) if finished(job, "Failed") => (false, "failed".to_owned()),
        Some(_) => (false, "running".to_owned()),
    };
    if !healthy {
        let object = "Job migrator".to_owned();
        let pods =
            snapshot.pods.iter().filter(|pod| label(pod, "app.kubernetes.io/name") == Some("migrator"));
        problems.push(match pods.into_iter().find_map(diagnose) {
            Some(problem) => of_pod(object, namespace, &problem, MIGRATOR_RANK),
            None => Problem {
                object,
                namespace: namespace.clone(),
                reason: format!("{state}: the schema is not up to date"),
                look: format!("kubectl -n {namespace} logs job/migrator"),
                last_log: None,
                rank: MIGRATOR_RANK,
                logs: None,
            },
        });
    }
    stack.push((MIGRATOR_RANK, part("Job", namespace, "migrator", healthy, state)));
}

pub(super) fn heartbeat(
    snapshot: &Snapshot,
    now: jiff::Timestamp,
    stack: &mut Vec<(u8, Part)>,
    problems: &mut Vec<Problem>,
) {
    let namespace = &snapshot.namespace;
    let Some(cron_job) =
        snapshot.cron_jobs.iter().find(|one| one.metadata.name.as_deref() == Some("heartbeat"))
    else {
        return;
    };
    if cron_job.spec.suspend == Some(true) {
        stack.push((HEARTBEAT_RANK, part("CronJob", namespace, "heartbeat", true, "suspended".to_owned())));
        return;
    }
    let last = cron_job.status.as_ref().and_then(|status| status.last_successful_time.as_ref());
    let born = cron_job.metadata.creation_timestamp.as_ref();
    let since = last.or(born).map_or(i64::MAX, |time| now.as_second() - time.0.as_second());
    let healthy = since <= HEARTBEAT_LATE_S;
    let state = match last {
        Some(time) => format!("last beat {}", ago(time.0, now)),
        None => "no beat yet".to_owned(),
    };
    if !healthy {
        problems.push(Problem {
            object: "CronJob heartbeat".to_owned(),
            namespace: namespace.clone(),
            reason: format!("{state}: orders do not get all the way"),
            look: "kubectl kubsets smoke".to_owned(),
            last_log: None,
            rank: HEARTBEAT_RANK,
            logs: newest_pod(snapshot, "heartbeat"),
        });
    }
    stack.push((HEARTBEAT_RANK, part("CronJob", namespace, "heartbeat", healthy, state)));
}

/// The newest pod of an application, whose log tells why it failed.
fn newest_pod(snapshot: &Snapshot, name: &str) -> Option<LogSource> {
    let pods = snapshot.pods.iter().filter(|pod| label(pod, "app.kubernetes.io/name") == Some(name));
    let newest = pods.max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))?;
    Some(LogSource { pod: newest.metadata.name.clone()?, container: None, previous: false })
}

fn part(kind: &str, namespace: &str, name: &str, healthy: bool, state: String) -> Part {
    Part {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        healthy,
        state,
        version: None,
        detail: String::new(),
    }
}

fn created(job: &Job) -> i64 {
    job.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second())
}

fn finished(job: &Job, how: &str) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == how && one.status == "True")
}

fn label<'a>(pod: &'a k8s_openapi::api::core::v1::Pod, name: &str) -> Option<&'a str> {
    pod.metadata.labels.as_ref()?.get(name).map(String::as_str)
}
