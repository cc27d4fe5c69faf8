//! Holding a Lease while a run goes on.

use std::time::Duration;

use kubsets_kube::{Access, ApiError, ApiErrorKind, ObjectRef};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;
use tracing::warn;

use crate::claim::Claim;
use crate::lease::{Lease, micro_time};
use crate::object::{create, remove};
use crate::run_id::RunId;

/// How often the driver renews.
const RENEW: Duration = Duration::from_secs(3);

/// What the Lease tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// All is well.
    Held,
    /// Somebody asked for an abort.
    AbortWanted(String),
    /// Somebody else has it: this driver must not touch anything any more.
    Lost(String),
}

/// A Lease that is held and renewed in the background until dropped.
#[derive(Debug)]
pub struct Lock {
    state: watch::Receiver<LockState>,
    task: JoinHandle<()>,
}

impl Lock {
    /// Takes the Lease of a claim.
    ///
    /// # Errors
    /// [`ApiError`], of the kind [`ApiErrorKind::AlreadyExists`] when another run holds it.
    pub async fn acquire(access: &Access, claim: &Claim) -> Result<Self, ApiError> {
        let target = claim.lease_ref();
        let wanted = Lease::of(claim, &micro_time());
        match create(access, wanted.object()).await {
            Err(error) if error.kind == ApiErrorKind::AlreadyExists => {
                match Lease::read(access, &target).await? {
                    Some(found) if found.is_leftover(access).await? => remove(access, &target).await?,
                    _ => return Err(error),
                }
                create(access, wanted.object()).await?;
            }
            result => {
                result?;
            }
        }
        let (sender, state) = watch::channel(LockState::Held);
        let task = tokio::spawn(keep(access.clone(), target, claim.run.clone(), sender));
        Ok(Self { state, task })
    }

    /// What the Lease tells.
    pub fn state(&self) -> watch::Receiver<LockState> {
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
    let Some(found) = Lease::read(access, target).await? else {
        return Ok(LockState::Lost("the lease was deleted".into()));
    };
    if found.holder() != run.as_str() {
        return Ok(LockState::Lost(format!("{} has taken the lease over", found.holder())));
    }
    match found.renew(access).await {
        // Somebody wrote in between: the next round sees what.
        Err(error) if matches!(error.kind, ApiErrorKind::Conflict | ApiErrorKind::NotFound) => {}
        result => result?,
    }
    Ok(found.abort_wish().map_or(LockState::Held, |who| LockState::AbortWanted(who.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_api::FakeApi;
    use crate::journal::Journal;

    fn claim() -> Claim {
        Claim::canary(RunId::generate(), None, "shop", "demo-app")
    }

    #[tokio::test]
    async fn a_second_run_cannot_take_the_lease() {
        let api = FakeApi::default();
        let held = Lock::acquire(&api.access(), &claim()).await.unwrap();
        let error = Lock::acquire(&api.access(), &claim()).await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::AlreadyExists);
        // A lab of the same name is something else.
        let lab = Claim::lab(RunId::generate(), "demo-app", "shop");
        drop((held, Lock::acquire(&api.access(), &lab).await.unwrap()));
    }

    #[tokio::test]
    async fn a_lease_without_driver_and_journal_is_no_obstacle() {
        let api = FakeApi::default();
        let (dead, next) = (claim(), claim());
        api.put("configmaps", Journal::new(dead.clone(), "https://fake").to_config_map());
        api.put("leases", Lease::of(&dead, "2020-01-01T00:00:00.000000Z").object().clone());
        let error = Lock::acquire(&api.access(), &next).await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::AlreadyExists);
        api.remove(&format!("configmaps/{}", dead.journal_ref().name));
        let held = Lock::acquire(&api.access(), &next).await.unwrap();
        let lease = Lease::from(api.get("leases/kubsets-canary-demo-app"));
        assert_eq!(lease.holder(), next.run.as_str());
        drop(held);
    }
}
