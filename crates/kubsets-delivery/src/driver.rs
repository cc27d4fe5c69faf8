//! How traffic is moved. One trait, so that other backends can follow.

mod http_route;

use futures::future::BoxFuture;
use kubsets_kube::ApiError;

use kubsets_lab::units::Percent;

pub(crate) use http_route::HttpRouteDriver;

/// The two sides of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The version that served before the run.
    Stable,
    /// The new version.
    Canary,
}

impl Side {
    /// Its name, as answers that the route marks carry it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

/// Moves traffic between the two sides, and leads probes to one of them.
pub trait TrafficDriver: Send + Sync {
    /// Name in plans and reports.
    fn name(&self) -> &'static str;

    /// Gives the canary a share of the traffic.
    ///
    /// # Errors
    /// [`ApiError`] when the weights cannot be written, a conflict when somebody else changed what they stand in.
    fn shift(&self, share: Percent) -> BoxFuture<'_, Result<(), ApiError>>;

    /// Lets what marks answers stand by: the gateway knows it, and users go as before the run. Traffic that is
    /// marked comes from here and goes back to here, so that no request meets what the gateway does not know.
    ///
    /// # Errors
    /// [`ApiError`] when the route cannot be written, a conflict when somebody else changed it.
    fn stand_by(&self) -> BoxFuture<'_, Result<(), ApiError>>;

    /// Leads requests that carry the probe header to one side.
    ///
    /// # Errors
    /// [`ApiError`] when the probe's route cannot be written.
    fn aim_probe(&self, side: Side) -> BoxFuture<'_, Result<(), ApiError>>;
}
