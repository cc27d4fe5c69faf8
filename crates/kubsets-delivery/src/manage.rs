//! Runs seen from another terminal: status, abort, undo.

mod error;

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ObjectRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::canonical::hash;
use crate::event::Events;
use crate::facts::{list, read};
use crate::journal::{Entry, JOURNAL_FILE, Journal, Phase};
use crate::lock::{
    age_seconds, ask_abort, is_armed, is_expired, is_leftover, is_restoring, lease_ref, release, take_over,
};
use crate::objects::{ROLE_LABEL, RUN_LABEL};
use crate::outcome::{Comparison, Outcome};
use crate::record::{outcome, recorded_plan};
use crate::run_id::RunId;
use crate::state_dir::StateDir;
use crate::undo::{self, Reach};

pub use error::ManageError;

/// Time that a driver gets to go back after it was asked to.
const ABORT: Duration = Duration::from_secs(150);
/// Time for requests under way before a canary is removed.
fn drain() -> Duration {
    if cfg!(test) { Duration::ZERO } else { Duration::from_secs(5) }
}

/// A canary that is in the cluster now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningCanary {
    /// The run.
    pub run: String,
    /// Its lab.
    pub lab: Option<String>,
    /// Its Deployment.
    pub deployment: String,
    /// How far it has come.
    pub phase: Option<Phase>,
    /// When it began, RFC 3339.
    pub started_at: Option<String>,
    /// Whether its driver gives signs of life.
    pub alive: bool,
    /// Seconds since the last sign of life.
    pub age_seconds: Option<f64>,
    /// Whether the watchdog is there.
    pub watchdog: bool,
    /// Weights in the route, by backend.
    pub weights: Vec<(String, u64)>,
    /// Ready canary pods.
    pub ready: u64,
    /// Canary pods wanted.
    pub replicas: u64,
}

/// What is going on in a namespace, and what came of the last run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `CanaryStatus`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Canaries in the cluster now.
    pub running: Vec<RunningCanary>,
    /// Outcome of the last run on this machine's record.
    pub last: Option<Outcome>,
}

/// Looks at the canaries of the client's namespace.
///
/// # Errors
/// [`ManageError`] when the cluster or the record cannot be read.
pub async fn status(access: &Access, state: &StateDir) -> Result<Status, ManageError> {
    let namespace = access.namespace().to_owned();
    let journals = journals(access).await?;
    let mut running = Vec::new();
    for lease in leases(access).await? {
        let run = label(&lease, RUN_LABEL).unwrap_or_default();
        let journal = journals.iter().find(|journal| journal.run.as_str() == run);
        let name = lease.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let deployment = name.trim_start_matches("kubsets-canary-").to_owned();
        let (weights, ready, replicas) = match journal {
            Some(journal) => in_cluster(access, journal).await?,
            None => (Vec::new(), 0, 0),
        };
        running.push(RunningCanary {
            lab: label(&lease, crate::objects::LAB_LABEL),
            phase: journal.map(|journal| journal.phase),
            started_at: journal.map(|journal| journal.started_at.clone()),
            alive: !is_expired(&lease),
            age_seconds: age_seconds(&lease),
            watchdog: is_armed(&lease),
            run,
            deployment,
            weights,
            ready,
            replicas,
        });
    }
    let mut last = None;
    for run in state.runs() {
        last = outcome(state, &run)?;
        if last.is_some() {
            break;
        }
    }
    let (api_version, kind) = ("kubsets.dev/v1alpha1".to_owned(), "CanaryStatus".to_owned());
    Ok(Status { api_version, kind, namespace, running, last })
}

/// Weights and pods of a canary now.
async fn in_cluster(access: &Access, journal: &Journal) -> Result<(Vec<(String, u64)>, u64, u64), ApiError> {
    let mut weights = Vec::new();
    let (mut ready, mut replicas) = (0, 0);
    for entry in &journal.entries {
        let object = entry.object();
        let found = match (entry, object.kind.as_str()) {
            (Entry::Restore { .. }, "HTTPRoute") | (Entry::Delete { .. }, "Deployment") => {
                read(access, object).await?.unwrap_or_default()
            }
            _ => continue,
        };
        if object.kind == "Deployment" {
            replicas = found.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0);
            ready = found.pointer("/status/readyReplicas").and_then(Value::as_u64).unwrap_or(0);
            continue;
        }
        let rules = found.pointer("/spec/rules").and_then(Value::as_array).cloned().unwrap_or_default();
        let backends = rules.iter().filter_map(|rule| rule["backendRefs"].as_array()).flatten();
        weights.extend(backends.map(|backend| {
            let name = backend["name"].as_str().unwrap_or_default().to_owned();
            (name, backend["weight"].as_u64().unwrap_or(1))
        }));
    }
    Ok((weights, ready, replicas))
}

