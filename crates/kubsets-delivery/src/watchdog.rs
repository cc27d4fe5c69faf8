//! What runs in the cluster beside a canary: when the driver dies, it brings the stable version back.

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ObjectRef};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::create;
use crate::event::Events;
use crate::facts::read;
use crate::journal::Journal;
use crate::lock::{Pulse, lease_ref, mark_armed, take_over};
use crate::objects::journal_name;
use crate::outcome::Comparison;
use crate::run_id::RunId;
use crate::undo::{self, Reach};

/// How often the Lease is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Time for requests under way before the canary is removed.
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

/// Watches the Lease of a run until the run ends or its driver dies; then restores from the journal.
///
/// # Errors
/// [`ApiError`] when the cluster refuses; passing failures are borne.
pub async fn watchdog(
    access: &Access,
    run: &RunId,
    cancel: &CancellationToken,
) -> Result<WatchdogEnd, ApiError> {
    let config_map = ObjectRef::namespaced("v1", "ConfigMap", access.namespace(), &journal_name(run));
    let Some(journal) = read_journal(access, &config_map).await? else {
        return Ok(WatchdogEnd::RunEnded);
    };
    let lease = lease_ref(&journal.namespace, &journal.deployment);
    mark_armed(access, &lease).await?;
    info!(%run, deployment = journal.deployment, "watching");
    let mut pulse = Pulse::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(WatchdogEnd::Stopped),
            () = sleep(LOOK) => {}
        }
        let dead = match read(access, &lease).await {
            Ok(Some(found)) if of_run(&found, run) => {
                let dead = pulse.is_dead(&found);
                if dead && let Err(error) = take_over(access, &lease, &found).await {
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

fn of_run(lease: &Value, run: &RunId) -> bool {
    lease.pointer("/metadata/labels/kubsets.dev~1run").and_then(Value::as_str) == Some(run.as_str())
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
    let reach = Reach::of(journal.phase);
    warn!(run = %journal.run, phase = ?journal.phase, "the driver is gone: restoring");
    let events = Events::silent();
    undo::restore(access, &journal, reach, &events).await?;
    undo::remove_made(access, &journal, drain, &events).await?;
    let comparisons = undo::compare(access, &journal, reach).await?;
    let equal = comparisons.iter().all(|one| one.equal);
    info!(run = %journal.run, equal, "restored");
    announce(access, &journal, reach).await;
    undo::close(access, &journal).await?;
    Ok(WatchdogEnd::Restored(comparisons))
}

/// Leaves an event on the Deployment; without the right to do so it stays silent.
async fn announce(access: &Access, journal: &Journal, reach: Reach) {
    let now = jiff::Timestamp::now();
    let done =
        if reach == Reach::Before { "the stable version was restored" } else { "the promotion was finished" };
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.canary-{}", journal.deployment, journal.run),
            "namespace": journal.namespace,
        },
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": journal.deployment,
                           "namespace": journal.namespace},
        "reason": "CanaryRestored",
        "message": format!("the driver of canary {} was gone: {done}", journal.run),
        "type": "Warning",
        "source": {"component": "kubsets-watchdog"},
        "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "count": 1,
    });
    if let Err(error) = create(access, &event).await {
        warn!(%error, "no event was left");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_api::{FakeApi, seed_canary};
    use crate::journal::Phase;

    #[tokio::test]
    async fn a_dead_drivers_canary_is_undone_from_the_journal() {
        let api = FakeApi::default();
        let journal = seed_canary(&api, Phase::Running);
        let access = api.access();
        let config_map = ObjectRef::namespaced("v1", "ConfigMap", "shop", &journal_name(&journal.run));
        let end = restore(&access, &config_map, Duration::ZERO).await.unwrap();
        let WatchdogEnd::Restored(comparisons) = end else { panic!("{end:?}") };
        assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
        let left =
            ["deployments/demo-app", "events/demo-app.canary-ID", "httproutes/demo-app", "services/demo-app"];
        assert_eq!(api.names(), left);
        // Traffic goes back before anything is removed, and the journal, which owns the watchdog, goes last.
        assert_eq!(api.requests_after("PATCH httproutes/demo-app", "DELETE"), 5);
        assert_eq!(api.requests_after("DELETE leases/kubsets-canary-demo-app", "DELETE"), 2);
    }

    #[tokio::test]
    async fn a_finished_promotion_keeps_its_new_version() {
        let api = FakeApi::default();
        let journal = seed_canary(&api, Phase::Promoted);
        let config_map = ObjectRef::namespaced("v1", "ConfigMap", "shop", &journal_name(&journal.run));
        restore(&api.access(), &config_map, Duration::ZERO).await.unwrap();
        assert_eq!(api.get("deployments/demo-app").pointer("/spec/template/new"), Some(&json!(true)));
        let route = api.get("httproutes/demo-app");
        assert_eq!(route.pointer("/spec/rules/0/backendRefs/1"), None);
    }

    #[tokio::test]
    async fn a_run_that_ended_leaves_nothing_to_do() {
        let api = FakeApi::default();
        let end = watchdog(&api.access(), &RunId::generate(), &CancellationToken::new()).await.unwrap();
        assert_eq!(end, WatchdogEnd::RunEnded);
    }
}
