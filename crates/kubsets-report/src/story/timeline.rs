//! What happened when: everything of a run on one clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Chart, Tone};

/// A stretch of time: a step, a fault, a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Span {
    /// Begin in seconds of the run.
    pub from: f64,
    /// End in seconds of the run.
    pub to: f64,
    /// What it is, short enough to stand in it.
    pub label: String,
    /// More about it; may be empty.
    pub detail: String,
    /// Whether it went as wanted.
    pub tone: Tone,
}

/// A moment: a decision, a change of an object, a warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    /// Seconds of the run.
    pub at: f64,
    /// What happened.
    pub label: String,
    /// Whether that was as wanted.
    pub tone: Tone,
}

/// A row of the timeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lane {
    /// What is in it, such as `steps` or `faults`.
    pub name: String,
    /// Stretches of time; they should not overlap.
    pub spans: Vec<Span>,
    /// Moments.
    pub marks: Vec<Mark>,
}

/// Everything of a run on one clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timeline {
    /// Length of the clock in seconds.
    pub seconds: f64,
    /// Moments that divide the run; drawn through all rows.
    pub turns: Vec<Mark>,
    /// Rows of stretches and moments.
    pub lanes: Vec<Lane>,
    /// Charts over the same seconds.
    pub charts: Vec<Chart>,
}
