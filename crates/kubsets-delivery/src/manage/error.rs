//! Why a run could not be ended or undone, with what to do about it.

use kubsets_kube::{ApiError, Hint};
use thiserror::Error;

use crate::outcome::exit;
use crate::run_id::RunId;
use crate::state_dir::StateError;

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
    #[error("{}", .0.as_ref().map_or("no canary to undo on record or in the cluster".to_owned(), |run| format!("no run {run} on record or in the cluster")))]
    NoRun(Option<RunId>),
    /// The driver of the run lives.
    #[error("canary {run} is still running ({age:.0} s since its last sign of life)")]
    StillRunning {
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
    /// The Deployment was changed after the promotion.
    #[error("Deployment {1} was changed after run {0} promoted it; taking it back would lose that")]
    ChangedSince(RunId, String),
    /// The driver did not go back in time.
    #[error("canary {0} was asked to abort but has not ended yet")]
    AbortPending(String),
}

impl ManageError {
    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Api(_) => exit::CLUSTER,
            Self::AbortPending(_) => exit::TIMEOUT,
            _ => exit::USAGE,
        }
    }
}

impl Hint for ManageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::NoRun(_) => Some("kubectl kubsets canary status".into()),
            Self::StillRunning { run, .. } => Some(format!("kubectl kubsets canary abort {run}")),
            Self::OtherCluster { .. } => Some("choose its context with --context".into()),
            Self::AbortPending(run) => {
                Some(format!("wait for the watchdog (30 s), then `kubectl kubsets canary undo {run}`"))
            }
            Self::ChangedSince(_, deployment) => {
                Some(format!("kubectl rollout history deployment/{deployment}"))
            }
            Self::State(_) => None,
        }
    }
}
