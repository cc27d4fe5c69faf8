//! What a run tells while it goes on. Nothing here prints: subscribers do.

use std::time::Instant;

use kubsets_judge::{Block, Counts, Tick};
use kubsets_kube::ObjectRef;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use crate::outcome::{Outcome, ShareReport, SwitchReport, UndoReport};

pub use kubsets_load::Spread;

/// Good answers by how slow they were: what the judge counts of latencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowTick {
    /// Answers with a latency.
    pub answers: u64,
    /// Those among them above each threshold that stable's median, 90th and 99th percentile gave.
    pub above: [u64; 3],
}

impl SlowTick {
    /// Both sides by each threshold, in the order of [`Indicator::SLOW`](kubsets_judge::Indicator::SLOW).
    pub fn blocks(stable: Self, canary: Self) -> [Block; 3] {
        let counts = |side: Self, place: usize| Counts::new(side.answers, side.above[place]);
        std::array::from_fn(|place| Block::new(counts(stable, place), counts(canary, place)))
    }
}

/// Requests of one side in one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SideTick {
    /// Answers.
    pub requests: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
    /// Spread of the latencies of good answers, for a heat map.
    #[serde(default, skip_serializing_if = "Spread::is_empty")]
    pub spread: Spread,
    /// Slow answers; absent before stable's latency is known, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowTick>,
}

/// One second of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TickEvent {
    /// Second of the load.
    pub second: u64,
    /// Share ordered for the canary, in percent.
    pub percent: f64,
    /// Whether the judge counted this second.
    pub judged: bool,
    /// Whether the load generator itself stalled, so that the second says nothing of either version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stalled: bool,
    /// Requests that came due.
    pub planned: u64,
    /// The stable side.
    pub stable: SideTick,
    /// The canary side.
    pub canary: SideTick,
    /// Requests without an answer from either version: resets, timeouts, errors of the gateway.
    pub dropped: u64,
    /// Requests given up unsent.
    pub never_sent: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Evidence that the canary is worse.
    pub fail_evidence: f64,
    /// Evidence that FAIL needs.
    pub fail_needed: f64,
    /// Evidence of this step that the canary is below the limit.
    pub pass_evidence: f64,
    /// Evidence that the step needs.
    pub pass_needed: f64,
    /// Measured share of this step.
    pub share: Option<ShareReport>,
    /// The judge's sentence.
    pub reason: String,
}

impl TickEvent {
    /// The second as the judge saw it; without latencies where they are not on record. Requests that neither
    /// version answered are put down to the side that is short of its share.
    pub fn judge_tick(&self) -> Tick {
        if self.stalled {
            return Tick::down(1.0);
        }
        let share = self.percent / 100.0;
        let total = self.stable.requests + self.canary.requests + self.dropped;
        let due = (share * total as f64).round() as u64;
        let of_canary = due.saturating_sub(self.canary.requests).min(self.dropped);
        let side = |tick: &SideTick, lost: u64| Counts::new(tick.requests + lost, tick.failed + lost);
        let block = Block::new(side(&self.stable, self.dropped - of_canary), side(&self.canary, of_canary));
        let [slow50, slow90, slow99] = match (self.stable.slow, self.canary.slow) {
            (Some(stable), Some(canary)) => SlowTick::blocks(stable, canary),
            _ => [Block::default(); 3],
        };
        Tick { slow50, slow90, slow99, ..Tick::errors(share, block) }
    }
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RunEvent {
    /// The run begins.
    Started {
        /// Name of the run.
        run: String,
        /// Lab, if it is one.
        lab: Option<String>,
        /// Deployment under release.
        deployment: String,
        /// Namespace.
        namespace: String,
        /// Hash of the plan.
        plan_hash: String,
        /// Address of the gateway.
        url: String,
        /// Requests per second.
        rate: f64,
        /// Shares of the steps in percent.
        steps: Vec<f64>,
    },
    /// What is being done now, such as waiting for pods.
    Doing {
        /// In words.
        what: String,
    },
    /// An object was made, changed or removed.
    Object {
        /// `created`, `changed`, `restored` or `removed`.
        change: String,
        /// The object.
        object: ObjectRef,
    },
    /// Something that does not stop the run.
    Warning {
        /// In words.
        message: String,
    },
    /// Both versions answer through the gateway.
    Ready {
        /// Version that stable pods name.
        stable: Vec<String>,
        /// Version that canary pods name.
        canary: String,
    },
    /// Stable's latency is known; requests above these are slow.
    Frozen {
        /// Requests measured.
        requests: u64,
        /// Thresholds in milliseconds for the median, 90th and 99th percentile.
        thresholds_ms: [f64; 3],
        /// Rises of the shares of slow requests that matter; absent in older records.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        margins: Option<[f64; 3]>,
        /// Slow answers among those measured; absent in older records.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slow: Option<SlowTick>,
    },
    /// A step begins.
    StepBegan {
        /// Number from 1.
        step: usize,
        /// Number of steps.
        of: usize,
        /// Share ordered, in percent.
        percent: f64,
        /// Canary replicas.
        replicas: u32,
        /// Seconds that the step may take.
        budget_seconds: f64,
    },
    /// A second has passed.
    Tick(Box<TickEvent>),
    /// Traffic was moved, and what it did to requests.
    Switched(SwitchReport),
    /// A step ended.
    StepEnded {
        /// Number from 1.
        step: usize,
        /// Whether it passed.
        passed: bool,
        /// Seconds that it took.
        seconds: f64,
        /// Measured share.
        share: ShareReport,
    },
    /// The judge or the user has decided.
    Decided {
        /// `promote`, `roll-back`, ….
        decision: String,
        /// Why.
        reason: String,
    },
    /// Everything is as before.
    Undone(UndoReport),
    /// The run has ended.
    Finished(Box<Outcome>),
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Time of day, RFC 3339.
    pub at: String,
    /// Seconds since the run began.
    pub seconds: f64,
    /// The event.
    pub event: RunEvent,
}

/// Hands events to whoever listens. Cheap to clone; a missing listener is no error.
#[derive(Debug, Clone)]
pub struct Events {
    sender: Option<UnboundedSender<Record>>,
    start: Instant,
}

impl Events {
    /// Events for a listener.
    pub fn new(sender: UnboundedSender<Record>) -> Self {
        Self { sender: Some(sender), start: Instant::now() }
    }

