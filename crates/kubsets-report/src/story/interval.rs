//! Measured values with the interval that the truth lies in, against what was wanted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tone, Unit};

/// A measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interval {
    /// What was measured.
    pub label: String,
    /// What was wanted.
    pub target: f64,
    /// What was measured.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// What it rests on, such as `600 requests`.
    pub note: String,
    /// Whether it is as wanted.
    pub tone: Tone,
}

/// Several of them on one axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Intervals {
    /// What they show.
    pub title: String,
    /// How to read them; may be empty.
    pub note: String,
    /// Unit of the values.
    pub unit: Unit,
    /// Confidence of the intervals, 0 to 1.
    pub confidence: f64,
    /// The rows.
    pub rows: Vec<Interval>,
}
