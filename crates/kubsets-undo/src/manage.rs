//! Runs seen from another terminal: which there are, ending one, undoing one whose driver is gone.

mod error;

use std::collections::BTreeSet;
use std::time::Duration;

use kubsets_kube::{Access, ApiError, ObjectRef};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::claim::{JOURNAL_ROLE, Kind, LEASE_ROLE, ROLE_LABEL};
use crate::comparison::Comparison;
use crate::journal::{JOURNAL_FILE, Journal, Phase};
use crate::lease::{Lease, ask_abort, release};
use crate::object::{label, list, list_everywhere, read, reference};
use crate::progress::Silent;
use crate::run_id::RunId;
use crate::state_dir::StateDir;
use crate::way_back::{Reach, WayBack, close};

pub use error::ManageError;

/// Time that a driver gets to go back after it was asked to.
const ABORT: Duration = Duration::from_secs(150);
/// How often a Lease is looked at.
const POLL: Duration = Duration::from_millis(300);

/// Journals of a kind of run in the client's namespace, the newest first.
///
/// # Errors
/// [`ApiError`] when they cannot be listed.
pub async fn journals(access: &Access, kind: Kind) -> Result<Vec<Journal>, ApiError> {
    let maps = list(access, access.namespace(), "v1", "ConfigMap").await?;
    let ours = maps.iter().filter(|map| label(map, ROLE_LABEL) == Some(JOURNAL_ROLE));
    let mut journals: Vec<Journal> = ours.filter_map(Journal::from_config_map).collect();
    journals.retain(|journal| journal.claim.kind == kind);
    journals.sort_by(|one, other| other.claim.run.cmp(&one.claim.run));
    Ok(journals)
}

/// Namespaces with something of a run, its Lease or its journal.
///
/// # Errors
/// [`ApiError`] when they cannot be listed in the whole cluster.
pub async fn namespaces(access: &Access) -> Result<BTreeSet<String>, ApiError> {
    let mut found = BTreeSet::new();
    for (version, kind, role) in
        [("coordination.k8s.io/v1", "Lease", LEASE_ROLE), ("v1", "ConfigMap", JOURNAL_ROLE)]
    {
        let all = list_everywhere(access, version, kind, (ROLE_LABEL, role)).await?;
        found.extend(all.iter().filter_map(|object| reference(object).namespace));
    }
    Ok(found)
}

/// Removes Leases of a kind of run that guard nothing: their drivers died before they changed anything.
/// Gives the names of the runs.
///
/// # Errors
/// [`ApiError`] when the cluster refuses.
pub async fn sweep(access: &Access, kind: Kind) -> Result<Vec<String>, ApiError> {
    let mut swept = Vec::new();
    for lease in Lease::list(access, Some(kind)).await? {
        if lease.is_leftover(access).await? {
            release(access, &lease.reference()).await?;
            swept.extend(lease.run().map(str::to_owned));
        }
    }
    Ok(swept)
}

/// How a request to abort ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AbortEnd {
    /// No run of the kind was there.
    NothingRunning,
    /// The driver went back by itself.
    ByDriver {
        /// The run.
        run: String,
        /// Seconds that it took.
        seconds: f64,
    },
    /// The driver is dead, so that the run is to be undone from here.
    DriverDead {
        /// The run.
        run: String,
    },
}

