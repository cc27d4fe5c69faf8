//! What changes in a pod template, line by line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffLine {
    /// Place in the template, such as `containers[demo-app].env.APP_VERSION`.
    pub path: String,
    /// Value now; absent when the place is new.
    pub before: Option<String>,
    /// Value of the new version; absent when the place goes away.
    pub after: Option<String>,
}

/// The changes from one template to another in one container and the labels.
pub(super) fn lines(before: &Value, after: &Value, container: &str) -> Vec<DiffLine> {
    let mut lines = Vec::new();
    let mut add = |path: String, before: Option<String>, after: Option<String>| {
        if before != after {
            lines.push(DiffLine { path, before, after });
        }
    };
    let (old, new) = (find(before, container), find(after, container));
    let text = |value: &Value| value["image"].as_str().map(str::to_owned);
    add(format!("containers[{container}].image"), old.and_then(text), new.and_then(text));
    let names = variables(new).chain(variables(old)).map(|(name, _)| name.to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let value = |container: Option<&Value>| {
            variables(container).find(|(other, _)| *other == name).map(|(_, value)| value)
        };
        add(format!("containers[{container}].env.{name}"), value(old), value(new));
    }
    let label = "/metadata/labels/app.kubernetes.io~1version";
    let label = |template: &Value| template.pointer(label).and_then(Value::as_str).map(str::to_owned);
    add("metadata.labels.app.kubernetes.io/version".into(), label(before), label(after));
    lines
}

fn find<'a>(template: &'a Value, container: &str) -> Option<&'a Value> {
    let containers = template.pointer("/spec/containers")?.as_array()?;
    containers.iter().find(|one| one["name"] == container)
}

fn variables(container: Option<&Value>) -> impl Iterator<Item = (&str, String)> {
    let env = container.and_then(|container| container["env"].as_array());
    env.into_iter().flatten().filter_map(|variable| {
        let value = match variable["value"].as_str() {
            Some(value) => value.to_owned(),
            None => variable.get("valueFrom").map(ToString::to_string).unwrap_or_default(),
        };
        Some((variable["name"].as_str()?, value))
    })
}