/// How an abort went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "how", rename_all_fields = "camelCase")]
pub enum Aborted {
    /// No canary was running.
    NothingRunning,
    /// The driver went back by itself.
    ByDriver {
        /// The run.
        run: String,
        /// Seconds that it took.
        seconds: f64,
    },
    /// The driver was dead; everything was undone from here.
    ByUndo {
        /// The run.
        run: String,
        /// What was compared.
        comparisons: Vec<Comparison>,
    },
}

/// Ends the canary of a run, or the only one of the client's namespace.
///
/// # Errors
/// [`ManageError`] when the cluster refuses or the driver does not go back in time.
pub async fn abort(access: &Access, state: &StateDir, run: Option<&RunId>) -> Result<Aborted, ManageError> {
    let wanted =
        |lease: &Value| run.is_none_or(|run| label(lease, RUN_LABEL).as_deref() == Some(run.as_str()));
    let Some(lease) = leases(access).await?.into_iter().find(wanted) else {
        return Ok(Aborted::NothingRunning);
    };
    let held = label(&lease, RUN_LABEL).unwrap_or_default();
    if is_leftover(access, &lease).await? {
        release(access, &crate::cluster::reference(&lease)).await?;
        return Ok(Aborted::NothingRunning);
    }
    if is_expired(&lease) {
        let id = held.parse().ok();
        let undone = undo(access, state, id.as_ref()).await?;
        return Ok(Aborted::ByUndo { run: held, comparisons: undone.comparisons });
    }
    let target = crate::cluster::reference(&lease);
    let clock = Instant::now();
    if !ask_abort(access, &target, "kubectl kubsets canary abort").await? {
        return Ok(Aborted::NothingRunning);
    }
    while clock.elapsed() < ABORT {
        sleep(Duration::from_millis(300)).await;
        match read(access, &target).await? {
            Some(lease) if label(&lease, RUN_LABEL).as_deref() == Some(held.as_str()) => {
                if is_expired(&lease) {
                    // It died meanwhile, and no watchdog took over.
                    let id = held.parse().ok();
                    let undone = undo(access, state, id.as_ref()).await?;
                    return Ok(Aborted::ByUndo { run: held, comparisons: undone.comparisons });
                }
            }
            _ => return Ok(Aborted::ByDriver { run: held, seconds: clock.elapsed().as_secs_f64() }),
        }
    }
    Err(ManageError::AbortPending(held))
}

/// What an undo did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// The run.
    pub run: RunId,
    /// How far the run had come.
    pub phase: Phase,
    /// Each object compared with its state before the run.
    pub comparisons: Vec<Comparison>,
    /// Whether everything is as before.
    pub equal: bool,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Brings back the state before a run: the given one, else one left in the cluster, else the last
/// one on record. A promoted version is taken back too.
///
/// A driver that was killed a moment ago is waited for until its Lease has expired (20 s).
///
/// # Errors
/// [`ManageError`], also when the driver of the run lives.
pub async fn undo(access: &Access, state: &StateDir, run: Option<&RunId>) -> Result<Undone, ManageError> {
    let clock = Instant::now();
    let mut journal = find_journal(access, state, run).await?;
    if journal.server != access.facts().server && !state_only(access) {
        let (there, here) = (journal.server, access.facts().server.clone());
        return Err(ManageError::OtherCluster { run: journal.run, there, here });
    }
    access.permit_labelled_namespace(&journal.namespace).await?;
    if journal.phase == Phase::Undone {
        // What came later belongs to somebody else: only look.
        let comparisons = undo::compare(access, &journal, Reach::Before).await?;
        let equal = comparisons.iter().all(|one| one.equal);
        let (run, phase) = (journal.run, journal.phase);
        return Ok(Undone { run, phase, comparisons, equal, seconds: clock.elapsed().as_secs_f64() });
    }
    let target = lease_ref(&journal.namespace, &journal.deployment);
    if let Some(lease) = wait_for_silence(access, &target).await? {
        take_over(access, &target, &lease).await?;
    }
    let phase = journal.phase;
    let events = Events::silent();
    still_promoted(access, state, &journal).await?;
    undo::restore(access, &journal, Reach::Before, &events).await?;
    undo::remove_made(access, &journal, drain(), &events).await?;
    let comparisons = undo::compare(access, &journal, Reach::Before).await?;
    let equal = comparisons.iter().all(|one| one.equal);
    undo::close(access, &journal).await?;
    journal.phase = Phase::Undone;
    state.write(&journal.run, JOURNAL_FILE, &journal)?;
    Ok(Undone { run: journal.run, phase, comparisons, equal, seconds: clock.elapsed().as_secs_f64() })
}

