//! The way back: from a journal to the state before, the last action first, safe to repeat.
//!
//! Each state on the way back is one that was there on the way forth, so that traffic finds pods at
//! every moment: a changed pod template is restored and rolled out while the other pods still serve,
//! then the weights, then, after a pause for requests under way, what was made is removed.

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ApiErrorKind, ObjectRef, WaitError, wait_for_rollout};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::canonical::merge_patch;
use crate::comparison::Comparison;
use crate::entry::Entry;
use crate::journal::{Journal, Phase};
use crate::lease::{Lease, release};
use crate::manifest::manifest_of;
use crate::object::{create, insist, patch, read, remove, remove_exactly, set_at, wait_gone};
use crate::progress::{Change, Progress};

/// How long a passing failure of the API server is borne on the way back.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long restored pods get to come back before the way goes on all the same.
const ROLLOUT: Duration = Duration::from_mins(1);
/// How long a removed object may take to go.
const GONE: Duration = Duration::from_mins(1);

/// How far back to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To the state before the run.
    Before,
    /// To the end of a promotion: the new template stays.
    Promoted,
}

impl Reach {
    /// What a journal asks for when its driver is gone.
    pub fn of(phase: Phase) -> Self {
        if phase == Phase::Promoted { Self::Promoted } else { Self::Before }
    }

    fn covers(self, entry: &Entry) -> bool {
        self == Self::Before || entry.object().kind != "Deployment" || !matches!(entry, Entry::Restore { .. })
    }
}

