//! What the state machine needs from the world: one trait, played by a cluster or by a fake.

mod cluster;
mod error;
mod witness;

use kubsets_undo::{Comparison, Reach};

use kubsets_lab::units::Percent;

pub(crate) use cluster::ClusterStage;
pub use error::StageError;

/// What the versions call themselves in their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) stable: Vec<String>,
    pub(crate) canary: String,
}

/// How the weights went back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GiveBack {
    /// Milliseconds until the API server had the old weights.
    pub(crate) api_ms: f64,
    /// Milliseconds until the last answer of the canary.
    pub(crate) wire_ms: Option<f64>,
}

/// The mechanics of a canary, without any decision.
pub(crate) trait Stage: Sync {
    /// Everything until traffic can move: undo recorded, watchdog there, canary answering through
    /// the gateway.
    fn prepare(&self) -> impl Future<Output = Result<Versions, StageError>> + Send;

    /// Brings the canary to so many ready replicas.
    fn scale(&self, replicas: u32) -> impl Future<Output = Result<(), StageError>> + Send;

    /// Gives the canary a share of the traffic.
    fn shift(&self, share: Percent) -> impl Future<Output = Result<(), StageError>> + Send;

    /// Makes the stable pods run the new version while the canary serves; they answer when this ends.
    fn replace_stable(&self) -> impl Future<Output = Result<(), StageError>> + Send;

    /// Gives all traffic to the stable pods; `percent` is what the canary had.
    fn give_back(
        &self,
        percent: f64,
        reach: Reach,
    ) -> impl Future<Output = Result<GiveBack, StageError>> + Send;

    /// Lets requests under way finish, removes what was made, and compares.
    fn clean_up(&self, reach: Reach) -> impl Future<Output = Result<Vec<Comparison>, StageError>> + Send;
}
