//! What every service of the demo stack shares: traces, metrics, logs, health, graceful stop.
//!
//! The crate knows nothing of orders, databases or topics. A service builds an [`Identity`], calls
//! [`Telemetry::init`] once, registers its metrics with [`Metrics`], tells [`Health`] what it
//! depends on and runs its tasks under a [`Supervisor`], which stops them in the right order.

pub mod admin;
pub mod backoff;
pub mod config;
pub mod database;
pub mod fault;
pub mod health;
pub mod http_server;
pub mod identity;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod logs;
pub mod metrics;
pub mod propagation;
pub mod random;
pub mod serve;
pub mod supervisor;
pub mod telemetry;
#[cfg(feature = "test-util")]
pub mod test_util;
pub mod traces;

pub use config::{Rate, ServiceArgs};
pub use health::Health;
pub use identity::Identity;
pub use metrics::Metrics;
pub use supervisor::Supervisor;
pub use telemetry::Telemetry;
