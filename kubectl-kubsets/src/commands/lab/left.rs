//! Runs that left something: changes in the cluster, or a promotion that a killed lab did not take back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kubsets_delivery::{ManageError, RunEvent};
use kubsets_engine::{EVENTS_FILE, LabEvent, LabRecord, OUTCOME_FILE, Outcome};
use kubsets_kube::Access;
use kubsets_undo::manage::journals;
use kubsets_undo::{
    JOURNAL_FILE, Journal, Kind, LEASE_SECONDS, Lease, Orphan, Phase, RunId, StateDir, Undone,
};
use serde::Serialize;

use crate::commands::canary::catalog::FAMILY as CANARY;

/// Time for requests under way before a workload that a run made is removed.
const DRAIN: Duration = Duration::from_secs(2);
/// Silence after which the driver of a run is dead: its Lease has expired, with room for the error of clocks.
const SILENCE: Duration = Duration::from_secs(LEASE_SECONDS + 6);

/// A run with something to undo.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Left {
    pub(super) run: RunId,
    pub(super) kind: Kind,
    pub(super) namespace: String,
    /// Run of the lab that this canary is a step of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) within: Option<RunId>,
    /// The lab; the Deployment of a canary without one.
    pub(super) lab: String,
    pub(super) started_at: String,
    /// Whether its driver gives signs of life.
    pub(super) alive: bool,
    /// Whether it is a promotion that a lab did not come to take back.
    pub(super) promoted: bool,
    /// Objects that its undo touches.
    pub(super) changes: usize,
}

impl Left {
    fn new(journal: &Journal, leases: &[Lease], outer: &BTreeMap<RunId, RunId>) -> Self {
        let claim = &journal.claim;
        Self {
            kind: claim.kind,
            namespace: claim.namespace.clone(),
            within: outer.get(&claim.run).cloned(),
            lab: claim.lab.as_deref().map_or_else(|| claim.subject.clone(), slashed),
            started_at: journal.started_at.clone(),
            alive: leases.iter().any(|lease| lease.is_of(&claim.run) && !lease.is_expired()),
            promoted: journal.phase == Phase::Promoted,
            changes: journal.entries().len(),
            run: claim.run.clone(),
        }
    }

    /// A run that has changed nothing yet, by its Lease; `None` where its driver is dead.
    fn of_lease(lease: &Lease, outer: &BTreeMap<RunId, RunId>) -> Option<Self> {
        let run: RunId = lease.run().filter(|_| !lease.is_expired())?.parse().ok()?;
        let began = lease.object().pointer("/spec/acquireTime").and_then(|time| time.as_str());
        Some(Self {
            kind: lease.kind()?,
            namespace: lease.reference().namespace.unwrap_or_default(),
            within: outer.get(&run).cloned(),
            lab: lease.lab().map_or_else(|| lease.subject().unwrap_or_default().to_owned(), slashed),
            started_at: began.unwrap_or_default().to_owned(),
            alive: true,
            promoted: false,
            changes: 0,
            run,
        })
    }

    /// Whether a name on the command line means this run: its own, or that of the lab around it.
    pub(super) fn is_of(&self, run: &RunId) -> bool {
        self.run == *run || self.within.as_ref() == Some(run)
    }

    /// Brings back what was there before the run.
    ///
    /// A driver that was killed a moment ago is waited for until that is sure (20 s).
    ///
    /// # Errors
    /// When its driver lives, or the cluster refuses.
    pub(super) async fn undo(&self, access: &Access, state: &StateDir) -> Result<Undone, ManageError> {
        let access = &access.clone().with_namespace(&self.namespace);
        if self.promoted
            && let Some(lab) = &self.within
        {
            silent(access, state, lab).await?;
        }
        if self.kind == Kind::Canary {
            return kubsets_delivery::undo(access, state, Some(&self.run)).await;
        }
        let orphan = Orphan::adopt(access, state, Kind::Lab, Some(&self.run)).await?;
        Ok(orphan.undo(access, state, DRAIN).await?)
    }
}

