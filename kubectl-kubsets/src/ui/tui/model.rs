//! What the live picture shows.

use std::collections::VecDeque;

use crate::ui::style::Tone;

/// Seconds of history that sparklines can show.
const HISTORY: usize = 240;

/// Lines of the log that are kept.
const LOG: usize = 200;

/// What is known before the first event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Context of the kubeconfig.
    pub(crate) context: String,
    /// Lab, or the Deployment where there is none.
    pub(crate) title: String,
}

/// One second of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// One side: the stable version or the canary.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Version, as its answers name it.
    pub(super) version: String,
    pub(super) history: VecDeque<Sample>,
    pub(super) requests: u64,
    pub(super) failed: u64,
}

impl Side {
    pub(super) fn add(&mut self, sample: Sample) {
        self.requests += sample.requests;
        self.failed += sample.failed;
        self.history.push_back(sample);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    pub(super) fn last(&self) -> Sample {
        self.history.back().copied().unwrap_or_default()
    }

    /// Share of failed requests since the run began.
    pub(super) fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.failed as f64 / self.requests as f64)
    }
}

/// The share of traffic as measured, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    pub(super) percent: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) total: u64,
}

/// Evidence against what it has to reach.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gauge {
    pub(super) value: f64,
    pub(super) needed: f64,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) seconds: f64,
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// Everything that the picture shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct CanaryView {
    pub(super) facts: Facts,
    pub(super) run: String,
    pub(super) namespace: String,
    pub(super) deployment: String,
    pub(super) url: String,
    pub(super) rate: f64,
    /// Seconds since the run began.
    pub(super) seconds: f64,
    /// What is being done, in words.
    pub(super) doing: String,
    /// Shares of the steps in percent.
    pub(super) steps: Vec<f64>,
    /// Number of the step from 1; 0 before the first.
    pub(super) step: usize,
    pub(super) step_began: f64,
    pub(super) step_budget: f64,
    pub(super) percent: f64,
    pub(super) share: Option<Share>,
    pub(super) stable: Side,
    pub(super) canary: Side,
    pub(super) fail: Gauge,
    pub(super) pass: Gauge,
    pub(super) reason: String,
    pub(super) dropped: u64,
    pub(super) never_sent: u64,
    pub(super) in_flight: u64,
    pub(super) log: VecDeque<Line>,
    /// The decision, once there is one.
    pub(super) decision: Option<(Tone, String)>,
    pub(super) finished: bool,
    /// The question whether to abort is open.
    pub(super) asking: bool,
    /// Abort was asked for.
    pub(super) aborting: bool,
    /// The log takes the whole screen.
    pub(super) log_only: bool,
    /// Seconds of the record per second, where a record is shown again.
    pub(super) replay: Option<f64>,
}

impl CanaryView {
    /// An empty picture.
    pub(crate) fn new(facts: Facts) -> Self {
        Self { facts, doing: "starting".to_owned(), ..Self::default() }
    }

    /// The same picture for a record that is shown again at this speed; 0 is at once.
    pub(crate) fn replayed(mut self, speed: f64) -> Self {
        self.replay = Some(speed);
        self
    }

    /// Whether a record is shown again.
    pub(super) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// Adds a line to the log.
    pub(super) fn note(&mut self, tone: Tone, text: impl Into<String>) {
        self.log.push_back(Line { seconds: self.seconds, tone, text: text.into() });
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }

    /// Failed requests that users saw so far.
    pub(super) fn failed_for_users(&self) -> u64 {
        self.stable.failed + self.canary.failed + self.dropped
    }

    /// Seconds that the current step has taken.
    pub(super) fn step_seconds(&self) -> f64 {
        (self.seconds - self.step_began).max(0.0)
    }

    /// Seconds at most until the last step ends, where steps have begun.
    pub(super) fn longest_left(&self) -> Option<f64> {
        if self.step == 0 || self.finished || self.decision.is_some() {
            return None;
        }
        let later = self.steps.len().saturating_sub(self.step) as f64;
        Some((self.step_budget - self.step_seconds()).max(0.0) + later * self.step_budget)
    }
}
