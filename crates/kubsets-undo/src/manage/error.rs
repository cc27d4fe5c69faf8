//! Why a run could not be ended or undone, with what to do about it.

use kubsets_kube::{ApiError, Hint};
use thiserror::Error;

use crate::claim::Kind;
use crate::run_id::RunId;
use crate::state_dir::StateError;

/// Exit codes of commands that end with a [`ManageError`].
mod exit {
    pub(super) const USAGE: u8 = 2;
    pub(super) const CLUSTER: u8 = 5;
    pub(super) const TIMEOUT: u8 = 6;
}

/// Why a run could not be ended or undone.
#[derive(Debug, Error)]
pub enum ManageError {
    /// The cluster refuses or does not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The record cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no such run, or none at all.
    #[error("no {} on record or in the cluster", .run.as_ref().map_or_else(|| format!("{kind} to undo"), |run| format!("run {run}")))]
    NoRun {
        /// Kind of run that was looked for.
        kind: Kind,
        /// The run, if a certain one was looked for.
        run: Option<RunId>,
    },
    /// The driver of the run lives.
    #[error("{kind} {run} is still running ({age:.0} s since its last sign of life)")]
    StillRunning {
        /// Kind of the run.
        kind: Kind,
        /// The run.
        run: String,
        /// Seconds since the last renewal.
        age: f64,
    },
    /// The run belongs to another cluster.
    #[error("run {run} worked on {there}, but this is {here}")]
    OtherCluster {
        /// The run.
        run: RunId,
        /// Its API server.
        there: String,
        /// The server of this context.
        here: String,
    },
    /// Which run is meant is not clear.
    #[error("{} runs of {kind} are under way: {}", .runs.len(), .runs.join(", "))]
    Several {
        /// Kind of the runs.
        kind: Kind,
        /// The runs.
        runs: Vec<String>,
    },
    /// The driver did not go back in time.
    #[error("{kind} {run} was asked to abort but has not ended yet")]
    AbortPending {
        /// Kind of the run.
        kind: Kind,
        /// The run.
        run: String,
    },
}

impl ManageError {
    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Api(_) => exit::CLUSTER,
            Self::AbortPending { .. } => exit::TIMEOUT,
            Self::State(_)
            | Self::NoRun { .. }
            | Self::StillRunning { .. }
            | Self::OtherCluster { .. }
            | Self::Several { .. } => exit::USAGE,
        }
    }
}

impl Hint for ManageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::NoRun { kind, .. } => Some(kind.status_command()),
            Self::StillRunning { kind, run, .. } => Some(kind.abort_command(run)),
            Self::OtherCluster { .. } => Some("choose its context with --context".into()),
            Self::AbortPending { kind, run } => {
                Some(format!("wait for the watchdog (30 s), then `{}`", kind.undo_command(run)))
            }
            Self::Several { kind, runs } => Some(format!(
                "name the one that is to end: `{}`",
                kind.abort_command(runs.first().map_or("RUN", String::as_str))
            )),
            Self::State(_) => None,
        }
    }
}
