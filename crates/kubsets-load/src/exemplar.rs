//! A few single requests worth looking at: the slowest and the first failed ones, with their traces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outcome::{ErrorKind, Outcome};
use crate::tally::Sample;

const KEPT: usize = 8;

/// One request worth looking at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exemplar {
    /// Planned instant in seconds from the start of the run.
    pub at_s: f64,
    /// Milliseconds from the planned instant to the end of the request.
    pub latency_ms: f64,
    /// Number of the target in the specification.
    pub target: usize,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed; `None` for a slow but good answer.
    pub error: Option<ErrorKind>,
    /// Version that the answer named.
    pub version: Option<String>,
    /// W3C trace identifier that was sent with the request, if tracing was on.
    pub trace_id: Option<String>,
}

/// Keeps the slowest requests and the first failed ones.
#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    slow: Vec<(u64, Exemplar)>,
    floor: u64,
    failed: Vec<Exemplar>,
}

impl Exemplars {
    pub(crate) fn offer(&mut self, sample: &Sample<'_>, latency: u64, failure: Option<ErrorKind>) {
        let error = failure.or((sample.outcome == Outcome::TimedOut).then_some(ErrorKind::Timeout));
        if error.is_some() {
            if self.failed.len() < KEPT {
                self.failed.push(exemplar(sample, latency, error));
            }
        } else if self.slow.len() < KEPT || latency > self.floor {
            self.slow.push((latency, exemplar(sample, latency, None)));
            self.slow.sort_unstable_by_key(|(latency, _)| std::cmp::Reverse(*latency));
            self.slow.truncate(KEPT);
            self.floor = self.slow.last().map_or(0, |(latency, _)| *latency);
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Exemplar> {
        let slow = std::mem::take(&mut self.slow).into_iter().map(|(_, exemplar)| exemplar);
        slow.chain(std::mem::take(&mut self.failed)).collect()
    }
}

/// Of the exemplars of several workers, the slowest and the earliest failed.
pub(crate) fn merge(all: Vec<Exemplar>) -> Vec<Exemplar> {
    let (mut slow, mut failed): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.error.is_none());
    slow.sort_by(|a, b| b.latency_ms.total_cmp(&a.latency_ms));
    failed.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    slow.truncate(KEPT);
    failed.truncate(KEPT);
    slow.extend(failed);
    slow
}

fn exemplar(sample: &Sample<'_>, latency: u64, error: Option<ErrorKind>) -> Exemplar {
    Exemplar {
        at_s: sample.planned as f64 / 1e9,
        latency_ms: latency as f64 / 1e6,
        target: sample.target,
        status: match sample.outcome {
            Outcome::Answer(status) => Some(status),
            Outcome::Error(_) | Outcome::TimedOut => None,
        },
        error,
        version: sample.version.map(|v| String::from_utf8_lossy(v).into_owned()),
        trace_id: sample.trace_id.map(|id| format!("{id:032x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowest_and_first_failed_are_kept() {
        let mut exemplars = Exemplars::default();
        for number in 0..100_u64 {
            let outcome = if number % 10 == 3 { Outcome::TimedOut } else { Outcome::Answer(200) };
            let sample = Sample {
                target: 0,
                version: None,
                outcome,
                planned: number,
                sent: 0,
                done: 0,
                trace_id: Some(u128::from(number)),
            };
            exemplars.offer(&sample, number * 1_000_000, None);
        }
        let kept = exemplars.take();
        let slow: Vec<f64> = kept.iter().filter(|e| e.error.is_none()).map(|e| e.latency_ms).collect();
        assert_eq!(slow, [99.0, 98.0, 97.0, 96.0, 95.0, 94.0, 92.0, 91.0]);
        let failed = kept.iter().find(|e| e.error == Some(ErrorKind::Timeout)).unwrap();
        assert_eq!(failed.trace_id.as_deref(), Some("00000000000000000000000000000003"));
    }
}