/// Looks again at a lab that has nothing in the cluster any more, where its undo was not complete.
///
/// # Errors
/// When the cluster or the record cannot be read.
pub(super) async fn incomplete(
    access: &Access,
    state: &StateDir,
    run: &RunId,
) -> Result<Option<Undone>, ManageError> {
    let outcome = state.read::<Outcome>(run, OUTCOME_FILE).ok().flatten();
    if outcome.is_none_or(|outcome| outcome.cleanup_command.is_none()) {
        return Ok(None);
    }
    let orphan = Orphan::adopt(access, state, Kind::Lab, Some(run)).await?;
    Ok(Some(orphan.undo(access, state, DRAIN).await?))
}

/// Where to look for runs: in the client's namespace, or in every one that has a trace of a run, be it on record only.
///
/// # Errors
/// When the cluster or the record cannot be read.
pub(super) async fn places(
    everywhere: bool,
    access: &Access,
    state: &StateDir,
) -> Result<Vec<Access>, ManageError> {
    if !everywhere {
        return Ok(vec![access.clone()]);
    }
    let mut namespaces = kubsets_undo::manage::namespaces(access).await?;
    let promoted = promoted(state, &canaries_on_record(state))?;
    let here = promoted.into_iter().filter(|journal| journal.server == access.facts().server);
    namespaces.extend(here.map(|journal| journal.claim.namespace));
    Ok(namespaces.iter().map(|namespace| access.clone().with_namespace(namespace)).collect())
}

/// Everything that runs of a family, or of all, left in the client's namespace, in the order of the undo: canaries
/// before the labs around them, the newest first.
///
/// # Errors
/// When the cluster or the record cannot be read.
pub(super) async fn left(
    access: &Access,
    state: &StateDir,
    family: Option<&str>,
) -> Result<Vec<Left>, ManageError> {
    let outer = canaries_on_record(state);
    let leases = Lease::list(access, None).await?;
    let mut found: Vec<Journal> = Vec::new();
    for kind in [Kind::Canary, Kind::Lab] {
        found.extend(
            journals(access, kind).await?.into_iter().filter(|one| belongs(one.claim.lab.as_deref(), family)),
        );
    }
    // A release of its own keeps its promotion: the watchdog finishes it.
    found.retain(|one| one.phase != Phase::Promoted || outer.contains_key(&one.claim.run));
    let promoted = promoted(state, &outer)?.into_iter().filter(|journal| {
        let claim = &journal.claim;
        belongs(claim.lab.as_deref(), family)
            && journal.server == access.facts().server
            && claim.namespace == access.namespace()
            && found.iter().all(|one| one.claim.run != claim.run)
    });
    let promoted: Vec<Left> = promoted
        .map(|journal| Left::new(&journal, &leases, &outer))
        .map(|left| Left {
            alive: left.within.as_ref().is_some_and(|lab| lives(state, &leases, lab)),
            ..left
        })
        .collect();
    let in_cluster = found.iter().map(|journal| Left::new(journal, &leases, &outer));
    let young = leases.iter().filter(|lease| {
        belongs(lease.lab(), family) && found.iter().all(|journal| !lease.is_of(&journal.claim.run))
    });
    let young = young.filter_map(|lease| Left::of_lease(lease, &outer));
    Ok(promoted.into_iter().chain(in_cluster).chain(young).collect())
}

/// The name of a lab, whose label has a dot in the place of the slash.
fn slashed(lab: &str) -> String {
    lab.replacen('.', "/", 1)
}

/// Whether a run is of a family's lab. Canaries of no lab are those of their own family.
fn belongs(lab: Option<&str>, family: Option<&str>) -> bool {
    let Some(lab) = lab else { return family == Some(CANARY) };
    family.is_none_or(|family| lab.split(['/', '.']).next() == Some(family))
}