/// Asks the driver of a run, or of the only one of its kind in the client's namespace, to go back,
/// and waits until it has. `who` names the caller.
///
/// # Errors
/// [`ManageError`] when the cluster refuses, there are several, or the driver does not go back in time.
pub async fn abort(
    access: &Access,
    kind: Kind,
    run: Option<&RunId>,
    who: &str,
) -> Result<AbortEnd, ManageError> {
    let mut found = Vec::new();
    for lease in Lease::list(access, Some(kind)).await? {
        if !run.is_none_or(|run| lease.is_of(run)) {
            continue;
        }
        if lease.is_leftover(access).await? {
            release(access, &lease.reference()).await?;
        } else {
            found.push(lease);
        }
    }
    let lease = match found.as_slice() {
        [] => return Ok(AbortEnd::NothingRunning),
        [lease] => lease,
        several => {
            let runs = several.iter().filter_map(Lease::run).map(str::to_owned).collect();
            return Err(ManageError::Several { kind, runs });
        }
    };
    let (held, target) = (lease.run().unwrap_or_default().to_owned(), lease.reference());
    if lease.is_expired() {
        return Ok(AbortEnd::DriverDead { run: held });
    }
    let clock = Instant::now();
    if !ask_abort(access, &target, who).await? {
        return Ok(AbortEnd::NothingRunning);
    }
    while clock.elapsed() < ABORT {
        sleep(POLL).await;
        match Lease::read(access, &target).await? {
            Some(lease) if lease.run() == Some(held.as_str()) => {
                if lease.is_expired() {
                    // It died meanwhile, and no watchdog took over.
                    return Ok(AbortEnd::DriverDead { run: held });
                }
            }
            _ => return Ok(AbortEnd::ByDriver { run: held, seconds: clock.elapsed().as_secs_f64() }),
        }
    }
    Err(ManageError::AbortPending { kind, run: held })
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

/// A run that has a journal and no driver that could still act.
#[derive(Debug)]
pub struct Orphan {
    journal: Journal,
    since: Instant,
}

impl Orphan {
    /// Finds a run of a kind: the given one, else one left in the cluster, else the last one on record.
    /// Its Lease, if there is one, is taken over.
    ///
    /// A driver that was killed a moment ago is waited for until its Lease has expired (20 s).
    ///
    /// # Errors
    /// [`ManageError`], also when the driver of the run lives.
    pub async fn adopt(
        access: &Access,
        state: &StateDir,
        kind: Kind,
        run: Option<&RunId>,
    ) -> Result<Self, ManageError> {
        let since = Instant::now();
        let mut journal = find_journal(access, state, kind, run).await?;
        let claim = journal.claim.clone();
        if journal.server != access.facts().server && !is_in_cluster(access) {
            let (there, here) = (journal.server, access.facts().server.clone());
            return Err(ManageError::OtherCluster { run: claim.run, there, here });
        }
        // What a run was let change may be brought back, whatever became of the label.
        access.guard().allow(&claim.namespace);
        // A run that is undone leaves its subject to others.
        if journal.phase != Phase::Undone {
            let lease = wait_for_silence(access, kind, &claim.lease_ref()).await?;
            if let Some(lease) = lease.filter(|lease| lease.is_of(&claim.run)) {
                lease.take_over(access).await?;
            }
            // The driver may have written more before it died.
            match read(access, &claim.journal_ref()).await?.as_ref().and_then(Journal::from_config_map) {
                Some(newest) => journal = newest,
                None if journal.phase != Phase::Promoted => {
                    // It went when everything was undone, or never came and nothing was done.
                    close(access, &journal).await?;
                    journal.phase = Phase::Undone;
                }
                None => {}
            }
        }
        Ok(Self { journal, since })
    }

    /// The run's journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Brings back the state before the run; a promoted version is taken back too. What was made gets
    /// `drain` for requests under way. A run that is undone already is only compared: what came later
    /// belongs to somebody else.
    ///
    /// # Errors
    /// [`ManageError`] when the cluster refuses or the record cannot be written.
    pub async fn undo(
        mut self,
        access: &Access,
        state: &StateDir,
        drain: Duration,
    ) -> Result<Undone, ManageError> {
        let phase = self.journal.phase;
        let way = WayBack { access, journal: &self.journal, reach: Reach::Before, progress: &Silent };
        if phase != Phase::Undone {
            way.go(drain).await?;
        }
        let comparisons = way.compare().await?;
        if phase != Phase::Undone {
            close(access, &self.journal).await?;
            self.journal.phase = Phase::Undone;
            state.write_as_is(&self.journal.claim.run, JOURNAL_FILE, &self.journal)?;
        }
        let equal = Comparison::all_equal(&comparisons);
        let (run, seconds) = (self.journal.claim.run, self.since.elapsed().as_secs_f64());
        Ok(Undone { run, phase, comparisons, equal, seconds })
    }
}

/// Waits until the driver that holds a Lease is known to be dead, and gives the Lease; `None` when
/// there is none. A driver that renews while being watched lives.
async fn wait_for_silence(
    access: &Access,
    kind: Kind,
    target: &ObjectRef,
) -> Result<Option<Lease>, ManageError> {
    let mut first = None;
    loop {
        let Some(lease) = Lease::read(access, target).await? else { return Ok(None) };
        if lease.is_expired() {
            return Ok(Some(lease));
        }
        let renewed = lease.renewed().map(str::to_owned);
        if lease.is_restoring() {
            // The watchdog is at work: its end is waited for.
            first = None;
        } else if first.get_or_insert_with(|| renewed.clone()) != &renewed {
            let run = lease.run().unwrap_or_default().to_owned();
            let age = lease.age_seconds().unwrap_or(0.0);
            return Err(ManageError::StillRunning { kind, run, age });
        }
        sleep(POLL).await;
    }
}

/// Inside a pod the server's address differs from the one outside.
fn is_in_cluster(access: &Access) -> bool {
    access.facts().context == "in-cluster"
}

async fn find_journal(
    access: &Access,
    state: &StateDir,
    kind: Kind,
    run: Option<&RunId>,
) -> Result<Journal, ManageError> {
    let in_cluster = journals(access, kind).await?;
    let left = in_cluster.into_iter().find(|journal| run.is_none_or(|run| *run == journal.claim.run));
    if let Some(journal) = left {
        return Ok(journal);
    }
    let here = |journal: &Journal| {
        journal.server == access.facts().server && journal.claim.namespace == access.namespace()
    };
    for id in run.map_or_else(|| state.runs(), |run| vec![run.clone()]) {
        let Some(journal) = state.read::<Journal>(&id, JOURNAL_FILE)? else { continue };
        if journal.claim.kind == kind && (run.is_some() || here(&journal)) {
            return Ok(journal);
        }
    }
    Err(ManageError::NoRun { kind, run: run.cloned() })
}

#[cfg(test)]
mod tests;
