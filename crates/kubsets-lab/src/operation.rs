//! Typed operations: what a step may do. There is no shell among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod canary;
mod change;
mod condition;
mod load;
mod observe;
mod rate;

pub use canary::{CanarySpec, JudgeSettings, LoadSettings, OnInconclusive, WatchdogPolicy};
pub use change::{Apply, Delete, Fault, Patch, Rollout, Scale, Target};
pub use condition::Condition;
pub use load::Load;
pub use observe::{Assert, Exec, Http, Logs, Pause, Query};
pub use rate::{Rate, RateError};

use crate::units::Span;

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Server-side apply.
    Apply(Apply),
    /// Merge patch.
    Patch(Patch),
    /// Deletion.
    Delete(Delete),
    /// Replicas.
    Scale(Scale),
    /// Restart.
    Rollout(Rollout),
    /// Wait for a condition.
    Wait(Condition),
    /// One request.
    Http(Http),
    /// A command in a container.
    Exec(Exec),
    /// Lines of logs.
    Logs(Logs),
    /// A question to Prometheus.
    Query(Query),
    /// Load.
    Load(Load),
    /// A release.
    Canary(Box<CanarySpec>),
    /// A fault.
    Fault(Fault),
    /// Expressions that must hold.
    Assert(Assert),
    /// A stop for a presenter.
    Pause(Pause),
}

impl Operation {
    /// The words of all operations, in the order in which documents list them.
    pub const KINDS: [&str; 15] = [
        "apply", "patch", "delete", "scale", "rollout", "wait", "http", "exec", "logs", "query", "load",
        "canary", "fault", "assert", "pause",
    ];

    /// The word of the operation in a lab file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Patch(_) => "patch",
            Self::Delete(_) => "delete",
            Self::Scale(_) => "scale",
            Self::Rollout(_) => "rollout",
            Self::Wait(_) => "wait",
            Self::Http(_) => "http",
            Self::Exec(_) => "exec",
            Self::Logs(_) => "logs",
            Self::Query(_) => "query",
            Self::Load(_) => "load",
            Self::Canary(_) => "canary",
            Self::Fault(_) => "fault",
            Self::Assert(_) => "assert",
            Self::Pause(_) => "pause",
        }
    }

    /// Whether the operation only looks.
    pub fn observes(&self) -> bool {
        matches!(
            self,
            Self::Wait(_) | Self::Http(_) | Self::Exec(_) | Self::Logs(_) | Self::Query(_) | Self::Assert(_)
        )
    }

    /// Time that it may take when the step does not say. Load and canary add their own length.
    pub fn default_timeout(&self) -> Span {
        match self {
            Self::Apply(Apply { ready: true, .. }) | Self::Scale(Scale { ready: true, .. }) => {
                Span::seconds(120)
            }
            Self::Apply(_) | Self::Patch(_) | Self::Scale(_) => Span::seconds(30),
            Self::Delete(_) => Span::seconds(90),
            Self::Rollout(_) | Self::Wait(_) => Span::seconds(120),
            Self::Http(_) | Self::Exec(_) | Self::Logs(_) | Self::Query(_) => Span::seconds(15),
            Self::Load(load) => {
                Span(load.length().saturating_add(load.timeout.0).saturating_add(Span::seconds(15).0))
            }
            Self::Canary(canary) => canary.longest(),
            Self::Fault(fault) => Span(fault.duration.0.saturating_add(Span::seconds(30).0)),
            Self::Assert(_) => Span::seconds(5),
            Self::Pause(_) => Span::seconds(24 * 3600),
        }
    }
}
