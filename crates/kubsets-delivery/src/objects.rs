//! The objects of a canary, built from the stable ones. Pure.

mod canary;
mod safety;
#[cfg(test)]
pub(crate) mod test_objects;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::run_id::RunId;

pub(crate) use canary::{
    TemplateChange, canary_deployment, canary_service, change_template, distinguishing_label, probe_route,
};
pub(crate) use safety::{LEASE_SECONDS, WATCHDOG_IMAGE, lease, watchdog_objects};

/// Label with the id of the run that made an object.
pub const RUN_LABEL: &str = "kubsets.dev/run";
/// Label with the name of the lab that made an object.
pub const LAB_LABEL: &str = "kubsets.dev/lab";
/// Label with the role of an object in a canary.
pub const ROLE_LABEL: &str = "kubsets.dev/role";
/// Request header that leads probes of a run to one side.
pub const PROBE_HEADER: &str = "x-kubsets-probe";

/// Names of everything that a canary creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// Deployment and Service of the new version.
    pub(crate) canary: String,
    /// Route that probes use.
    pub(crate) probe: String,
    /// Lease that keeps a second canary away.
    pub(crate) lease: String,
    /// `ConfigMap` with the undo journal.
    pub(crate) journal: String,
    /// Watchdog Job and its account and rights.
    pub(crate) watchdog: String,
}

impl Names {
    /// The names for one run on one Deployment.
    pub(crate) fn new(deployment: &str, run: &RunId) -> Self {
        Self {
            canary: format!("{deployment}-canary"),
            probe: format!("{deployment}-canary-probe"),
            lease: lease_name(deployment),
            journal: journal_name(run),
            watchdog: format!("kubsets-watchdog-{run}"),
        }
    }
}

/// Name of the Lease that guards one Deployment.
pub(crate) fn lease_name(deployment: &str) -> String {
    format!("kubsets-canary-{deployment}")
}

/// Name of the `ConfigMap` with the journal of a run.
pub(crate) fn journal_name(run: &RunId) -> String {
    format!("kubsets-run-{run}")
}

/// Labels of everything that a run creates.
pub(crate) fn run_labels(run: &RunId, lab: Option<&str>, role: &str) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = [
        (kubsets_kube::MANAGED_BY, kubsets_kube::MANAGER),
        ("app.kubernetes.io/part-of", kubsets_kube::MANAGER),
        (RUN_LABEL, run.as_str()),
        (ROLE_LABEL, role),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    if let Some(lab) = lab {
        labels.insert(LAB_LABEL.to_owned(), lab.to_owned());
    }
    labels
}

/// Adds labels to an object's metadata.
pub(crate) fn add_labels(metadata: &mut Value, labels: &BTreeMap<String, String>) {
    let Some(metadata) = metadata.as_object_mut() else { return };
    let entry = metadata.entry("labels").or_insert_with(|| Value::Object(Map::new()));
    if let Some(map) = entry.as_object_mut() {
        map.extend(labels.iter().map(|(key, value)| (key.clone(), json!(value))));
    }
}

/// A string map at a JSON pointer; empty when it is not there.
pub(crate) fn string_map(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let entries = value.pointer(pointer).and_then(Value::as_object);
    let entries = entries.into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether labels satisfy a selector.
pub(crate) fn selects(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
