//! Parameters: declared with a type and a default, used as `${name}`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParamKind {
    /// A number.
    Number,
    /// A percentage such as `5%`.
    Percent,
    /// A duration such as `30s`.
    Duration,
    /// Letters, digits and `._-/:@+=`.
    Text,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Param {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// Its value when none is given.
    pub default: String,
    /// What it is for.
    pub about: String,
    /// Whether its value must not be told: records and reports have `(hidden)` wherever it stands. A text of at
    /// least 8 characters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}