/// A promoted version is taken back only while it is the one that runs.
async fn still_promoted(access: &Access, state: &StateDir, journal: &Journal) -> Result<(), ManageError> {
    if journal.phase != Phase::Promoted {
        return Ok(());
    }
    let Some(plan) = recorded_plan(state, &journal.run)? else { return Ok(()) };
    let now = read(access, &plan.deployment_ref()).await?.unwrap_or_default();
    let template = &now["spec"]["template"];
    let known = [plan.new_template(), plan.originals.deployment["spec"]["template"].clone()];
    if known.iter().any(|one| hash(one) == hash(template)) {
        Ok(())
    } else {
        Err(ManageError::ChangedSince(journal.run.clone(), journal.deployment.clone()))
    }
}

/// Waits until the driver that holds a Lease is known to be dead, and gives the Lease; `None` when
/// there is none. A driver that renews while being watched lives.
async fn wait_for_silence(access: &Access, target: &ObjectRef) -> Result<Option<Value>, ManageError> {
    let mut first = None;
    loop {
        let Some(lease) = read(access, target).await? else { return Ok(None) };
        if is_expired(&lease) {
            return Ok(Some(lease));
        }
        let renewed = lease.pointer("/spec/renewTime").cloned();
        if is_restoring(&lease) {
            // The watchdog is at work: its end is waited for.
            first = None;
        } else if first.get_or_insert_with(|| renewed.clone()) != &renewed {
            let run = label(&lease, RUN_LABEL).unwrap_or_default();
            return Err(ManageError::StillRunning { run, age: age_seconds(&lease).unwrap_or(0.0) });
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// Inside a pod the server's address differs from the one outside.
fn state_only(access: &Access) -> bool {
    access.facts().context == "in-cluster"
}

async fn find_journal(
    access: &Access,
    state: &StateDir,
    run: Option<&RunId>,
) -> Result<Journal, ManageError> {
    let in_cluster = journals(access).await?;
    let left = in_cluster.into_iter().find(|journal| run.is_none_or(|run| *run == journal.run));
    if let Some(journal) = left {
        return Ok(journal);
    }
    let server = &access.facts().server;
    let on_record = match run {
        Some(run) => vec![run.clone()],
        None => state.runs(),
    };
    for id in on_record {
        let Some(journal) = state.read::<Journal>(&id, JOURNAL_FILE)? else { continue };
        if run.is_some() || (journal.server == *server && journal.namespace == access.namespace()) {
            return Ok(journal);
        }
    }
    Err(ManageError::NoRun(run.cloned()))
}

/// Journals in the client's namespace, the newest first.
async fn journals(access: &Access) -> Result<Vec<Journal>, ApiError> {
    let maps = list(access, access.namespace(), "v1", "ConfigMap").await?;
    let ours = maps.iter().filter(|map| label(map, ROLE_LABEL).as_deref() == Some("journal"));
    let mut journals: Vec<Journal> = ours.filter_map(Journal::from_config_map).collect();
    journals.sort_by(|one, other| other.run.cmp(&one.run));
    Ok(journals)
}

/// Leases of canaries in the client's namespace.
async fn leases(access: &Access) -> Result<Vec<Value>, ApiError> {
    let leases = list(access, access.namespace(), "coordination.k8s.io/v1", "Lease").await?;
    Ok(leases.into_iter().filter(|lease| label(lease, ROLE_LABEL).as_deref() == Some("lease")).collect())
}

fn label(object: &Value, key: &str) -> Option<String> {
    object.pointer("/metadata/labels")?.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
