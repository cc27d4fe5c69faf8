//! What a run lays claim to, and the names and labels that follow from it.

use std::collections::BTreeMap;
use std::fmt;

use kubsets_kube::{MANAGED_BY, MANAGER, ObjectRef};
use serde::{Deserialize, Serialize};

use crate::run_id::RunId;

/// Label with the id of the run that made an object.
pub const RUN_LABEL: &str = "kubsets.dev/run";
/// Label with the name of the lab that made an object.
pub const LAB_LABEL: &str = "kubsets.dev/lab";
/// Label with the role of an object in a run.
pub const ROLE_LABEL: &str = "kubsets.dev/role";

/// Role of the `ConfigMap` with the journal.
pub(crate) const JOURNAL_ROLE: &str = "journal";
/// Role of the Lease.
pub(crate) const LEASE_ROLE: &str = "lease";
/// Role of the watchdog's objects.
pub(crate) const WATCHDOG_ROLE: &str = "watchdog";

/// Kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A release; its subject is a Deployment.
    Canary,
    /// A lab; its subject is the lab itself.
    Lab,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Canary, Self::Lab];

    /// The Lease that keeps a second run of this kind away from a subject.
    pub fn lease_ref(self, namespace: &str, subject: &str) -> ObjectRef {
        let name = format!("{}{}", self.lease_prefix(), dotted(subject));
        ObjectRef::namespaced("coordination.k8s.io/v1", "Lease", namespace, &name)
    }

    /// Kind and subject that the name of a Lease stands for; `None` when it is not one of ours.
    pub(crate) fn of_lease(name: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|kind| Some((kind, name.strip_prefix(&kind.lease_prefix())?)))
    }

    fn lease_prefix(self) -> String {
        format!("kubsets-{self}-")
    }

    /// Command that shows what is under way.
    pub fn status_command(self) -> String {
        format!("kubectl kubsets {self} status")
    }

    /// Command that ends a run whose driver lives.
    pub fn abort_command(self, run: &str) -> String {
        format!("kubectl kubsets {self} abort {run}")
    }

    /// Command that undoes a run whose driver is gone.
    pub fn undo_command(self, run: &str) -> String {
        let verb = if self == Self::Canary { "undo" } else { "clean" };
        format!("kubectl kubsets {self} {verb} {run}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canary => "canary",
            Self::Lab => "lab",
        })
    }
}

/// A run and the one thing in a namespace on which it is alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// What kind of run it is.
    pub kind: Kind,
    /// What it is alone on: the name of a Deployment for a canary, of the lab for a lab.
    pub subject: String,
    /// Lab of the run, if any.
    pub lab: Option<String>,
    /// Namespace of everything that it makes and changes.
    pub namespace: String,
}

impl Claim {
    /// A canary's claim to a Deployment.
    pub fn canary(run: RunId, lab: Option<String>, namespace: &str, deployment: &str) -> Self {
        let (subject, namespace) = (deployment.to_owned(), namespace.to_owned());
        Self { run, kind: Kind::Canary, subject, lab, namespace }
    }

    /// A lab's claim to be the only one of its name, such as `chaos/pod-kill`, in a namespace.
    pub fn lab(run: RunId, lab: &str, namespace: &str) -> Self {
        let (subject, namespace) = (lab.to_owned(), namespace.to_owned());
        Self { run, kind: Kind::Lab, subject, lab: Some(lab.to_owned()), namespace }
    }

    /// The Lease of the run.
    pub fn lease_ref(&self) -> ObjectRef {
        self.kind.lease_ref(&self.namespace, &self.subject)
    }

    /// The `ConfigMap` with the journal.
    pub fn journal_ref(&self) -> ObjectRef {
        journal_ref(&self.namespace, &self.run)
    }

    /// Name of the watchdog's Job, account, Role and binding.
    pub fn watchdog_name(&self) -> String {
        format!("kubsets-watchdog-{}", self.run)
    }

    /// Labels of an object that the run makes, with the object's role in it.
    pub fn labels(&self, role: &str) -> BTreeMap<String, String> {
        run_labels(&self.run, self.lab.as_deref(), role)
    }
}

/// The `ConfigMap` with the journal of a run.
pub(crate) fn journal_ref(namespace: &str, run: &RunId) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, &format!("kubsets-run-{run}"))
}

/// Labels of everything that a run makes.
pub fn run_labels(run: &RunId, lab: Option<&str>, role: &str) -> BTreeMap<String, String> {
    let fixed = [
        (MANAGED_BY, MANAGER),
        ("app.kubernetes.io/part-of", MANAGER),
        (RUN_LABEL, run.as_str()),
        (ROLE_LABEL, role),
    ];
    let labels = fixed.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    labels.chain(lab.map(|lab| (LAB_LABEL.to_owned(), dotted(lab)))).collect()
}

/// A lab's name where slashes are not allowed: `chaos/pod-kill` becomes `chaos.pod-kill`.
fn dotted(name: &str) -> String {
    name.replace('/', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_kind_and_subject() {
        let run: RunId = "261120-120000-abcd".parse().unwrap();
        let canary = Claim::canary(run.clone(), None, "shop", "demo-app");
        assert_eq!(canary.lease_ref().name, "kubsets-canary-demo-app");
        assert_eq!(canary.journal_ref().name, "kubsets-run-261120-120000-abcd");
        assert_eq!(canary.watchdog_name(), "kubsets-watchdog-261120-120000-abcd");
        let lab = Claim::lab(run, "chaos/pod-kill", "shop");
        assert_eq!(lab.lease_ref().name, "kubsets-lab-chaos.pod-kill");
        assert_eq!(Kind::of_lease(&lab.lease_ref().name), Some((Kind::Lab, "chaos.pod-kill")));
        assert_eq!(Kind::of_lease(&canary.lease_ref().name), Some((Kind::Canary, "demo-app")));
        assert_eq!(Kind::of_lease("kube-scheduler"), None);
        assert_eq!(lab.labels("made")[LAB_LABEL], "chaos.pod-kill");
        assert_eq!(lab.labels("made")[RUN_LABEL], "261120-120000-abcd");
        assert!(!canary.labels("made").contains_key(LAB_LABEL));
    }
}
