//! A step: a name and exactly one operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::{
    Apply, Assert, CanarySpec, Condition, Delete, Exec, Fault, Http, Load, Logs, Operation, Patch, Pause,
    Query, Rollout, Scale,
};
use crate::units::Span;

/// A step: a name and exactly one operation.
///
/// The operations are fields, not variants, so that a file reads `load: …` and an error names its
/// line; [`Step::operation`] gives the one that is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Name of the step.
    pub name: String,
    /// What a presenter asks the audience before this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Name under which expressions find the result.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// A CEL expression over `result` and everything bound before; the lab fails when it is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub that: Option<String>,
    /// Time that the step may take; the default is that of its operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Makes or changes objects by server-side apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Apply>,
    /// Changes a part of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
    /// Deletes an object or pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<Delete>,
    /// Sets the replicas of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Restarts a workload and waits until it runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Waits for a condition; the result has `seconds` and the last `observed` value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Condition>,
    /// Sends one request; the result has `status`, `body`, `headers` and `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Runs a command in a named container, for observation; the result has `stdout`, `lines`, `stderr`, `exitCode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Reads logs; the result has `count` of the lines that contain a text, and the last `lines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Logs>,
    /// Asks Prometheus; the result has `value` (of a single sample) and `samples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Query>,
    /// Sends load; the result has counts, rates and percentiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Releases a new version; the result is the canary's outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanarySpec>,
    /// Injects a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Checks expressions over what was bound before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assert: Option<Assert>,
    /// Stops for a presenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

impl Step {
    /// The fields of a step beside its operation.
    pub const FIELDS: [&str; 5] = ["name", "question", "as", "that", "timeout"];

    /// All operations that are there; a valid step has exactly one.
    pub fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::with_capacity(1);
        all.extend(self.apply.clone().map(Operation::Apply));
        all.extend(self.patch.clone().map(Operation::Patch));
        all.extend(self.delete.clone().map(Operation::Delete));
        all.extend(self.scale.clone().map(Operation::Scale));
        all.extend(self.rollout.clone().map(Operation::Rollout));
        all.extend(self.wait.clone().map(Operation::Wait));
        all.extend(self.http.clone().map(Operation::Http));
        all.extend(self.exec.clone().map(Operation::Exec));
        all.extend(self.logs.clone().map(Operation::Logs));
        all.extend(self.query.clone().map(Operation::Query));
        all.extend(self.load.clone().map(Operation::Load));
        all.extend(self.canary.clone().map(|spec| Operation::Canary(Box::new(spec))));
        all.extend(self.fault.clone().map(Operation::Fault));
        all.extend(self.assert.clone().map(Operation::Assert));
        all.extend(self.pause.clone().map(Operation::Pause));
        all
    }

    /// The operation; `None` when there is none or more than one.
    pub fn operation(&self) -> Option<Operation> {
        let mut all = self.operations();
        (all.len() == 1).then(|| all.remove(0))
    }
}
