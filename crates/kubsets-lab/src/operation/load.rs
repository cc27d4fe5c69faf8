//! Load as a step.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rate;
use crate::units::Span;

/// Open-loop load for a time, by default through the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Load {
    /// Service to reach directly instead of through the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Port of that Service, 80 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path and query.
    pub path: String,
    /// Method, `GET` unless given.
    #[serde(default = "get")]
    pub method: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Body, as it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Requests per second: a number, or a shape over time.
    pub rate: Rate,
    /// How long.
    #[serde(rename = "for")]
    pub duration: Span,
    /// Connections at most.
    #[serde(default = "sixteen")]
    pub connections: usize,
    /// Time a request may take before it counts as failed.
    #[serde(default = "five_seconds")]
    pub timeout: Span,
    /// Whether the next steps go on while the load runs; a `wait: {finished: NAME}` brings its report.
    #[serde(default)]
    pub background: bool,
}

impl Load {
    /// How long it sends.
    pub fn length(&self) -> Duration {
        self.duration.0
    }
}

fn get() -> String {
    "GET".into()
}

fn sixteen() -> usize {
    16
}

fn five_seconds() -> Span {
    Span::seconds(5)
}
