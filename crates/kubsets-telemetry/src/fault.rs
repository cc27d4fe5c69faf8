//! Faults on purpose: errors and latency at a rate, on a route, for a time, from a seed.

mod engine;
mod routes;
mod spec;

pub use engine::{FaultEngine, FaultState, Injection};
pub use routes::router;
pub use spec::{FaultArgs, FaultSpec};
