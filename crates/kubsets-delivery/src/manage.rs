//! Canaries seen from another terminal: status, abort, undo.

mod error;

use std::time::Duration;

use kubsets_kube::{Access, ApiError};
use kubsets_undo::canonical::hash;
use kubsets_undo::object::read;
use kubsets_undo::{
    AbortEnd, Comparison, Entry, Journal, Kind, Lease, Orphan, Phase, RunId, StateDir, Undone, manage,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::objects::Names;
use crate::outcome::Outcome;
use crate::record::{outcome, recorded_plan};

pub use error::ManageError;

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
    /// Its namespace.
    pub namespace: String,
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

/// What is going on in a namespace or in all of them, and what came of the last run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `CanaryStatus`.
    pub kind: String,
    /// Namespace; `None` where all are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
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
    let namespace = Some(access.namespace().to_owned());
    Ok(Status::new(namespace, running(access).await?, last(state)?))
}

/// Looks at the canaries of every namespace.
///
/// # Errors
/// [`ManageError`] when the cluster or the record cannot be read.
pub async fn status_everywhere(access: &Access, state: &StateDir) -> Result<Status, ManageError> {
    let mut canaries = Vec::new();
    for namespace in manage::namespaces(access).await? {
        canaries.extend(running(&access.clone().with_namespace(&namespace)).await?);
    }
    Ok(Status::new(None, canaries, last(state)?))
}

impl Status {
    fn new(namespace: Option<String>, running: Vec<RunningCanary>, last: Option<Outcome>) -> Self {
        let (api_version, kind) = ("kubsets.dev/v1alpha1".to_owned(), "CanaryStatus".to_owned());
        Self { api_version, kind, namespace, running, last }
    }
}

/// The canaries of the client's namespace.
async fn running(access: &Access) -> Result<Vec<RunningCanary>, ManageError> {
    let journals = manage::journals(access, Kind::Canary).await?;
    let mut running = Vec::new();
    for lease in Lease::list(access, Some(Kind::Canary)).await? {
        let run = lease.run().unwrap_or_default().to_owned();
        let journal = journals.iter().find(|journal| journal.claim.run.as_str() == run);
        let (weights, ready, replicas) = match journal {
            Some(journal) => in_cluster(access, journal).await?,
            None => (Vec::new(), 0, 0),
        };
        running.push(RunningCanary {
            lab: lease.lab().map(str::to_owned),
            namespace: access.namespace().to_owned(),
            deployment: lease.subject().unwrap_or_default().to_owned(),
            phase: journal.map(|journal| journal.phase),
            started_at: journal.map(|journal| journal.started_at.clone()),
            alive: !lease.is_expired(),
            age_seconds: lease.age_seconds(),
            watchdog: lease.is_armed(),
            run,
            weights,
            ready,
            replicas,
        });
    }
    Ok(running)
}

/// Outcome of the last canary on record.
fn last(state: &StateDir) -> Result<Option<Outcome>, ManageError> {
    for run in state.runs() {
        if let Some(last) = outcome(state, &run)? {
            return Ok(Some(last));
        }
    }
    Ok(None)
}

/// Weights and pods of a canary now.
async fn in_cluster(access: &Access, journal: &Journal) -> Result<(Vec<(String, u64)>, u64, u64), ApiError> {
    let mut weights = Vec::new();
    let (mut ready, mut replicas) = (0, 0);
    for entry in journal.entries() {
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
        weights = weights_in(&found, &Names::new(&journal.claim.subject).canary);
    }
    Ok((weights, ready, replicas))
}

/// Weights of the rule of a route that leads to the canary, else of all rules.
fn weights_in(route: &Value, canary: &str) -> Vec<(String, u64)> {
    let rules = route.pointer("/spec/rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let backends = |rule: &Value| rule["backendRefs"].as_array().cloned().unwrap_or_default();
    let split = rules.iter().map(backends).find(|all| all.iter().any(|backend| backend["name"] == canary));
    let shown = split.unwrap_or_else(|| rules.iter().flat_map(backends).collect());
    let weight = |backend: &Value| {
        let name = backend["name"].as_str().unwrap_or_default().to_owned();
        (name, backend["weight"].as_u64().unwrap_or(1))
    };
    shown.iter().map(weight).collect()
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
    match manage::abort(access, Kind::Canary, run, "kubectl kubsets canary abort").await? {
        AbortEnd::NothingRunning => Ok(Aborted::NothingRunning),
        AbortEnd::ByDriver { run, seconds } => Ok(Aborted::ByDriver { run, seconds }),
        AbortEnd::DriverDead { run } => {
            let undone = undo(access, state, run.parse().ok().as_ref()).await?;
            Ok(Aborted::ByUndo { run, comparisons: undone.comparisons })
        }
    }
}

/// Brings back the state before a run: the given one, else one left in the cluster, else the last
/// one on record. A promoted version is taken back too.
///
/// A driver that was killed a moment ago is waited for until its Lease has expired (20 s).
///
/// # Errors
/// [`ManageError`], also when the driver of the run lives.
pub async fn undo(access: &Access, state: &StateDir, run: Option<&RunId>) -> Result<Undone, ManageError> {
    let orphan = Orphan::adopt(access, state, Kind::Canary, run).await?;
    still_promoted(access, state, orphan.journal()).await?;
    Ok(orphan.undo(access, state, drain()).await?)
}

/// A promoted version is taken back only while it is the one that runs.
async fn still_promoted(access: &Access, state: &StateDir, journal: &Journal) -> Result<(), ManageError> {
    if journal.phase != Phase::Promoted {
        return Ok(());
    }
    let Some(plan) = recorded_plan(state, &journal.claim.run)? else { return Ok(()) };
    let now = read(access, &plan.deployment_ref()).await?.unwrap_or_default();
    if plan.known_templates().contains(&hash(&now["spec"]["template"])) {
        Ok(())
    } else {
        Err(ManageError::ChangedSince(journal.claim.run.clone(), journal.claim.subject.clone()))
    }
}

#[cfg(test)]
mod tests;
