//! Operations that only look.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request, by default through the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    /// Service to reach directly instead of through the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Port of that Service, 80 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether to reach the Service by its node port on the first node instead of a forwarded port.
    #[serde(default)]
    pub node_port: bool,
    /// Method, `GET` unless given.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A body that is sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl Http {
    /// A plain `GET` through the gateway.
    pub fn get(path: String) -> Self {
        Self {
            service: None,
            port: None,
            node_port: false,
            method: get(),
            path,
            headers: BTreeMap::new(),
            body: None,
        }
    }
}

/// A command in a named container: an argument list, never a shell line made of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exec {
    /// Label selector; the first ready pod by name is used.
    pub pods: String,
    /// Container.
    pub container: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// Lines of the logs of pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logs {
    /// Label selector.
    pub pods: String,
    /// Container.
    pub container: String,
    /// Text that a line has to contain; every line counts when absent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contains: String,
    /// Last lines of each pod that are looked at, 500 unless given.
    #[serde(default = "five_hundred")]
    pub tail: u32,
}

/// A question to Prometheus, at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Query {
    /// The question in `PromQL`.
    pub promql: String,
}

/// Expressions that must hold over what was bound before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assert {
    /// CEL expressions.
    pub that: Vec<String>,
}

/// A stop for a presenter; without `--step` it is told and passed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// What to tell.
    pub message: String,
}

fn get() -> String {
    "GET".into()
}

fn five_hundred() -> u32 {
    500
}
