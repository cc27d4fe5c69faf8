//! The worker of the demo stack.
//!
//! It takes events from the topic of new orders and from the retry topic, fulfils each order once,
//! and commits an offset only after the work behind it is done. What fails for a while goes to the
//! retry topic; what cannot succeed goes to the dead-letter topic.

mod application;
mod backlog;
mod broker;
mod consumer;
mod database;
mod envelope;
mod handler;
mod metrics;
mod retry;
mod settings;
mod store;
mod topics;

pub use application::Worker;
pub use settings::Settings;
