//! Undo of whatever a run changes in a cluster.
//!
//! A run [claims](Claim) its subject with a Lease, and asks its [`Keeper`] before each action: the
//! [`Journal`] gets an [`Entry`] on disk and in the cluster first. The end of a run, the [`watchdog()`] in
//! the cluster and another terminal ([`Orphan`]) all go the same [`WayBack`]: the last action first, safe
//! to repeat after a death at any moment.
//!
//! Nothing here prints or decides anything about a run: it is told what is done, and undoes it.

pub mod canonical;
mod caught;
mod claim;
mod comparison;
mod entry;
#[cfg(any(test, feature = "test-util"))]
mod fake_api;
mod journal;
mod keeper;
mod lease;
mod lock;
pub mod manage;
mod manifest;
pub mod object;
mod progress;
mod pulse;
mod recorder;
mod rights;
mod run_id;
mod state_dir;
mod trial;
mod watchdog;
mod way_back;

pub use caught::caught;
pub use claim::{Claim, Kind, LAB_LABEL, ROLE_LABEL, RUN_LABEL, run_labels};
pub use comparison::Comparison;
pub use entry::{Entry, Remedy, Target};
#[cfg(any(test, feature = "test-util"))]
pub use fake_api::FakeApi;
pub use journal::{JOURNAL_FILE, Journal, Phase};
pub use keeper::{Keeper, KeeperError};
pub use lease::{LEASE_SECONDS, Lease, release};
pub use lock::{Lock, LockState};
pub use manage::{AbortEnd, ManageError, Orphan, Undone};
pub use progress::{Change, Progress, Silent};
pub use recorder::Recorder;
pub use run_id::{RunId, RunIdError};
pub use state_dir::{StateDir, StateError};
pub use trial::try_keeping;
pub use watchdog::{WATCHDOG_IMAGE, WatchdogEnd, watchdog};
pub use way_back::{Reach, WayBack, close};
