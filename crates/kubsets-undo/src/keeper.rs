//! The keeper of a run: its Lease, its journal on disk and in the cluster, and its watchdog.
//!
//! Whoever changes a cluster asks the keeper first. When [`Keeper::record`] has returned, the undo of
//! the action is where the watchdog and other terminals find it, and only then may the action begin.

mod error;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kubsets_kube::{
    Access, ApiError, ApiErrorKind, ObjectRef, diagnose, pods_of, recorded_registry, take_from,
};
use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};

use crate::claim::Claim;
use crate::comparison::Comparison;
use crate::entry::{Entry, Remedy, Target};
use crate::journal::{JOURNAL_FILE, Journal, Phase};
use crate::lease::Lease;
use crate::lock::{Lock, LockState};
use crate::manage::journals;
use crate::object::{apply, create, patch, reference};
use crate::progress::{Change, Progress};
use crate::state_dir::StateDir;
use crate::watchdog::watchdog_objects;
use crate::way_back::{Reach, WayBack, close};

pub use error::KeeperError;

/// Time for the watchdog to say that it is there.
const ARMED: Duration = Duration::from_mins(1);
/// Bytes of a journal in the cluster: a `ConfigMap` holds 1 MiB, its labels and other metadata included.
const LARGEST: usize = 1_000_000;

/// Keeps what a run needs to be undone.
pub struct Keeper {
    access: Access,
    state: StateDir,
    claim: Claim,
    lock: Lock,
    progress: Arc<dyn Progress>,
    book: Mutex<Book>,
}

/// The journal and where it stands in the cluster.
#[derive(Debug)]
struct Book {
    journal: Journal,
    /// Identity of the `ConfigMap`, once it is made.
    uid: Option<String>,
    /// What the watchdog may undo, once it is started.
    covered: Option<BTreeSet<Target>>,
}

