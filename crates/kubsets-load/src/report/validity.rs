//! Whether a run may be believed: the generator's check of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Percentiles, Series};
use crate::engine::Pause;
use crate::latencies::{Latencies, Recorder};
use crate::outcome::ErrorKind;
use crate::spec::LoadSpec;

/// Lateness beyond this share of the p99 latency distorts it.
const LATENESS_SHARE: f64 = 0.1;

/// How punctual the generator itself was: from the planned instant to handing the request to a connection or
/// the queue. A slow server does not add to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pacing {
    /// Median lateness in microseconds.
    pub p50_us: f64,
    /// 99th percentile of the lateness in microseconds.
    pub p99_us: f64,
    /// Largest lateness in microseconds.
    pub max_us: f64,
    /// Longest pause of the pacing task in milliseconds.
    pub longest_pause_ms: f64,
}

impl Pacing {
    pub(super) fn new(lateness: &Recorder<u64>, pause: Pause) -> Self {
        let lateness = Percentiles::of(&lateness.latencies(), &Latencies::default());
        Self {
            p50_us: lateness.p50 * 1e3,
            p99_us: lateness.p99 * 1e3,
            max_us: lateness.max * 1e3,
            longest_pause_ms: pause.nanos as f64 / 1e6,
        }
    }
}

/// Whether the figures of a run speak of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validity {
    /// False if the generator itself was the trouble.
    pub valid: bool,
    /// Why the run is invalid, in sentences without a full stop.
    pub reasons: Vec<String>,
    /// What limits the figures without making them wrong.
    pub warnings: Vec<String>,
}

impl Validity {
    pub(super) fn judge(
        spec: &LoadSpec,
        total: &Series,
        pacing: &Pacing,
        pause: Pause,
        broken: &[String],
    ) -> Self {
        let mut reasons: Vec<String> =
            broken.iter().map(|error| format!("a worker of the generator broke: {error}")).collect();
        if pause.nanos >= kubsets_schedule::nanos(spec.stall_limit) {
            reasons.push(format!(
                "the generator itself stood still for {:.2} s around second {} (limit {:.2} s)",
                pause.nanos as f64 / 1e9,
                pause.second,
                spec.stall_limit.as_secs_f64()
            ));
        }
        let free = (spec.late_limit.as_secs_f64() * 1e3).max(total.corrected.p99 * LATENESS_SHARE);
        if pacing.p99_us / 1e3 > free {
            reasons.push(format!(
                "the generator could not keep up: 1 % of the requests were taken up more than {:.0} ms late \
                 (limit {free:.0} ms)",
                pacing.p99_us / 1e3
            ));
        }
        if let Some(local) = total.errors.get(&ErrorKind::Local) {
            reasons.push(format!("{local} requests failed for want of local ports or file descriptors"));
        }
        if !total.accounting.holds() {
            reasons.push(format!("the accounting does not add up: {}", total.accounting));
        }
        Self { valid: reasons.is_empty(), reasons, warnings: warnings(spec, total) }
    }
}

fn warnings(spec: &LoadSpec, total: &Series) -> Vec<String> {
    let accounting = total.accounting;
    let mut warnings = Vec::new();
    if accounting.never_sent > 0 {
        warnings.push(format!(
            "{} requests were never sent: {} at once were not enough for this rate and server",
            accounting.never_sent,
            spec.concurrency()
        ));
    }
    if accounting.in_flight_at_end > 0 {
        warnings.push(format!(
            "{} requests had not finished {:.1} s after the last planned instant",
            accounting.in_flight_at_end,
            spec.drain_time().as_secs_f64()
        ));
    }
    if accounting.planned == 0 {
        warnings.push("nothing was planned".to_owned());
    }
    warnings
}
