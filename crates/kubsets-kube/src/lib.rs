//! Access to a Kubernetes cluster: apply, wait, exec, logs, port-forward, preflight.
//!
//! Every request goes through [`Access`], whose client refuses what the caller
//! must not do (read-only mode, protected namespaces) in one layer. Nothing here
//! prints: callers show [`Facts`], errors and their hints themselves.

mod access;
mod apply;
mod causes;
mod dry_run;
mod error;
mod exec;
mod forward;
mod guard;
mod logs;
mod names;
mod node_images;
mod object;
mod pods;
mod registry;
mod rollout;
mod timeouts;
mod wait;

pub use access::{Access, AccessError, AccessOptions, Facts};
pub use apply::{Applied, Applier, ApplyOptions, Change, ParseError, parse_documents};
pub use causes::with_causes;
pub use dry_run::{Answer, Trial};
pub use error::{ApiError, ApiErrorKind, During, Hint, is_conflict, is_exists, is_not_found};
pub use exec::{ExecError, ExecOutput, exec};
pub use forward::{Forward, ForwardError, ForwardTarget};
pub use guard::{Guard, Refusal};
pub use logs::{LogOptions, follow_logs, logs};
pub use names::nearest;
pub use node_images::{CLOSED_NODE, NodeImages};
pub use object::{ObjectRef, resource_of};
pub use pods::{PodProblem, diagnose, pods_of};
pub use registry::{recorded_registry, registry_record, take_from};
pub use rollout::{RolloutStatus, wait_for_rollout};
pub use timeouts::{OperationKind, Timeouts};
pub use wait::{Condition, Observation, WaitError, wait_for};

/// Field manager of every server-side apply and patch.
pub const FIELD_MANAGER: &str = "kubsets";
/// Label that marks an object as ours.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] on everything made by this suite.
pub const MANAGER: &str = "kubsets";
