//! What `status` says, as data.

use serde::Serialize;

/// The whole screen.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// Nothing is wrong.
    pub(super) healthy: bool,
    /// One sentence.
    pub(super) summary: String,
    pub(super) context: String,
    pub(super) server: String,
    pub(super) kubernetes: String,
    pub(super) namespace: String,
    /// RFC 3339.
    pub(super) checked_at: jiff::Timestamp,
    pub(super) nodes: Vec<NodeStatus>,
    pub(super) platform: Vec<Part>,
    pub(super) stack: Vec<Part>,
    /// What is wrong; the first is where to look first.
    pub(super) problems: Vec<Problem>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeStatus {
    pub(super) name: String,
    pub(super) ready: bool,
    pub(super) roles: String,
    pub(super) address: String,
}

/// A workload, a job, the gateway.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) healthy: bool,
    /// For example `2/2`, `done`, `12s ago`.
    pub(super) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) detail: String,
}

/// Something wrong.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    /// Kind and name.
    pub(super) object: String,
    pub(super) namespace: String,
    pub(super) reason: String,
    /// A command that says more.
    pub(super) look: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_log: Option<String>,
    /// Causes come before what they cause.
    #[serde(skip)]
    pub(super) rank: u8,
    /// Whose last words to read.
    #[serde(skip)]
    pub(super) logs: Option<LogSource>,
}

/// A container whose log may tell the reason.
#[derive(Clone, Debug)]
pub(super) struct LogSource {
    pub(super) pod: String,
    pub(super) container: Option<String>,
    pub(super) previous: bool,
}
