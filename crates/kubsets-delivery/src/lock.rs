//! The Lease of a run: keeps a second canary away, tells the watchdog that the driver lives,
//! and carries the wish of another terminal to abort.

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ApiErrorKind, ObjectRef};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tracing::warn;

use crate::cluster::{create, patch, remove};
use crate::facts::read;
use crate::objects::{LEASE_SECONDS, journal_name, lease, lease_name};
use crate::run_id::RunId;

/// How often the driver renews.
const RENEW: Duration = Duration::from_secs(3);
/// Annotation by which another terminal asks the driver to abort.
const ABORT: &str = "kubsets.dev/abort";
/// Annotation by which the watchdog says that it is there.
const ARMED: &str = "kubsets.dev/watchdog";
/// Holder while the watchdog restores.
const WATCHDOG_HOLDER: &str = "kubsets-watchdog";

/// What the Lease tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LockState {
    /// All is well.
    Held,
    /// Somebody asked for an abort.
    AbortWanted(String),
    /// Somebody else has it: this driver must not touch anything any more.
    Lost(String),
}

/// The reference to the Lease of a Deployment.
pub(crate) fn lease_ref(namespace: &str, deployment: &str) -> ObjectRef {
    ObjectRef::namespaced("coordination.k8s.io/v1", "Lease", namespace, &lease_name(deployment))
}

/// The time as a Lease wants it.
fn micro_time() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A Lease that is held and renewed in the background until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    state: watch::Receiver<LockState>,
    task: JoinHandle<()>,
}

impl Lock {
    /// Takes the Lease; fails when another run holds it.
    pub(crate) async fn acquire(
        access: &Access,
        namespace: &str,
        deployment: &str,
        run: (&RunId, Option<&str>),
    ) -> Result<Self, ApiError> {
        let name = lease_name(deployment);
        let target = lease_ref(namespace, deployment);
        let wanted = lease(namespace, &name, run, &micro_time());
        match create(access, &wanted).await {
            Err(error) if error.kind == ApiErrorKind::AlreadyExists => {
                let found = read(access, &target).await?;
                match found {
                    Some(found) if is_leftover(access, &found).await? => remove(access, &target).await?,
                    _ => return Err(error),
                }
                create(access, &wanted).await?;
            }
            result => {
                result?;
            }
        }
        let (sender, state) = watch::channel(LockState::Held);
        let task = tokio::spawn(keep(access.clone(), target, run.0.clone(), sender));
        Ok(Self { state, task })
    }

