//! What runs in the cluster beside a run: when the driver dies, it brings back what was before.

mod objects;

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ObjectRef};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::claim::{Kind, journal_ref};
use crate::comparison::Comparison;
use crate::journal::Journal;
use crate::lease::{Lease, mark_armed};
use crate::object::{create, read};
use crate::progress::Silent;
use crate::pulse::Pulse;
use crate::run_id::RunId;
use crate::way_back::{Reach, WayBack, close};

pub use objects::WATCHDOG_IMAGE;
pub(crate) use objects::watchdog_objects;

/// How often the Lease is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Time for requests under way before what was made is removed.
const DRAIN: Duration = Duration::from_secs(5);

/// How a watch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchdogEnd {
    /// The run ended by itself; nothing was to be done.
    RunEnded,
    /// The watch was told to stop.
    Stopped,
    /// The driver had died; everything was brought back.
    Restored(Vec<Comparison>),
}

/// Watches the Lease of a run in the client's namespace until the run ends or its driver dies; then
/// restores from the journal.
///
/// # Errors
/// [`ApiError`] when the cluster refuses; passing failures are borne.
pub async fn watchdog(
    access: &Access,
    run: &RunId,
    cancel: &CancellationToken,
) -> Result<WatchdogEnd, ApiError> {
    let config_map = journal_ref(access.namespace(), run);
    let Some(journal) = read_journal(access, &config_map).await? else {
        return Ok(WatchdogEnd::RunEnded);
    };
    let lease = journal.claim.lease_ref();
    // Without a Lease an earlier watchdog has died at its very end: this one finishes its work.
    if mark_armed(access, &lease).await? {
        info!(%run, subject = journal.claim.subject, "watching");
    }
    let mut pulse = Pulse::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(WatchdogEnd::Stopped),
            () = sleep(LOOK) => {}
        }
        let dead = match Lease::read(access, &lease).await {
            Ok(Some(found)) if found.is_of(run) => {
                let dead = pulse.is_dead(&found);
                if dead && let Err(error) = found.take_over(access).await {
                    // The driver renewed at the last moment, or the server is busy: look again.
                    warn!(%error, "the lease could not be taken");
                    continue;
                }
                dead
            }
            // The Lease goes before the journal when a run ends.
            Ok(_) => true,
            Err(error) => {
                warn!(%error, "the lease could not be read");
                pulse.interrupted();
                continue;
            }
        };
        if dead {
            return restore(access, &config_map, DRAIN).await;
        }
    }
}

async fn read_journal(access: &Access, config_map: &ObjectRef) -> Result<Option<Journal>, ApiError> {
    Ok(read(access, config_map).await?.as_ref().and_then(Journal::from_config_map))
}

/// Brings everything back from the newest journal.
async fn restore(access: &Access, config_map: &ObjectRef, drain: Duration) -> Result<WatchdogEnd, ApiError> {
    // A run that is just ending removes its journal in this moment: nothing is to be done then.
    sleep(Duration::from_millis(500)).await;
    let Some(journal) = read_journal(access, config_map).await? else {
        return Ok(WatchdogEnd::RunEnded);
    };
    let (run, reach) = (&journal.claim.run, Reach::of(journal.phase));
    warn!(%run, phase = ?journal.phase, "the driver is gone: restoring");
    let way = WayBack { access, journal: &journal, reach, progress: &Silent };
    way.go(drain).await?;
    let comparisons = way.compare().await?;
    let equal = Comparison::all_equal(&comparisons);
    info!(%run, equal, "restored");
    announce(access, &journal, reach).await;
    close(access, &journal).await?;
    Ok(WatchdogEnd::Restored(comparisons))
}

/// Leaves an event on what the run was about; without the right to do so it stays silent.
async fn announce(access: &Access, journal: &Journal, reach: Reach) {
    let claim = &journal.claim;
    let (involved, reason, done) = match (claim.kind, reach) {
        (Kind::Canary, Reach::Before) => {
            (deployment(journal), "CanaryRestored", "the stable version was restored")
        }
        (Kind::Canary, Reach::Promoted) => {
            (deployment(journal), "CanaryRestored", "the promotion was finished")
        }
        (Kind::Lab, _) => (claim.journal_ref(), "LabRestored", "everything was brought back"),
    };
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{}-{}", involved.name, claim.kind, claim.run),
            "namespace": claim.namespace,
        },
        "involvedObject": involved,
        "reason": reason,
        "message": format!("the driver of {} {} was gone: {done}", claim.kind, claim.run),
        "type": "Warning",
        "source": {"component": "kubsets-watchdog"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    if let Err(error) = create(access, &event).await {
        warn!(%error, "no event was left");
    }
}

fn deployment(journal: &Journal) -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", &journal.claim.namespace, &journal.claim.subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Claim;
    use crate::entry::Entry;
    use crate::fake_api::FakeApi;

    /// A lab whose driver died long ago, after it had made one config map and deleted a Service.
    fn seed(api: &FakeApi) -> Journal {
        let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [80]},
                             "metadata": {"name": "web", "namespace": "shop"}});
        let mut journal =
            Journal::new(Claim::lab(RunId::generate(), "storage/backup", "shop"), "https://fake");
        journal.add(Entry::recreate(&service));
        journal.add(Entry::delete(ObjectRef::namespaced("v1", "ConfigMap", "shop", "dump")));
        api.put("configmaps", json!({"metadata": {"name": "dump"}}));
        api.put("configmaps", journal.to_config_map());
        api.put_lease(&journal.claim, "2020-01-01T00:00:00.000000Z");
        journal
    }

    #[tokio::test]
    async fn a_dead_drivers_lab_is_undone_from_the_journal() {
        let api = FakeApi::default();
        let journal = seed(&api);
        let end = restore(&api.access(), &journal.claim.journal_ref(), Duration::ZERO).await.unwrap();
        let WatchdogEnd::Restored(comparisons) = end else { panic!("{end:?}") };
        assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
        assert_eq!(api.names(), ["events/kubsets-run-ID", "services/web"]);
        // The journal, which owns the watchdog, goes last.
        assert_eq!(api.requests_after("DELETE leases/kubsets-lab-storage.backup", "DELETE"), 2);
    }

    #[tokio::test]
    async fn a_restored_run_whose_journal_is_left_is_finished() {
        let api = FakeApi::default();
        let journal = seed(&api);
        api.remove("leases/kubsets-lab-storage.backup");
        let run = &journal.claim.run;
        let end = watchdog(&api.access(), run, &CancellationToken::new()).await.unwrap();
        assert!(matches!(end, WatchdogEnd::Restored(_)), "{end:?}");
        assert!(!api.names().contains(&"configmaps/kubsets-run-ID".to_owned()));
    }

    #[tokio::test]
    async fn a_run_that_ended_leaves_nothing_to_do() {
        let api = FakeApi::default();
        let end = watchdog(&api.access(), &RunId::generate(), &CancellationToken::new()).await.unwrap();
        assert_eq!(end, WatchdogEnd::RunEnded);
    }
}
