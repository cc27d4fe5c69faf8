//! The Lease of a run: keeps a second run of its kind away from the subject, tells the watchdog that
//! the driver lives, and carries the wish of another terminal to abort.

use kubsets_kube::{Access, ApiError, ApiErrorKind, ObjectRef};
use serde_json::{Value, json};

use crate::claim::{Claim, Kind, LAB_LABEL, LEASE_ROLE, ROLE_LABEL, RUN_LABEL, journal_ref};
use crate::object::{self, label, list, patch, read, reference};
use crate::run_id::RunId;

/// Seconds after which a Lease that is not renewed has expired.
pub const LEASE_SECONDS: u64 = 15;
/// Room for the error of this machine's clock against the driver's, in seconds.
const CLOCK_ERROR: f64 = 5.0;
/// Annotation by which another terminal asks the driver to abort.
const ABORT: &str = "kubsets.dev/abort";
/// Annotation by which the watchdog says that it is there.
const ARMED: &str = "kubsets.dev/watchdog";
/// Holder while the run is being undone without its driver.
const RESTORER: &str = "kubsets-watchdog";

/// The time as a Lease wants it.
pub(crate) fn micro_time() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A Lease as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease(Value);

impl Lease {
    /// The Lease of a claim, renewed at `now`. Making it fails when another run holds it.
    pub(crate) fn of(claim: &Claim, now: &str) -> Self {
        let target = claim.lease_ref();
        Self(json!({
            "apiVersion": target.api_version,
            "kind": target.kind,
            "metadata": {"name": target.name, "namespace": target.namespace, "labels": claim.labels(LEASE_ROLE)},
            "spec": {
                "holderIdentity": claim.run.as_str(),
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": now,
                "renewTime": now,
            },
        }))
    }

    /// Reads a Lease; `None` when there is none.
    ///
    /// # Errors
    /// [`ApiError`] when it cannot be read.
    pub async fn read(access: &Access, target: &ObjectRef) -> Result<Option<Self>, ApiError> {
        Ok(read(access, target).await?.map(Self))
    }

    /// Leases of runs in the client's namespace.
    ///
    /// # Errors
    /// [`ApiError`] when they cannot be listed.
    pub async fn list(access: &Access, kind: Option<Kind>) -> Result<Vec<Self>, ApiError> {
        let found = list(access, access.namespace(), "coordination.k8s.io/v1", "Lease").await?;
        let ours = found.into_iter().filter(|lease| label(lease, ROLE_LABEL) == Some(LEASE_ROLE)).map(Self);
        Ok(ours.filter(|lease| kind.is_none() || kind == lease.kind()).collect())
    }

    /// The object.
    pub fn object(&self) -> &Value {
        &self.0
    }

    /// The reference to the object.
    pub fn reference(&self) -> ObjectRef {
        reference(&self.0)
    }

    /// The run that took it.
    pub fn run(&self) -> Option<&str> {
        label(&self.0, RUN_LABEL)
    }

    /// Whether this run took it.
    pub fn is_of(&self, run: &RunId) -> bool {
        self.run() == Some(run.as_str())
    }

    /// Lab of the run, as its label has it.
    pub fn lab(&self) -> Option<&str> {
        label(&self.0, LAB_LABEL)
    }

    /// Kind of the run.
    pub fn kind(&self) -> Option<Kind> {
        self.claimed().map(|(kind, _)| kind)
    }

    /// What the run is alone on, as the Lease's name has it.
    pub fn subject(&self) -> Option<&str> {
        self.claimed().map(|(_, subject)| subject)
    }

    fn claimed(&self) -> Option<(Kind, &str)> {
        Kind::of_lease(self.0.pointer("/metadata/name")?.as_str()?)
    }

    /// Who holds it: its run, or whoever undoes that run.
    pub fn holder(&self) -> &str {
        self.0.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
    }

    /// Time of the last renewal, as the holder wrote it.
    pub(crate) fn renewed(&self) -> Option<&str> {
        self.0.pointer("/spec/renewTime")?.as_str()
    }

    /// Seconds since the last renewal by this machine's clock; `None` when the time cannot be read.
    pub fn age_seconds(&self) -> Option<f64> {
        let renewed: jiff::Timestamp = self.renewed()?.parse().ok()?;
        Some(jiff::Timestamp::now().duration_since(renewed).as_secs_f64())
    }

