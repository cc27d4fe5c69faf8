//! What a lab will do, in full: the engine runs exactly this.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::LabError;
use crate::expression::Bindings;
use crate::model::{Expectation, FailureEvidence, Lab, Requirement, Step};
use crate::operation::{Apply, CanarySpec, Condition, Operation};
use crate::source::LabSource;
use crate::template::{Resolved, Values};
use crate::units::Span;

mod canonical;
mod change;
mod length;
mod secret;

pub use canonical::hash;
pub use change::{BlastRadius, Change, Verb};

/// A step with everything that it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedStep {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// What a presenter asks before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Name under which expressions find the result.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// Expression over `result` that must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub that: Option<String>,
    /// Time that it may take. A wait for a background load has that load's time unless the lab says
    /// another.
    pub timeout: Span,
    /// What it does; the objects of files are in the operation.
    pub operation: Operation,
    /// What it changes in the cluster.
    pub changes: Vec<Change>,
}

impl PlannedStep {
    /// The only step of a plan that is a canary.
    fn release(canary: CanarySpec) -> Self {
        let operation = Operation::Canary(Box::new(canary));
        Self {
            index: 0,
            name: "release".into(),
            question: None,
            bind: Some("release".into()),
            that: None,
            timeout: operation.default_timeout(),
            changes: change::Touched::default().changes(&operation),
            operation,
        }
    }
}

/// A lab with values for its parameters, ready to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Full name, such as `canary/bad-errors`.
    pub lab: String,
    /// The question that it answers.
    pub question: String,
    /// Values of its parameters, as they are typed.
    pub params: Values,
    /// Those of them that were given, not taken from the defaults.
    pub given: Values,
    /// The same values as expressions find them: percentages and seconds as numbers.
    pub bound: Value,
    /// Those of them that the lab declares secret.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secret: BTreeSet<String>,
    /// What the cluster must have.
    pub requires: Vec<Requirement>,
    /// What must hold before the first step and after the undo.
    pub steady_state: Vec<PlannedStep>,
    /// What is done, in order.
    pub steps: Vec<PlannedStep>,
    /// What must come out.
    pub expect: Vec<Expectation>,
    /// What is collected when it fails.
    pub on_failure: Vec<FailureEvidence>,
    /// Longest time in seconds: every timeout, the steady state twice. Pauses do not count.
    pub longest_seconds: f64,
    /// Usual time in seconds: what the author says, or the lengths that are fixed where these are more.
    pub usual_seconds: f64,
    /// Requests that its loads send, at most; independent arrivals count by their mean.
    pub requests: u64,
    /// What it changes in all.
    pub blast_radius: BlastRadius,
    /// SHA-256 of everything above as canonical JSON, in hex.
    pub hash: String,
}

impl Plan {
    /// Plans a lab. The same texts and values give the same plan and hash.
    ///
    /// # Errors
    /// [`LabError`] when the lab, one of its files or a value does not fit.
    pub fn new(source: &LabSource, values: &Values) -> Result<Self, LabError> {
        let document = source.document(values)?;
        let Lab { metadata, spec, .. } = &document.lab;
        let planner = Planner { source, resolved: &document.resolved, lab: &document.lab };
        let steady_state = planner.steps(&spec.steady_state)?;
        let steps = planner.steps(&spec.steps)?;
        let plan = Self {
            lab: document.lab.full_name(),
            question: spec.question.trim().to_owned(),
            params: document.resolved.values(),
            given: values.clone(),
            bound: document.resolved.bound(),
            secret: document.resolved.secret(),
            requires: spec.requires.clone(),
            expect: spec.expect.clone(),
            on_failure: spec.on_failure.clone(),
            longest_seconds: 0.0,
            usual_seconds: f64::from(metadata.minutes) * 60.0,
            requests: 0,
            blast_radius: BlastRadius::of(&steps),
            hash: String::new(),
            steady_state,
            steps,
        };
        Ok(plan.measured())
    }

    /// The plan of a canary that no lab describes: it is to get all of the traffic.
    pub fn of_canary(canary: CanarySpec) -> Self {
        let promoted = Expectation {
            name: "the new version gets everything".into(),
            that: "release.verdict == 'promoted'".into(),
        };
        let question = format!("Can the new version of {} have all of the traffic?", canary.deployment);
        let steps = vec![PlannedStep::release(canary)];
        let plan = Self {
            lab: "canary/release".into(),
            question,
            params: Values::new(),
            given: Values::new(),
            bound: Value::Object(serde_json::Map::new()),
            secret: BTreeSet::new(),
            requires: Vec::new(),
            steady_state: Vec::new(),
            expect: vec![promoted],
            on_failure: Vec::new(),
            longest_seconds: 0.0,
            usual_seconds: 0.0,
            requests: 0,
            blast_radius: BlastRadius::of(&steps),
            hash: String::new(),
            steps,
        };
        plan.measured()
    }

