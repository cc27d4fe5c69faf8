//! One row for each second of a run, small enough to keep for all of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spread::Spread;
use crate::tick::Tick;

/// Seconds from the start of a run that keep their spread, so that a report stays small: one hour.
const SPREAD_SECONDS: u64 = 3_600;

/// One second of a run in numbers. Latencies are in milliseconds from the planned instant, those of good answers,
/// and as lower bounds those of the requests that were given up in this second; absent in a second without any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Second {
    /// Number of the second from the start of the run, from 0.
    pub second: u64,
    /// Wanted rate at its end.
    pub rate: Option<f64>,
    /// Requests that came due.
    pub planned: u64,
    /// Good answers.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Requests given up after the timeout.
    pub timed_out: u64,
    /// Requests under way at its end.
    pub in_flight: u64,
    /// Requests waiting for a connection at its end.
    pub queued: u64,
    /// Requests given up unsent.
    pub never_sent: u64,
    /// Median latency.
    pub p50_ms: Option<f64>,
    /// 90th percentile of the latency.
    pub p90_ms: Option<f64>,
    /// 99th percentile of the latency.
    pub p99_ms: Option<f64>,
    /// Largest latency.
    pub max_ms: Option<f64>,
    /// How many of the latencies are lower bounds.
    #[serde(default)]
    pub lower_bounds: u64,
    /// Longest delay of the generator itself.
    pub lag_ms: f64,
    /// Whether the generator stood still for so long that this second says nothing about the server.
    pub disturbed: bool,
    /// Spread of the latencies; absent after the first hour of a run.
    #[serde(default, skip_serializing_if = "Spread::is_empty")]
    pub spread: Spread,
    /// Answers and bad answers by version.
    pub versions: BTreeMap<String, (u64, u64)>,
}

impl Second {
    pub(crate) fn of(tick: &Tick) -> Self {
        let corrected = tick.corrected();
        let at = |quantile| corrected.quantile(quantile).map(|value| value.as_secs_f64() * 1e3);
        Self {
            second: tick.second,
            rate: tick.rate,
            planned: tick.planned,
            ok: tick.ok,
            failed: tick.failed,
            timed_out: tick.timed_out,
            in_flight: tick.in_flight,
            queued: tick.queued,
            never_sent: tick.never_sent,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            lower_bounds: tick.lower_bounds.count(),
            lag_ms: tick.lag_ms,
            disturbed: tick.disturbed,
            spread: if tick.second < SPREAD_SECONDS { Spread::of(&corrected) } else { Spread::default() },
            versions: tick.versions.iter().map(|(name, v)| (name.clone(), (v.count, v.bad))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Latencies;

    #[test]
    fn requests_without_an_answer_are_in_the_figures() {
        let of = |text| serde_json::from_str::<Latencies>(text).unwrap();
        let tick =
            Tick { latencies: of("[[1000000,9]]"), lower_bounds: of("[[4000000000,1]]"), ..Tick::default() };
        let second = Second::of(&tick);
        assert_eq!((second.p50_ms, second.p99_ms, second.lower_bounds), (Some(1.0), Some(4000.0), 1));
        assert_eq!(second.spread, Spread::of(&of("[[1000000,9],[4000000000,1]]")));
    }

    #[test]
    fn the_spread_is_kept_for_an_hour() {
        let latencies: Latencies = serde_json::from_str("[[1000000,3]]").unwrap();
        let second = |second| Second::of(&Tick { second, latencies: latencies.clone(), ..Tick::default() });
        assert_eq!(second(3_599).spread, Spread::of(&latencies));
        assert!(second(3_600).spread.is_empty());
    }
}
