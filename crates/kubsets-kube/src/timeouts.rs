//! One default timeout per kind of operation.

use std::time::Duration;

/// Kinds of operations that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Server-side apply of one object, with retries while a kind is being registered.
    Apply,
    /// Deletion until the object is gone.
    Delete,
    /// A condition on an object.
    Wait,
    /// Rollout of a workload.
    Rollout,
    /// A command in a container.
    Exec,
}

/// Timeouts per kind of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// See [`OperationKind::Apply`].
    pub apply: Duration,
    /// See [`OperationKind::Delete`].
    pub delete: Duration,
    /// See [`OperationKind::Wait`].
    pub wait: Duration,
    /// See [`OperationKind::Rollout`].
    pub rollout: Duration,
    /// See [`OperationKind::Exec`].
    pub exec: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            apply: Duration::from_secs(30),
            delete: Duration::from_secs(90),
            wait: Duration::from_mins(2),
            rollout: Duration::from_mins(3),
            exec: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// The timeout of one kind.
    pub fn of(&self, kind: OperationKind) -> Duration {
        match kind {
            OperationKind::Apply => self.apply,
            OperationKind::Delete => self.delete,
            OperationKind::Wait => self.wait,
            OperationKind::Rollout => self.rollout,
            OperationKind::Exec => self.exec,
        }
    }
}
