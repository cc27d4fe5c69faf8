//! Why a run may not act.

use kubsets_kube::{ApiError, ObjectRef};
use thiserror::Error;

use crate::claim::Kind;
use crate::run_id::RunId;
use crate::state_dir::StateError;

/// Why a run may not act, or could not be undone.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// The cluster refuses or does not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The journal cannot be written to disk.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another run of the kind has the subject.
    #[error("another {0} is running on {1}")]
    Busy(Kind, String),
    /// Another run of the kind has changed the object and not brought it back yet: each would undo the other's change.
    #[error("{object} is being changed by {kind} {run}")]
    InUse {
        /// The object.
        object: ObjectRef,
        /// Kind of both runs.
        kind: Kind,
        /// The other run.
        run: RunId,
    },
    /// The Lease or the journal was taken away: somebody else restores.
    #[error("the run was taken over: {0}")]
    Lost(String),
    /// The watchdog does not run.
    #[error("the watchdog did not start in the cluster: {0}")]
    Watchdog(String),
    /// The watchdog has no rights in that namespace.
    #[error("{0} is outside of the run's namespace, where the watchdog cannot undo a change")]
    Outside(ObjectRef),
    /// The rights of the watchdog do not cover the undo.
    #[error("{0} is not among the objects for which the watchdog was started")]
    Unplanned(ObjectRef),
    /// A journal is no place for secrets.
    #[error("{0} cannot be changed or deleted: its undo would put secrets into the journal")]
    Secret(ObjectRef),
    /// The journal does not fit into its `ConfigMap`.
    #[error(
        "the undo takes {bytes} bytes, the journal in the cluster holds {limit}: change fewer or smaller objects"
    )]
    TooLarge {
        /// Bytes that the journal would have.
        bytes: usize,
        /// Bytes that it may have.
        limit: usize,
    },
}