    /// The same plan with another canary in the place of its only step, as flags on a command line ask
    /// for it. A need for the Deployment of the old one becomes a need for the new one's. `None` when the
    /// plan is not of one canary.
    #[must_use]
    pub fn with_canary(mut self, canary: CanarySpec) -> Option<Self> {
        let [step] = self.steps.as_mut_slice() else { return None };
        let Operation::Canary(old) = &step.operation else { return None };
        let needed = Requirement::Deployment(old.deployment.clone());
        for need in self.requires.iter_mut().filter(|need| **need == needed) {
            *need = Requirement::Deployment(canary.deployment.clone());
        }
        let PlannedStep { timeout, changes, operation, .. } = PlannedStep::release(canary);
        (step.timeout, step.changes, step.operation) = (timeout, changes, operation);
        self.blast_radius = BlastRadius::of(&self.steps);
        Some(self.measured())
    }

    /// The plan with its lengths, its requests and its hash.
    fn measured(mut self) -> Self {
        let (longest, fixed) = length::seconds(&self.steady_state, &self.steps);
        self.longest_seconds = longest;
        self.usual_seconds = fixed.max(self.usual_seconds).min(longest);
        self.requests = length::requests(&self.steps);
        self.hash = self.fingerprint();
        self
    }

    /// The hash of the plan's content, whatever its field `hash` says.
    pub fn fingerprint(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("hash");
        }
        hash(&value)
    }

    /// The command that repeats a run of this plan, with the values that were given and are not secret.
    pub fn repeat_command(&self) -> String {
        let start = format!("kubectl kubsets lab run {}", self.lab);
        let secrets = self.secret_names();
        self.given.iter().fold(start, |command, (name, value)| {
            let shown = if secrets.contains(name.as_str()) { "VALUE" } else { value };
            format!("{command} --set {name}={shown}")
        })
    }

    /// What expressions find before the first step: the parameters.
    pub fn bindings(&self) -> Bindings {
        Bindings::new(self.bound.clone())
    }
}

/// What is the same for every step.
struct Planner<'a> {
    source: &'a LabSource,
    resolved: &'a Resolved,
    lab: &'a Lab,
}

impl Planner<'_> {
    fn steps(&self, steps: &[Step]) -> Result<Vec<PlannedStep>, LabError> {
        // Timeouts of the loads that run in the background, by the name of their step.
        let mut background = BTreeMap::new();
        let mut touched = change::Touched::default();
        let mut planned = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let Some(operation) = step.operation() else {
                // The reader refuses such a step; a lab made in code can have one.
                let message = format!("step `{}` has not exactly one operation", step.name);
                let field = format!("spec.steps[{index}]");
                return Err(LabError::Field { place: crate::Place::START, field, message });
            };
            let operation = self.render(operation, &step.name)?;
            let usual = operation.default_timeout();
            let timeout = match &operation {
                Operation::Load(load) if load.background => {
                    background.insert(step.name.as_str(), usual);
                    Span::seconds(15)
                }
                Operation::Wait(condition) => awaited(condition)
                    .into_iter()
                    .filter_map(|name| background.get(name).copied())
                    .fold(usual, Ord::max),
                _ => usual,
            };
            planned.push(PlannedStep {
                index,
                name: step.name.clone(),
                question: step.question.clone(),
                bind: step.bind.clone(),
                that: step.that.clone(),
                timeout: step.timeout.unwrap_or(timeout),
                changes: touched.changes(&operation),
                operation,
            });
        }
        Ok(planned)
    }

    /// The operation with the objects of its file, and a canary with the name of its lab.
    fn render(&self, operation: Operation, step: &str) -> Result<Operation, LabError> {
        Ok(match operation {
            Operation::Apply(Apply { file: Some(file), objects, ready }) => {
                let missing = || LabError::MissingFile { step: step.to_owned(), file: file.clone() };
                let mut read = self.source.objects(&file, self.resolved).ok_or_else(missing)??;
                read.extend(objects);
                Operation::Apply(Apply { file: None, objects: read, ready })
            }
            Operation::Canary(mut canary) => {
                canary.lab = Some(self.lab.label());
                Operation::Canary(canary)
            }
            other => other,
        })
    }
}

/// Names of the loads that a condition waits for, wherever they stand in it.
pub fn awaited(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::Finished(name) => vec![name],
        Condition::All(inner) | Condition::Any(inner) => inner.iter().flat_map(awaited).collect(),
        Condition::Not(inner) => awaited(inner),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
