//! A canary that is a run of its own, as the lab that it is run as.

use kubsets_delivery::RunVerdict;
use kubsets_engine::{Outcome, Verdict};

/// What the engine says of a canary, as the canary's exit code has it: a lab may expect what is no success of a release.
/// Without an outcome of the canary there is no success either.
pub(crate) fn released(ended: Outcome, canary: Option<&kubsets_delivery::Outcome>) -> Outcome {
    let verdict = match canary.map(|canary| canary.verdict) {
        Some(RunVerdict::Promoted) if canary.is_some_and(|canary| canary.exit_code == 0) => return ended,
        Some(RunVerdict::Promoted | RunVerdict::Inconclusive | RunVerdict::Invalid) => Verdict::Inconclusive,
        Some(RunVerdict::RolledBack) => Verdict::Fail,
        Some(RunVerdict::Aborted) => Verdict::Aborted,
        Some(RunVerdict::Error) | None => Verdict::Error,
    };
    let verdict = if ended.verdict == Verdict::Pass { verdict } else { ended.verdict };
    let reason = canary.map_or_else(|| ended.reason.clone(), |canary| canary.reason.clone());
    Outcome { verdict, reason, ..ended }
}
