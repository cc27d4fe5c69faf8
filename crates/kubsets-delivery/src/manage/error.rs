//! Why a canary could not be ended or undone, with what to do about it.

use kubsets_kube::{ApiError, Hint};
use kubsets_undo::{RunId, StateError};
use thiserror::Error;

use crate::outcome::exit;

/// Why a canary could not be ended or undone.
#[derive(Debug, Error)]
pub enum ManageError {
    /// What can go wrong with any kind of run.
    #[error(transparent)]
    Run(#[from] kubsets_undo::ManageError),
    /// The Deployment was changed after the promotion.
    #[error("Deployment {1} was changed after run {0} promoted it; taking it back would lose that")]
    ChangedSince(RunId, String),
}

impl From<ApiError> for ManageError {
    fn from(error: ApiError) -> Self {
        Self::Run(error.into())
    }
}

impl From<StateError> for ManageError {
    fn from(error: StateError) -> Self {
        Self::Run(error.into())
    }
}

impl ManageError {
    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Run(error) => error.exit_code(),
            Self::ChangedSince(..) => exit::USAGE,
        }
    }
}

impl Hint for ManageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Run(error) => error.hint(),
            Self::ChangedSince(_, deployment) => {
                Some(format!("kubectl rollout history deployment/{deployment}"))
            }
        }
    }
}