impl Keeper {
    /// Takes the Lease of a claim. Nothing else is written until the first entry.
    ///
    /// # Errors
    /// [`KeeperError::Busy`] when another run has it, or [`KeeperError::Api`].
    pub async fn begin(
        access: &Access,
        state: &StateDir,
        claim: Claim,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, KeeperError> {
        let lock = match Lock::acquire(access, &claim).await {
            Err(error) if error.kind == ApiErrorKind::AlreadyExists => {
                return Err(KeeperError::Busy(claim.kind, claim.subject));
            }
            result => result?,
        };
        let journal = Journal::new(claim.clone(), &access.facts().server);
        let book = Mutex::new(Book { journal, uid: None, covered: None });
        Ok(Self { access: access.clone(), state: state.clone(), claim, lock, progress, book })
    }

    /// What the Lease tells: whether it is held, and whether somebody wants the run to end.
    pub fn lock_state(&self) -> watch::Receiver<LockState> {
        self.lock.state()
    }

    /// Who wants the run to end, by the Lease as it is at this moment: what came since it was last renewed counts.
    ///
    /// # Errors
    /// [`ApiError`] when it cannot be read.
    pub async fn abort_wish(&self) -> Result<Option<String>, ApiError> {
        let lease = Lease::read(&self.access, &self.claim.lease_ref()).await?;
        Ok(lease.and_then(|lease| lease.abort_wish().map(str::to_owned)))
    }

    /// The journal as it is now.
    pub async fn journal(&self) -> Journal {
        self.book.lock().await.journal.clone()
    }

    /// Whether the run has made this object, by the journal: labels can be copied or be set by an apply.
    pub async fn has_made(&self, object: &ObjectRef) -> bool {
        self.book.lock().await.journal.makes(object)
    }

    /// Writes how to undo what the caller is going to do, to disk and then to the cluster.
    /// The caller acts after this has returned, not before.
    ///
    /// # Errors
    /// [`KeeperError`] when the undo is not on record, so that the caller must not act.
    pub async fn record(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), KeeperError> {
        let mut book = self.book.lock().await;
        let phase = book.journal.phase;
        self.write(&mut book, phase, entries).await
    }

    /// Writes how far the run has come, with the undo of what comes next.
    ///
    /// # Errors
    /// [`KeeperError`] when this is not on record, so that the caller must not act.
    pub async fn enter(
        &self,
        phase: Phase,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), KeeperError> {
        self.write(&mut *self.book.lock().await, phase, entries).await
    }

    /// Starts the watchdog in the cluster, for `lifetime_seconds` at most. It may undo what is in the
    /// journal and what is `planned`; entries for other objects are refused from now on.
    ///
    /// # Errors
    /// [`KeeperError`] when its objects cannot be made.
    pub async fn start_watchdog(
        &self,
        planned: impl IntoIterator<Item = Target>,
        lifetime_seconds: u64,
    ) -> Result<(), KeeperError> {
        let mut book = self.book.lock().await;
        let phase = book.journal.phase;
        self.write(&mut book, phase, []).await?;
        let planned: Vec<Target> = planned.into_iter().collect();
        let changed = planned.iter().filter(|target| target.remedy != Remedy::Delete);
        self.free(changed.map(|target| &target.object)).await?;
        let covered: BTreeSet<Target> =
            book.journal.entries().iter().map(Entry::target).chain(planned).collect();
        let uid = book.uid.clone().unwrap_or_default();
        let registry = recorded_registry(&self.access).await?;
        for mut object in watchdog_objects(&self.claim, &covered, &uid, lifetime_seconds) {
            if let Some(prefix) = &registry {
                take_from(&mut object, prefix);
            }
            apply(&self.access, &object).await?;
            self.progress.object(Change::Created, &reference(&object));
        }
        book.covered = Some(covered);
        Ok(())
    }

    /// Waits until the watchdog has marked the Lease.
    ///
    /// # Errors
    /// [`KeeperError::Watchdog`] with what is wrong with its pod when it does not come up in a minute.
    pub async fn wait_armed(&self) -> Result<(), KeeperError> {
        let lease = self.claim.lease_ref();
        let deadline = Instant::now() + ARMED;
        while !Lease::read(&self.access, &lease).await?.as_ref().is_some_and(Lease::is_armed) {
            if Instant::now() >= deadline {
                let name = self.claim.watchdog_name();
                let job = ObjectRef::namespaced("batch/v1", "Job", &self.claim.namespace, &name);
                let pods = pods_of(&self.access, &job).await.unwrap_or_default();
                let problem = pods.iter().find_map(diagnose).map(|problem| problem.to_string());
                return Err(KeeperError::Watchdog(
                    problem.unwrap_or_else(|| format!("not within {ARMED:?}")),
                ));
            }
            sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Brings back what was changed or deleted; what was made stays for now.
    ///
    /// # Errors
    /// [`KeeperError`] when somebody else restores or the cluster refuses.
    pub async fn restore(&self, reach: Reach) -> Result<(), KeeperError> {
        self.still_held()?;
        Ok(self.way_back(&self.journal().await, reach).restore().await?)
    }

    /// Undoes everything within reach, gives what was made `drain` for requests under way, and compares
    /// every object with its state before.
    ///
    /// # Errors
    /// [`KeeperError`] when somebody else restores or the cluster refuses.
    pub async fn undo(&self, reach: Reach, drain: Duration) -> Result<Vec<Comparison>, KeeperError> {
        self.still_held()?;
        let mut book = self.book.lock().await;
        let way = self.way_back(&book.journal, reach);
        way.go(drain).await?;
        let comparisons = way.compare().await?;
        if Comparison::all_equal(&comparisons) {
            book.journal.phase = if reach == Reach::Promoted { Phase::Promoted } else { Phase::Undone };
            self.state.write_as_is(&self.claim.run, JOURNAL_FILE, &book.journal)?;
        }
        Ok(comparisons)
    }

    /// Gives the Lease back and removes the journal and the watchdog from the cluster.
    ///
    /// # Errors
    /// [`KeeperError::Api`] when the cluster refuses.
    pub async fn close(&self) -> Result<(), KeeperError> {
        Ok(close(&self.access, &self.journal().await).await?)
    }

    /// The end of a run that leaves nothing: undoes everything, compares, and closes. Where something is not as before
    /// it closes nothing, so that the watchdog and the command that the outcome names can try again.
    ///
    /// # Errors
    /// [`KeeperError`]; the journal then stays in the cluster, and the watchdog does the rest.
    pub async fn finish(&self, drain: Duration) -> Result<Vec<Comparison>, KeeperError> {
        let comparisons = self.undo(Reach::Before, drain).await?;
        if Comparison::all_equal(&comparisons) {
            self.close().await?;
        }
        Ok(comparisons)
    }

    fn way_back<'a>(&'a self, journal: &'a Journal, reach: Reach) -> WayBack<'a> {
        WayBack { access: &self.access, journal, reach, progress: &*self.progress }
    }

    fn still_held(&self) -> Result<(), KeeperError> {
        match &*self.lock.state().borrow() {
            LockState::Lost(why) => Err(KeeperError::Lost(why.clone())),
            LockState::Held | LockState::AbortWanted(_) => Ok(()),
        }
    }

    async fn write(
        &self,
        book: &mut Book,
        phase: Phase,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), KeeperError> {
        self.still_held()?;
        let entries: Vec<Entry> = entries.into_iter().collect();
        let known: BTreeSet<&ObjectRef> = book.journal.entries().iter().map(Entry::object).collect();
        let changed = entries.iter().filter(|entry| entry.holds_values()).map(Entry::object);
        self.free(changed.filter(|object| !known.contains(object))).await?;
        let mut journal = book.journal.clone();
        for entry in entries {
            self.check(book, &entry)?;
            journal.add(entry);
        }
        journal.phase = phase;
        let bytes = journal.size();
        if bytes > LARGEST {
            return Err(KeeperError::TooLarge { bytes, limit: LARGEST });
        }
        book.journal = journal;
        // From here on the undo of something that may not happen is on record, which does no harm.
        self.state.write_as_is(&self.claim.run, JOURNAL_FILE, &book.journal)?;
        if book.uid.is_some() {
            // Not an apply: a journal that somebody else has finished and removed must not come back.
            return match patch(&self.access, &self.claim.journal_ref(), &json!({"data": book.journal.data()}))
                .await
            {
                Err(error) if error.kind == ApiErrorKind::NotFound => {
                    Err(KeeperError::Lost("the journal was removed".into()))
                }
                result => Ok(result.map(|_| ())?),
            };
        }
        let made = create(&self.access, &book.journal.to_config_map()).await?;
        self.progress.object(Change::Created, &reference(&made));
        book.uid = Some(made["metadata"]["uid"].as_str().unwrap_or_default().to_owned());
        Ok(())
    }

    /// Whether no other run of the kind has objects in its journal that this one is going to change. A lab and the
    /// canary in it share some.
    async fn free(&self, objects: impl Iterator<Item = &ObjectRef>) -> Result<(), KeeperError> {
        let objects: Vec<&ObjectRef> = objects.collect();
        if objects.is_empty() {
            return Ok(());
        }
        let here = self.access.clone().with_namespace(&self.claim.namespace);
        for other in journals(&here, self.claim.kind).await? {
            if other.claim.run == self.claim.run || other.phase == Phase::Undone {
                continue;
            }
            let theirs: BTreeSet<&ObjectRef> = other.entries().iter().map(Entry::object).collect();
            if let Some(object) = objects.iter().find(|object| theirs.contains(*object)) {
                let (object, kind) = ((*object).clone(), self.claim.kind);
                return Err(KeeperError::InUse { object, kind, run: other.claim.run });
            }
        }
        Ok(())
    }

    /// Whether an entry can be undone by the watchdog too, and may be written down.
    fn check(&self, book: &Book, entry: &Entry) -> Result<(), KeeperError> {
        let object = entry.object();
        if object.namespace.as_deref() != Some(self.claim.namespace.as_str()) {
            return Err(KeeperError::Outside(object.clone()));
        }
        let of_kind = object.kind == "Secret" && entry.holds_values();
        if of_kind || self.holds_secret(entry) {
            return Err(KeeperError::Secret(object.clone()));
        }
        if book.covered.as_ref().is_some_and(|covered| !covered.contains(&entry.target())) {
            return Err(KeeperError::Unplanned(object.clone()));
        }
        Ok(())
    }

    /// Whether an entry holds a value that the record may not have.
    fn holds_secret(&self, entry: &Entry) -> bool {
        let secrets = self.state.secrets();
        !secrets.is_empty() && serde_json::to_string(entry).is_ok_and(|text| secrets.are_in(&text))
    }
}

#[cfg(test)]
mod tests;
