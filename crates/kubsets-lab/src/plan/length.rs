//! How long a plan takes and how many requests it sends.

use std::time::Duration;

use super::PlannedStep;
use crate::operation::{CanarySpec, Condition, Operation};

/// Longest time and the sum of the fixed lengths, in seconds. The steady state counts twice.
pub(super) fn seconds(steady_state: &[PlannedStep], steps: &[PlannedStep]) -> (f64, f64) {
    let longest =
        |steps: &[PlannedStep]| steps.iter().map(longest).fold(Duration::ZERO, Duration::saturating_add);
    let before_and_after = longest(steady_state).saturating_mul(2);
    let fixed = steps.iter().map(fixed).fold(Duration::ZERO, Duration::saturating_add);
    (before_and_after.saturating_add(longest(steps)).as_secs_f64(), fixed.as_secs_f64())
}

/// A pause lasts as long as a presenter likes, and no time without one.
fn longest(step: &PlannedStep) -> Duration {
    if matches!(step.operation, Operation::Pause(_)) { Duration::ZERO } else { step.timeout.0 }
}

/// Time that a step takes even if all goes well.
fn fixed(step: &PlannedStep) -> Duration {
    match &step.operation {
        Operation::Load(load) if !load.background => load.length(),
        Operation::Wait(condition) => passed(condition),
        Operation::Canary(canary) => canary.warm_up.0,
        _ => Duration::ZERO,
    }
}

fn passed(condition: &Condition) -> Duration {
    match condition {
        Condition::Passed(span) => span.0,
        Condition::All(inner) => inner.iter().map(passed).max().unwrap_or_default(),
        _ => Duration::ZERO,
    }
}

/// Requests of all loads, at most; independent arrivals count by their mean.
pub(super) fn requests(steps: &[PlannedStep]) -> u64 {
    steps.iter().fold(0, |sum, step| sum.saturating_add(sent(&step.operation)))
}

fn sent(operation: &Operation) -> u64 {
    let requests = match operation {
        Operation::Load(load) => load.rate.requests(load.length()),
        Operation::Canary(canary) => canary.load.rate * exposed(canary).as_secs_f64(),
        _ => 0.0,
    };
    requests.ceil().max(0.0) as u64
}

/// Time in which a canary sends traffic, at most.
fn exposed(canary: &CanarySpec) -> Duration {
    let step = canary.settle.0.saturating_add(canary.step_budget.0);
    let steps = step.saturating_mul(u32::try_from(canary.steps.len()).unwrap_or(u32::MAX));
    canary.warm_up.0.saturating_add(steps)
}