/// Waits until a lab's driver is known to be dead: a promoted canary has no Lease that would tell.
async fn silent(access: &Access, state: &StateDir, lab: &RunId) -> Result<(), ManageError> {
    let began = Instant::now();
    while lives(state, &Lease::list(access, Some(Kind::Lab)).await?, lab) {
        if began.elapsed() > SILENCE {
            let (kind, run, age) = (Kind::Lab, lab.to_string(), 0.0);
            return Err(kubsets_undo::ManageError::StillRunning { kind, run, age }.into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Whether a lab's driver gives signs of life: by its Lease, or by its record, which one of canaries alone has.
fn lives(state: &StateDir, leases: &[Lease], lab: &RunId) -> bool {
    let age = std::fs::metadata(state.run(lab).join(EVENTS_FILE))
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|written| written.elapsed().ok());
    leases.iter().any(|lease| lease.is_of(lab) && !lease.is_expired())
        || age.is_some_and(|age| age < Duration::from_secs(LEASE_SECONDS))
}

/// Canaries that were promoted in a lab which then did not come to its end; the newest first.
fn promoted(state: &StateDir, outer: &BTreeMap<RunId, RunId>) -> Result<Vec<Journal>, ManageError> {
    let mut promoted = Vec::new();
    for run in outer.keys().rev() {
        let journal = state.read::<Journal>(run, JOURNAL_FILE)?;
        promoted.extend(journal.filter(|journal| journal.phase == Phase::Promoted));
    }
    Ok(promoted)
}

/// Canaries that are steps of labs whose record has no end, or an incomplete undo, by their runs: the lab's run.
pub(super) fn canaries_on_record(state: &StateDir) -> BTreeMap<RunId, RunId> {
    let unfinished = |run: &RunId| match state.read::<Outcome>(run, OUTCOME_FILE) {
        Ok(Some(outcome)) => outcome.cleanup_command.is_some(),
        Ok(None) | Err(_) => true,
    };
    let mut outer = BTreeMap::new();
    for lab in state.runs().into_iter().filter(unfinished) {
        let text = std::fs::read_to_string(state.run(&lab).join(EVENTS_FILE)).unwrap_or_default();
        // A canary that is the whole run goes by the run's own name.
        let inner = text.lines().filter_map(started).filter(|run| *run != lab);
        outer.extend(inner.map(|run| (run, lab.clone())));
    }
    outer
}

/// The canary that begins with a line of a record.
fn started(line: &str) -> Option<RunId> {
    if !line.contains(r#""started""#) {
        return None;
    }
    match serde_json::from_str::<LabRecord>(line).ok()?.event {
        LabEvent::Canary(inner) => match inner.event {
            RunEvent::Started { run, .. } => run.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kubsets_undo::Claim;

    use super::*;

    const LAB: &str = "261120-120000-aaaa";
    const INNER: &str = "261120-120007-bbbb";

    fn id(text: &str) -> RunId {
        text.parse().expect("is one")
    }

    /// A lab that was killed after its canary had been promoted.
    fn killed(state: &StateDir) -> Journal {
        let event = RunEvent::Started {
            run: INNER.into(),
            lab: Some("canary.good-release".into()),
            deployment: "demo-app".into(),
            namespace: "shop".into(),
            plan_hash: String::new(),
            url: String::new(),
            rate: 1.0,
            steps: vec![100.0],
        };
        let inner = kubsets_delivery::Record { at: "x".into(), seconds: 0.0, event };
        let record = LabRecord { at: "x".into(), seconds: 1.0, event: LabEvent::Canary(Box::new(inner)) };
        let line = serde_json::to_string(&record).expect("is JSON");
        let folder = state.run(&id(LAB));
        std::fs::create_dir_all(&folder).expect("is made");
        std::fs::write(folder.join(EVENTS_FILE), format!("{line}\n{{\"at\":")).expect("is written");
        let claim = Claim::canary(id(INNER), Some("canary.good-release".into()), "shop", "demo-app");
        let mut journal = Journal::new(claim, "https://fake");
        journal.phase = Phase::Promoted;
        state.write(&id(INNER), JOURNAL_FILE, &journal).expect("is written");
        journal
    }

    #[test]
    fn a_promotion_of_a_killed_lab_is_found_by_the_labs_run() {
        let folder = tempfile::tempdir().expect("is made");
        let state = StateDir::at(folder.path());
        let journal = killed(&state);
        let outer = canaries_on_record(&state);
        assert_eq!(outer, BTreeMap::from([(id(INNER), id(LAB))]));
        assert_eq!(promoted(&state, &outer).expect("is read"), std::slice::from_ref(&journal));
        let left = Left::new(&journal, &[], &outer);
        assert!(left.is_of(&id(LAB)) && left.is_of(&id(INNER)) && !left.is_of(&id("261120-120000-cccc")));
        assert_eq!((left.lab.as_str(), left.alive), ("canary/good-release", false));
        // A record that is still being written is that of a living lab.
        assert!(lives(&state, &[], &id(LAB)));
        let mut undone = journal;
        undone.phase = Phase::Undone;
        state.write(&id(INNER), JOURNAL_FILE, &undone).expect("is written");
        assert_eq!(promoted(&state, &outer).expect("is read"), []);
    }

    #[tokio::test]
    async fn every_namespace_with_a_trace_of_a_run_is_a_place() {
        let folder = tempfile::tempdir().expect("is made");
        let state = StateDir::at(folder.path());
        let api = kubsets_undo::FakeApi::default();
        let access = api.access().with_namespace("elsewhere");
        let names = async |everywhere| -> Vec<String> {
            let places = places(everywhere, &access, &state).await.expect("is read");
            places.iter().map(|place| place.namespace().to_owned()).collect()
        };
        assert_eq!(names(true).await, Vec::<String>::new());
        let journal = killed(&state);
        assert_eq!((names(true).await, names(false).await), (vec!["shop".into()], vec!["elsewhere".into()]));
        std::fs::remove_dir_all(folder.path()).expect("is removed");
        assert_eq!(names(true).await, Vec::<String>::new());
        api.put("configmaps", serde_json::json!({"metadata": {"name": "of-somebody"}}));
        assert_eq!(names(true).await, Vec::<String>::new());
        api.put("configmaps", journal.to_config_map());
        assert_eq!(names(true).await, ["shop"]);
    }

    #[test]
    fn a_run_that_changed_nothing_yet_is_known_by_its_lease() {
        let lease = |renewed: &str| {
            let labels = serde_json::json!({"kubsets.dev/run": LAB, "kubsets.dev/lab": "chaos.pod-kill"});
            Lease::from(serde_json::json!({
                "metadata": {"name": "kubsets-lab-chaos.pod-kill", "labels": labels},
                "spec": {"acquireTime": "2026-01-01T00:00:00Z", "renewTime": renewed},
            }))
        };
        let now = jiff::Timestamp::now().to_string();
        let left = Left::of_lease(&lease(&now), &BTreeMap::new()).expect("lives");
        assert_eq!((left.lab.as_str(), left.kind, left.alive), ("chaos/pod-kill", Kind::Lab, true));
        assert_eq!(Left::of_lease(&lease("2026-01-01T00:00:00Z"), &BTreeMap::new()), None);
    }

    #[test]
    fn a_family_has_its_own_runs_and_lab_has_all_of_labs() {
        let seen = |family| {
            [Some("chaos/pod-kill"), Some("canary.bad-errors"), None].map(|lab| belongs(lab, family))
        };
        assert_eq!(seen(None), [true, true, false]);
        assert_eq!(seen(Some("chaos")), [true, false, false]);
        assert_eq!(seen(Some("canary")), [false, true, true]);
    }
}