    /// Whether its holder has died, judged by this machine's clock with room for its error.
    pub fn is_expired(&self) -> bool {
        self.age_seconds().is_none_or(|age| age > LEASE_SECONDS as f64 + CLOCK_ERROR)
    }

    /// Whether it guards nothing any more: its driver is dead and its journal gone, so that there is
    /// nothing to undo.
    ///
    /// # Errors
    /// [`ApiError`] when the journal cannot be looked for.
    pub async fn is_leftover(&self, access: &Access) -> Result<bool, ApiError> {
        if !self.is_expired() {
            return Ok(false);
        }
        let Some(Ok(run)) = self.run().map(str::parse) else { return Ok(false) };
        let namespace = self.reference().namespace.unwrap_or_default();
        Ok(read(access, &journal_ref(&namespace, &run)).await?.is_none())
    }

    /// Who asked the driver to abort, if anybody.
    pub(crate) fn abort_wish(&self) -> Option<&str> {
        self.annotation(ABORT)
    }

    /// Whether the watchdog has said that it is there.
    pub fn is_armed(&self) -> bool {
        self.annotation(ARMED).is_some()
    }

    /// Whether the watchdog, or an undo from another terminal, has taken it and restores.
    pub fn is_restoring(&self) -> bool {
        self.holder() == RESTORER
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.0.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// Renews it, unless somebody has written it since it was read.
    pub(crate) async fn renew(&self, access: &Access) -> Result<(), ApiError> {
        self.write(access, json!({"renewTime": micro_time()})).await
    }

    /// Takes it from a driver that is gone, so that it cannot act any more should it come back.
    ///
    /// # Errors
    /// [`ApiError`], a conflict when somebody has written it since it was read.
    pub async fn take_over(&self, access: &Access) -> Result<(), ApiError> {
        self.write(access, json!({"holderIdentity": RESTORER, "renewTime": micro_time()})).await
    }

    async fn write(&self, access: &Access, spec: Value) -> Result<(), ApiError> {
        let bound = json!({"resourceVersion": self.0["metadata"]["resourceVersion"]});
        patch(access, &self.reference(), &json!({"metadata": bound, "spec": spec})).await.map(|_| ())
    }
}

impl From<Value> for Lease {
    fn from(object: Value) -> Self {
        Self(object)
    }
}

/// Asks the driver that holds a Lease to abort; false when there is none.
pub(crate) async fn ask_abort(access: &Access, target: &ObjectRef, who: &str) -> Result<bool, ApiError> {
    annotate(access, target, ABORT, who).await
}

/// Says that the watchdog is there; false when there is no Lease.
pub(crate) async fn mark_armed(access: &Access, target: &ObjectRef) -> Result<bool, ApiError> {
    annotate(access, target, ARMED, &micro_time()).await
}

async fn annotate(access: &Access, target: &ObjectRef, key: &str, value: &str) -> Result<bool, ApiError> {
    match patch(access, target, &json!({"metadata": {"annotations": {key: value}}})).await {
        Err(error) if error.kind == ApiErrorKind::NotFound => Ok(false),
        result => result.map(|_| true),
    }
}

/// Gives a Lease back.
///
/// # Errors
/// [`ApiError`] when the server refuses.
pub async fn release(access: &Access, target: &ObjectRef) -> Result<(), ApiError> {
    object::remove(access, target).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_marks_are_read_from_the_lease() {
        let claim = Claim::lab(RunId::generate(), "chaos/pod-kill", "shop");
        let fresh = Lease::of(&claim, &micro_time());
        assert!(fresh.age_seconds().unwrap().abs() < 5.0);
        assert!(!fresh.is_expired());
        assert!(!fresh.is_armed());
        assert!(!fresh.is_restoring());
        assert!(fresh.is_of(&claim.run));
        assert_eq!((fresh.kind(), fresh.subject()), (Some(Kind::Lab), Some("chaos.pod-kill")));
        assert!(Lease::of(&claim, "2020-01-01T00:00:00.000000Z").is_expired());
        let marked = Lease::from(json!({"metadata": {"annotations": {ARMED: "x", ABORT: "me"}}}));
        assert!(marked.is_armed());
        assert_eq!(marked.abort_wish(), Some("me"));
    }
}
