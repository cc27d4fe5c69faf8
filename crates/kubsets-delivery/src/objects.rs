//! The objects of a canary, built from the stable ones. Pure.

mod canary;
#[cfg(test)]
pub(crate) mod test_objects;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(crate) use canary::{
    TemplateChange, canary_deployment, canary_service, change_template, distinguishing_label, probe_route,
};

/// Request header that leads probes of a run to one side.
pub const PROBE_HEADER: &str = "x-kubsets-probe";

/// Response header in which the route names the side of an answer, where answers do not name their version.
pub(crate) const SIDE_HEADER: &str = "x-kubsets-side";

/// Names of what a canary creates beside the stable objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// Deployment and Service of the new version.
    pub(crate) canary: String,
    /// Route that probes use.
    pub(crate) probe: String,
}

impl Names {
    /// The names for one Deployment.
    pub(crate) fn new(deployment: &str) -> Self {
        Self { canary: format!("{deployment}-canary"), probe: format!("{deployment}-canary-probe") }
    }
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