    /// Events that nobody hears.
    pub fn silent() -> Self {
        Self { sender: None, start: Instant::now() }
    }

    /// Seconds since the run began.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Tells an event.
    pub fn emit(&self, event: RunEvent) {
        let Some(sender) = &self.sender else { return };
        let at = jiff::Timestamp::now().to_string();
        // A listener that has gone must not stop a run.
        let _ = sender.send(Record { at, seconds: self.seconds(), event });
    }

    /// Tells what is being done.
    pub(crate) fn doing(&self, what: impl Into<String>) {
        self.emit(RunEvent::Doing { what: what.into() });
    }

    /// Tells of a change of an object.
    pub(crate) fn object(&self, change: &str, object: &ObjectRef) {
        self.emit(RunEvent::Object { change: change.to_owned(), object: object.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_with_seconds_of_their_own_keep_both() {
        let share = ShareReport::new(10.0, 60, 600);
        let event = RunEvent::StepEnded { step: 1, passed: true, seconds: 8.0, share };
        let record = Record { at: "2026-01-01T00:00:00Z".into(), seconds: 25.0, event };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert!(serde_json::from_str::<Record>(r#"{"at":"x","event":{"type":"doing","what":"y"}}"#).is_err());
        assert!(
            serde_json::from_str::<Record>(r#"{"at":"x","seconds":1,"event":{"type":"nothing"}}"#).is_err()
        );
    }

    #[test]
    fn seconds_recorded_without_a_spread_or_slow_answers_are_read() {
        let old = r#"{"requests":1,"failed":0,"p50Ms":0.7,"p99Ms":null}"#;
        let side: SideTick = serde_json::from_str(old).unwrap();
        assert!(side.spread.is_empty() && side.slow.is_none());
        assert_eq!(serde_json::to_string(&side).unwrap(), old);
        let frozen = r#"{"type":"frozen","requests":1500,"thresholdsMs":[1.0,2.0,3.0]}"#;
        let event: RunEvent = serde_json::from_str(frozen).unwrap();
        assert!(matches!(event, RunEvent::Frozen { margins: None, slow: None, .. }));
        assert_eq!(serde_json::to_string(&event).unwrap(), frozen);
        let tick = serde_json::to_value(TickEvent::default()).unwrap();
        assert!(tick.get("stalled").is_none());
    }

    #[test]
    fn requests_without_an_answer_go_to_the_side_that_is_short() {
        let side = |requests, failed| SideTick { requests, failed, ..SideTick::default() };
        let judged = |stable, canary| {
            let tick = TickEvent { percent: 10.0, stable, canary, dropped: 6, ..TickEvent::default() };
            tick.judge_tick().error
        };
        let seen = judged(side(90, 1), side(4, 0));
        assert_eq!((seen.canary, seen.stable), (Counts::new(10, 6), Counts::new(90, 1)));
        let seen = judged(side(84, 0), side(10, 0));
        assert_eq!((seen.canary, seen.stable), (Counts::new(10, 0), Counts::new(90, 6)));
    }

    #[test]
    fn records_are_read_back() {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let events = Events::new(sender);
        events.doing("waiting for pods");
        events.emit(RunEvent::Tick(Box::new(TickEvent { second: 3, ..TickEvent::default() })));
        let first = receiver.try_recv().unwrap();
        let json = serde_json::to_value(&first).unwrap();
        assert_eq!(json["event"]["type"], "doing");
        assert_eq!(json["event"]["what"], "waiting for pods");
        assert_eq!(serde_json::from_value::<Record>(json).unwrap(), first);
        let tick = receiver.try_recv().unwrap();
        let text = serde_json::to_string(&tick).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), tick);
        drop(receiver);
        events.doing("nobody listens");
    }
}
