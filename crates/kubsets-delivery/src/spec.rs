//! What a canary should do, as given by a lab file or a command line.

pub use kubsets_lab::operation::{CanarySpec, JudgeSettings, LoadSettings, OnInconclusive, WatchdogPolicy};
