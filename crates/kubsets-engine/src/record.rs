//! Files of a run's record.

/// File with the plan.
pub const PLAN_FILE: &str = "lab-plan.json";
/// File with one event per line.
pub const EVENTS_FILE: &str = "lab-events.jsonl";
/// File with the outcome.
pub const OUTCOME_FILE: &str = "lab-run.json";