    /// What the Lease tells.
    pub(crate) fn state(&self) -> watch::Receiver<LockState> {
        self.state.clone()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Renews until the Lease is lost.
async fn keep(access: Access, target: ObjectRef, run: RunId, state: watch::Sender<LockState>) {
    let mut timer = interval(RENEW);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        match renew(&access, &target, &run).await {
            Ok(next) => {
                let lost = matches!(next, LockState::Lost(_));
                state.send_if_modified(|now| {
                    let changed = *now != next;
                    now.clone_from(&next);
                    changed
                });
                if lost {
                    return;
                }
            }
            Err(error) => warn!(%error, "the lease could not be renewed"),
        }
    }
}

/// One renewal.
async fn renew(access: &Access, target: &ObjectRef, run: &RunId) -> Result<LockState, ApiError> {
    let Some(found) = read(access, target).await? else {
        return Ok(LockState::Lost("the lease was deleted".into()));
    };
    let holder = holder_of(&found);
    if holder != run.as_str() {
        return Ok(LockState::Lost(format!("{holder} has taken the lease over")));
    }
    let change = json!({
        "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
        "spec": {"renewTime": micro_time()},
    });
    match patch(access, target, &change).await {
        // Somebody wrote in between: the next round sees what.
        Err(error) if matches!(error.kind, ApiErrorKind::Conflict | ApiErrorKind::NotFound) => {}
        result => {
            result?;
        }
    }
    let wish = found["metadata"]["annotations"][ABORT].as_str();
    Ok(wish.map_or(LockState::Held, |who| LockState::AbortWanted(who.to_owned())))
}

fn holder_of(lease: &Value) -> String {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Seconds since the last renewal by this machine's clock; `None` when the time cannot be read.
pub(crate) fn age_seconds(lease: &Value) -> Option<f64> {
    let renewed: jiff::Timestamp = lease.pointer("/spec/renewTime")?.as_str()?.parse().ok()?;
    Some(jiff::Timestamp::now().duration_since(renewed).as_secs_f64())
}

/// Whether the driver of a Lease has died, judged by this machine's clock with room for its error.
pub(crate) fn is_expired(lease: &Value) -> bool {
    age_seconds(lease).is_none_or(|age| age > LEASE_SECONDS as f64 + 5.0)
}

/// Whether a Lease guards nothing any more: its driver is dead and its journal gone, so that there
/// is nothing to undo.
pub(crate) async fn is_leftover(access: &Access, lease: &Value) -> Result<bool, ApiError> {
    if !is_expired(lease) {
        return Ok(false);
    }
    let Some(run) = lease.pointer("/metadata/labels/kubsets.dev~1run").and_then(Value::as_str) else {
        return Ok(false);
    };
    let Ok(run) = run.parse::<RunId>() else { return Ok(false) };
    let namespace = lease.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let journal = ObjectRef::namespaced("v1", "ConfigMap", namespace, &journal_name(&run));
    Ok(read(access, &journal).await?.is_none())
}

/// Asks the driver of a Deployment's canary to abort; false when there is none.
pub(crate) async fn ask_abort(access: &Access, target: &ObjectRef, who: &str) -> Result<bool, ApiError> {
    match patch(access, target, &json!({"metadata": {"annotations": {ABORT: who}}})).await {
        Err(error) if error.kind == ApiErrorKind::NotFound => Ok(false),
        result => result.map(|_| true),
    }
}

/// Takes the Lease from a driver that is gone, so that it cannot act any more should it come back.
pub(crate) async fn take_over(access: &Access, target: &ObjectRef, found: &Value) -> Result<(), ApiError> {
    let change = json!({
        "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
        "spec": {"holderIdentity": WATCHDOG_HOLDER, "renewTime": micro_time()},
    });
    patch(access, target, &change).await.map(|_| ())
}

/// Whether the watchdog, or an undo from another terminal, has taken the Lease and restores.
pub(crate) fn is_restoring(lease: &Value) -> bool {
    holder_of(lease) == WATCHDOG_HOLDER
}

/// Says that the watchdog is there.
pub(crate) async fn mark_armed(access: &Access, target: &ObjectRef) -> Result<(), ApiError> {
    patch(access, target, &json!({"metadata": {"annotations": {ARMED: micro_time()}}})).await.map(|_| ())
}

/// Whether the watchdog has said that it is there.
pub(crate) fn is_armed(lease: &Value) -> bool {
    lease.pointer("/metadata/annotations").and_then(|all| all.get(ARMED)).is_some()
}

/// Gives the Lease back.
pub(crate) async fn release(access: &Access, target: &ObjectRef) -> Result<(), ApiError> {
    remove(access, target).await
}

/// Sees from renewals whether a driver lives, by this machine's steady clock only: clocks of
/// machines need not agree, and time in which the Lease could not be read does not count.
#[derive(Debug)]
pub(crate) struct Pulse {
    last: Option<String>,
    since: Instant,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { last: None, since: Instant::now() }
    }

    /// Looks at the Lease; true when it was not renewed for as long as it lasts.
    pub(crate) fn is_dead(&mut self, lease: &Value) -> bool {
        let renewed = lease.pointer("/spec/renewTime").and_then(Value::as_str).map(str::to_owned);
        if renewed.is_none() || renewed != self.last {
            self.last = renewed;
            self.since = Instant::now();
        }
        self.since.elapsed() >= Duration::from_secs(LEASE_SECONDS)
    }

    /// Forgets what was seen: the Lease could not be read.
    pub(crate) fn interrupted(&mut self) {
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_marks_are_read_from_the_lease() {
        let run = RunId::generate();
        let fresh = lease("shop", "l", (&run, None), &micro_time());
        assert!(age_seconds(&fresh).unwrap().abs() < 5.0);
        assert!(!is_expired(&fresh));
        assert!(!is_armed(&fresh));
        let old = lease("shop", "l", (&run, None), "2020-01-01T00:00:00.000000Z");
        assert!(is_expired(&old));
        let armed = json!({"metadata": {"annotations": {ARMED: "x"}}});
        assert!(is_armed(&armed));
    }

    #[test]
    fn a_pulse_needs_time_without_renewal() {
        let run = RunId::generate();
        let lease = lease("shop", "l", (&run, None), &micro_time());
        let mut pulse = Pulse::new();
        assert!(!pulse.is_dead(&lease));
        pulse.since = Instant::now().checked_sub(Duration::from_secs(LEASE_SECONDS + 1)).unwrap();
        assert!(pulse.is_dead(&lease));
        pulse.interrupted();
        assert!(!pulse.is_dead(&lease));
    }
}
