//! Why the mechanics of a canary failed.

use kubsets_kube::{ApiError, ApiErrorKind, Hint, PodProblem, WaitError};
use kubsets_undo::{KeeperError, StateError};
use thiserror::Error;

use crate::outcome::exit;

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum StageError {
    /// The cluster refused or did not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Something did not become ready in time.
    #[error(transparent)]
    Wait(Box<WaitError>),
    /// A pod cannot come up.
    #[error(transparent)]
    Pod(#[from] PodProblem),
    /// The undo journal could not be written; nothing was done without it.
    #[error(transparent)]
    State(#[from] StateError),
    /// The canary's answers do not reach this machine.
    #[error("the canary does not answer through the gateway: {last}")]
    NotReached {
        /// What came last.
        last: String,
    },
    /// The new stable pods' answers do not reach this machine.
    #[error("the new stable pods do not answer through the gateway: {last}")]
    StableNotReached {
        /// What came last.
        last: String,
    },
    /// Answers do not say which version they come from.
    #[error("answers carry no header {0}, so that stable and canary cannot be told apart")]
    NoVersion(&'static str),
    /// The gateway does not do what the route asks for.
    #[error("answers carry no header {0}, which the route sets: the gateway ignores filters of backends")]
    NotMarked(&'static str),
    /// Both versions have the same name.
    #[error("both versions call themselves {0}, so that their answers cannot be told apart")]
    SameVersion(String),
    /// The watchdog does not run.
    #[error("the watchdog did not start in the cluster: {0}")]
    Watchdog(String),
    /// The load generator could not be started or ended by itself.
    #[error("the load generator failed: {0}")]
    Load(String),
    /// The judge's settings are wrong.
    #[error("the judge cannot start: {0}")]
    Judge(String),
    /// Another canary runs on the Deployment.
    #[error("another canary is running on Deployment {0}")]
    Busy(String),
    /// An object is not as it was when the plan was made.
    #[error("{0} was changed after the plan was made")]
    Changed(String),
    /// Somebody else changed the pods that the new version was to replace.
    #[error("the pod template of {0} is no longer that of the plan: somebody changed it during the canary")]
    TemplateChanged(String),
    /// Somebody else changed what the weights stand in.
    #[error("somebody changed the rules of {0} during the canary; the way back brings those from before it")]
    RulesChanged(String),
    /// The Lease was lost: somebody else is restoring.
    #[error("the run was taken over: {0}")]
    TakenOver(String),
    /// A panic: a mistake of this program.
    #[error("kubsets itself broke: {0}")]
    Broken(String),
    /// The undo of a change cannot be put on record, so that the change is not made.
    #[error(transparent)]
    NoUndo(Box<KeeperError>),
}

impl From<KeeperError> for StageError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Api(error) => Self::Api(error),
            KeeperError::State(error) => Self::State(error),
            KeeperError::Busy(_, deployment) => Self::Busy(deployment),
            KeeperError::Lost(why) => Self::TakenOver(why),
            KeeperError::Watchdog(problem) => Self::Watchdog(problem),
            other => Self::NoUndo(Box::new(other)),
        }
    }
}

impl From<WaitError> for StageError {
    fn from(error: WaitError) -> Self {
        Self::Wait(Box::new(error))
    }
}

impl StageError {
    /// Exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Api(error) if error.kind == ApiErrorKind::Timeout => exit::TIMEOUT,
            Self::Api(error) if matches!(error.kind, ApiErrorKind::Refused(_)) => exit::USAGE,
            Self::Wait(error) if matches!(**error, WaitError::Timeout { .. }) => exit::TIMEOUT,
            Self::NotReached { .. } | Self::StableNotReached { .. } | Self::Watchdog(_) => exit::TIMEOUT,
            // Nothing was changed yet.
            Self::Judge(_) | Self::Busy(_) | Self::Changed(_) => exit::USAGE,
            _ => exit::CLUSTER,
        }
    }
}

impl Hint for StageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::Pod(problem) => problem.hint(),
            Self::Wait(error) => match &**error {
                WaitError::Api(error) => error.hint(),
                WaitError::Timeout { object, .. } => {
                    let namespace = object.namespace.as_deref().unwrap_or("default");
                    Some(format!("kubectl describe pods -n {namespace}"))
                }
            },
            Self::NotReached { .. } | Self::StableNotReached { .. } => {
                Some("check the gateway: kubectl get gateway,httproute -A".into())
            }
            Self::NotMarked(_) => Some(
                "let the service send its version in the header x-kubsets-version, or use another gateway"
                    .into(),
            ),
            Self::NoVersion(header) => {
                Some(format!("let the service send its version in the header {header}"))
            }
            Self::SameVersion(_) => Some("pass --set APP_VERSION=… with a new value".into()),
            Self::Watchdog(_) => Some(
                "load its image with `kubectl kubsets images load cli`, or go without it: --no-watchdog"
                    .into(),
            ),
            Self::State(_) => Some("set KUBSETS_STATE to a folder that can be written".into()),
            Self::Busy(_) => Some("kubectl kubsets canary status".into()),
            Self::Changed(_) | Self::TemplateChanged(_) => Some("make a new plan and look at it".into()),
            Self::RulesChanged(_) => Some("change the rules again, then make a new plan".into()),
            Self::NoUndo(why) => match &**why {
                KeeperError::InUse { kind, run, .. } => Some(format!(
                    "wait until it has ended, or end it: `{}`",
                    kind.abort_command(run.as_str())
                )),
                _ => None,
            },
            Self::Load(_) | Self::Judge(_) | Self::TakenOver(_) | Self::Broken(_) => None,
        }
    }
}