/// One way back.
#[derive(Clone, Copy)]
pub struct WayBack<'a> {
    /// The cluster.
    pub access: &'a Access,
    /// What is to be undone.
    pub journal: &'a Journal,
    /// How far.
    pub reach: Reach,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl<'a> WayBack<'a> {
    fn entries(self) -> impl Iterator<Item = &'a Entry> {
        self.journal.undo_order().filter(move |entry| self.reach.covers(entry))
    }

    /// Brings back what was changed or deleted, the last first; what was made stays.
    ///
    /// # Errors
    /// [`ApiError`] when the cluster refuses; passing failures are borne.
    pub async fn restore(self) -> Result<(), ApiError> {
        for entry in self.entries() {
            self.bring_back(entry).await?;
        }
        Ok(())
    }

    /// Undoes everything, the last action first, and waits until what was made is gone. Before the first
    /// workload is removed, requests under way get `drain`.
    ///
    /// # Errors
    /// [`ApiError`] when the cluster refuses; passing failures are borne.
    pub async fn go(self, drain: Duration) -> Result<(), ApiError> {
        let mut going = Vec::new();
        let mut drained = false;
        for entry in self.entries() {
            let Entry::Delete { object } = entry else {
                self.bring_back(entry).await?;
                continue;
            };
            if !drained && is_workload(object) && self.made(object).await?.is_some() {
                self.progress.doing("letting requests under way finish");
                sleep(drain).await;
                drained = true;
            }
            if self.remove(object).await? {
                going.push(object);
            }
        }
        for object in going {
            if self.journal.recreated(object).is_none() {
                insist(PATIENCE, || wait_gone(self.access, object, GONE)).await?;
            }
        }
        Ok(())
    }

    /// Compares every object of the journal with its state before.
    ///
    /// # Errors
    /// [`ApiError`] when an object cannot be read.
    pub async fn compare(self) -> Result<Vec<Comparison>, ApiError> {
        let mut comparisons = Vec::new();
        for entry in self.journal.entries().iter().filter(|entry| self.reach.covers(entry)) {
            let object = entry.object();
            // An object that was there before must not be gone, whatever had its name in between.
            if matches!(entry, Entry::Delete { .. }) && self.journal.recreated(object).is_some() {
                continue;
            }
            comparisons.push(Comparison::of(entry, read(self.access, object).await?.as_ref()));
        }
        Ok(comparisons)
    }

    async fn bring_back(self, entry: &Entry) -> Result<(), ApiError> {
        let (object, changed) = match entry {
            Entry::Delete { .. } => return Ok(()),
            Entry::Restore { object, pointer, original, .. } => {
                match insist(PATIENCE, || set_at(self.access, object, pointer, original)).await {
                    // Somebody has deleted it; the comparison will say so.
                    Err(error) if error.kind == ApiErrorKind::NotFound => {
                        tracing::warn!(%object, "it is gone, its {pointer} cannot be restored");
                        (object, false)
                    }
                    result => (object, result?),
                }
            }
            Entry::Recreate { object, manifest, .. } => (object, self.recreate(object, manifest).await?),
        };
        if !changed {
            return Ok(());
        }
        self.progress.object(Change::Restored, object);
        if is_workload(object) {
            self.progress.doing(&format!("waiting for {object} to be as before"));
            match wait_for_rollout(self.access, object, ROLLOUT).await {
                Ok(_) => {}
                Err(WaitError::Api(error)) => return Err(error),
                // The pods that are there serve; more will come.
                Err(error) => tracing::warn!(%error, "going on before all pods are there"),
            }
        }
        Ok(())
    }

    /// Makes an object again, or brings the one that has its name to its manifest. Says whether
    /// anything had to change.
    async fn recreate(self, object: &ObjectRef, manifest: &Value) -> Result<bool, ApiError> {
        let deadline = Instant::now() + GONE;
        loop {
            let Some(found) = insist(PATIENCE, || read(self.access, object)).await? else {
                match insist(PATIENCE, || create(self.access, manifest)).await {
                    // Made in this moment, by a first try whose answer was lost or by another undo.
                    Err(error) if error.kind == ApiErrorKind::AlreadyExists && Instant::now() < deadline => {
                        continue;
                    }
                    result => return result.map(|_| true),
                }
            };
            if found.pointer("/metadata/deletionTimestamp").is_some() {
                insist(PATIENCE, || wait_gone(self.access, object, GONE)).await?;
                continue;
            }
            let Some(mut change) = merge_patch(&manifest_of(&found), manifest) else { return Ok(false) };
            change["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"].clone();
            match insist(PATIENCE, || patch(self.access, object, &change)).await {
                Err(error) if error.kind == ApiErrorKind::Conflict && Instant::now() < deadline => {}
                // What cannot be changed in place stays; the comparison will say so.
                Err(error) if matches!(error.kind, ApiErrorKind::Invalid(_)) => {
                    tracing::warn!(%error, "it is not as before");
                    return Ok(false);
                }
                result => return result.map(|_| true),
            }
        }
    }

    /// The object of a `Delete` entry, if it is there and is not one from before the run.
    async fn made(self, object: &ObjectRef) -> Result<Option<Value>, ApiError> {
        let found = insist(PATIENCE, || read(self.access, object)).await?;
        Ok(found.filter(|found| !self.journal.is_back(object, found)))
    }

    /// Asks for the removal of what the run made; false when it is not there.
    async fn remove(self, object: &ObjectRef) -> Result<bool, ApiError> {
        while let Some(found) = self.made(object).await? {
            match insist(PATIENCE, || remove_exactly(self.access, object, &found)).await {
                // Another object has the name now: it may be the one from before the run.
                Err(error) if error.kind == ApiErrorKind::Conflict => {}
                result => {
                    result?;
                    self.progress.object(Change::Removed, object);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Whether an object runs pods that serve.
fn is_workload(object: &ObjectRef) -> bool {
    matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

/// Gives the Lease back, then removes the journal in the cluster and with it the watchdog, which it owns.
///
/// The journal goes last: a watchdog that does this itself ends with it, and whoever dies in between
/// leaves a journal from which the rest can be done.
///
/// # Errors
/// [`ApiError`] when the cluster refuses; passing failures are borne.
pub async fn close(access: &Access, journal: &Journal) -> Result<(), ApiError> {
    let lease = journal.claim.lease_ref();
    let held = insist(PATIENCE, || Lease::read(access, &lease)).await?;
    if held.is_some_and(|held| held.is_of(&journal.claim.run)) {
        insist(PATIENCE, || release(access, &lease)).await?;
    }
    let config_map = journal.claim.journal_ref();
    insist(PATIENCE, || remove(access, &config_map)).await
}

#[cfg(test)]
mod tests;
