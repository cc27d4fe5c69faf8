//! What a lab changes in the cluster.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PlannedStep;
use crate::operation::{Operation, Target};

/// What happens to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It is made.
    Create,
    /// It is made where it is not there, else changed.
    CreateOrChange,
    /// It is changed.
    Change,
    /// It is removed.
    Delete,
    /// It ends and its controller makes a new one.
    Recreate,
}

impl Verb {
    /// The word for people, in the third person.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "creates",
            Self::CreateOrChange => "creates or changes",
            Self::Change => "changes",
            Self::Delete => "deletes",
            Self::Recreate => "recreates",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What happens.
    pub verb: Verb,
    /// To what, such as `Deployment/demo-app` or `pods app.kubernetes.io/name=worker`.
    pub target: String,
}

/// What a lab changes in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlastRadius {
    /// One sentence.
    pub summary: String,
    /// Every change once, in the order of the steps.
    pub changes: Vec<Change>,
}

impl BlastRadius {
    pub(super) fn of(steps: &[PlannedStep]) -> Self {
        let mut seen = BTreeSet::new();
        let all = steps.iter().flat_map(|step| &step.changes);
        let changes: Vec<Change> = all.filter(|change| seen.insert(*change)).cloned().collect();
        let verbs = [Verb::Create, Verb::CreateOrChange, Verb::Change, Verb::Delete, Verb::Recreate];
        let parts: Vec<String> = verbs.into_iter().filter_map(|verb| part(verb, &changes)).collect();
        let summary = if parts.is_empty() { "changes nothing".to_owned() } else { parts.join(", ") };
        Self { summary, changes }
    }
}

/// What one verb does: up to three targets by name, else their number.
fn part(verb: Verb, changes: &[Change]) -> Option<String> {
    let of_verb = changes.iter().filter(|change| change.verb == verb);
    let targets: Vec<&str> = of_verb.map(|change| change.target.as_str()).collect();
    match targets.len() {
        0 => None,
        1..=3 => Some(format!("{} {}", verb.word(), targets.join(" and "))),
        many => Some(format!("{} {many} objects", verb.word())),
    }
}

/// Objects that earlier steps made or changed: a second apply only changes.
#[derive(Default)]
pub(super) struct Touched {
    seen: BTreeSet<String>,
}

impl Touched {
    /// What an operation changes.
    pub(super) fn changes(&mut self, operation: &Operation) -> Vec<Change> {
        let change = |verb, target: String| Change { verb, target };
        match operation {
            Operation::Apply(apply) => {
                let applied = |object| {
                    let target = named(object);
                    let first = self.seen.insert(target.clone());
                    let verb = if first { Verb::CreateOrChange } else { Verb::Change };
                    change(verb, target)
                };
                apply.objects.iter().map(applied).collect()
            }
            Operation::Patch(patch) => vec![change(Verb::Change, target(&patch.object))],
            Operation::Scale(scale) => vec![change(Verb::Change, target(&scale.object))],
            Operation::Rollout(rollout) => {
                vec![change(Verb::Recreate, format!("pods of {}", target(&rollout.restart)))]
            }
            Operation::Delete(delete) => {
                let object = delete.object.as_ref().map(|object| change(Verb::Delete, target(object)));
                let pods = delete.pods.as_ref().map(|selector| {
                    let count = delete.count.map(|count| format!("{count} of ")).unwrap_or_default();
                    change(Verb::Recreate, format!("{count}pods {selector}"))
                });
                object.into_iter().chain(pods).collect()
            }
            Operation::Fault(fault) => vec![change(Verb::Change, format!("pods {}", fault.pods))],
            Operation::Canary(canary) => vec![
                change(Verb::Create, format!("Deployment/{}", canary.canary_name())),
                change(Verb::Create, format!("Service/{}", canary.canary_name())),
                change(Verb::Change, format!("HTTPRoute/{}", canary.route_name())),
                change(Verb::Change, format!("Deployment/{}", canary.deployment)),
            ],
            Operation::Wait(_)
            | Operation::Http(_)
            | Operation::Logs(_)
            | Operation::Exec(_)
            | Operation::Query(_)
            | Operation::Load(_)
            | Operation::Assert(_)
            | Operation::Pause(_) => Vec::new(),
        }
    }
}

fn target(target: &Target) -> String {
    format!("{}/{}", target.kind, target.name)
}

/// `Kind/name` of an object as it is written.
fn named(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    format!("{}/{}", text("/kind"), text("/metadata/name"))
}
