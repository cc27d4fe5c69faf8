//! What a run tells while it goes on. Nothing here prints: subscribers do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kubsets_kube::ObjectRef;
use kubsets_load::Spread;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::outcome::{Checked, Outcome, StepStatus, UndoReport};
use crate::pods::PodChanges;

/// When the steady state is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before the first step.
    Before,
    /// After the undo.
    After,
}

/// One second of a load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadTick {
    /// Name of the load's step.
    pub load: String,
    /// Second of the load.
    pub second: u64,
    /// Requests that came due.
    pub planned: u64,
    /// Good answers.
    pub ok: u64,
    /// Failed requests: errors, failed statuses and timeouts.
    pub failed: u64,
    /// Requests given up unsent.
    pub never_sent: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Median latency in milliseconds, that of requests without an answer as a lower bound.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the latency in milliseconds.
    pub p99_ms: Option<f64>,
    /// Spread of the latencies, for a heat map.
    #[serde(default, skip_serializing_if = "Spread::is_empty")]
    pub spread: Spread,
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum LabEvent {
    /// The run begins.
    Started {
        /// Name of the run.
        run: String,
        /// Full name of the lab.
        lab: String,
        /// What it is to answer.
        question: String,
        /// Namespace that it works in.
        namespace: String,
        /// Hash of the plan.
        plan_hash: String,
        /// Names of the steps.
        steps: Vec<String>,
        /// Seconds that it takes at most.
        longest_seconds: f64,
    },
    /// A need was looked at.
    Need {
        /// In words.
        need: String,
        /// Whether it is met.
        met: bool,
        /// What was found, and the command that supplies what is missing.
        detail: String,
    },
    /// A probe of the steady state was made.
    Steady {
        /// Before the first step or after the undo.
        when: When,
        /// What was looked at and seen.
        checked: Checked,
    },
    /// A step begins.
    StepBegan {
        /// Number from 1.
        step: usize,
        /// Name.
        name: String,
        /// Word of its operation.
        operation: String,
        /// Question for an audience.
        question: Option<String>,
        /// Seconds that it may take.
        timeout_seconds: f64,
    },
    /// What is being done or waited for now, with the last observed value.
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
    /// A second of a load has passed.
    Load(LoadTick),
    /// Pods of the namespace have changed.
    Pods(PodChanges),
    /// Something happened in a canary that is a step of this lab.
    Canary(Box<kubsets_delivery::Record>),
    /// A step ended.
    StepEnded {
        /// Number from 1.
        step: usize,
        /// How.
        status: StepStatus,
        /// Seconds that it took.
        seconds: f64,
        /// Why it failed, or what came out in a few words.
        message: String,
        /// What expressions find under its name.
        result: Value,
    },
    /// An expectation was checked.
    Expected(Checked),
    /// Evidence collected because the lab failed.
    Evidence {
        /// What it is.
        title: String,
        /// Text, bounded.
        text: String,
    },
    /// Something that does not stop the run.
    Warning {
        /// In words.
        message: String,
    },
    /// Everything is as before, or what is not.
    Undone(UndoReport),
    /// The run has ended.
    Finished(Box<Outcome>),
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabRecord {
    /// Time of day, RFC 3339.
    pub at: String,
    /// Seconds since the run began.
    pub seconds: f64,
    /// The event.
    pub event: LabEvent,
}

/// Hands events to whoever listens. Cheap to clone; a missing listener is no error.
#[derive(Debug, Clone)]
pub struct LabEvents {
    sender: UnboundedSender<LabRecord>,
    start: Instant,
    /// What was told last in the step that is under way.
    doing: Arc<Mutex<Option<String>>>,
}

impl LabEvents {
    /// Events for a listener.
    pub fn new(sender: UnboundedSender<LabRecord>) -> Self {
        Self { sender, start: Instant::now(), doing: Arc::default() }
    }

    /// Seconds since the run began.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Tells an event.
    pub fn emit(&self, event: LabEvent) {
        match &event {
            LabEvent::Doing { what } => self.note(Some(what.clone())),
            LabEvent::StepBegan { .. } => self.note(None),
            _ => {}
        }
        let at = jiff::Timestamp::now().to_string();
        // A listener that has gone must not stop a run.
        let _ = self.sender.send(LabRecord { at, seconds: self.seconds(), event });
    }

    fn note(&self, what: Option<String>) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// What was told last to be done or waited for in the step that is under way.
    pub fn last_doing(&self) -> Option<String> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what is being done.
    pub fn doing(&self, what: impl Into<String>) {
        self.emit(LabEvent::Doing { what: what.into() });
    }

    /// Tells of a change of an object.
    pub fn object(&self, change: &str, object: &ObjectRef) {
        self.emit(LabEvent::Object { change: change.to_owned(), object: object.clone() });
    }
}

#[cfg(test)]
mod tests {
    use kubsets_delivery::{Record, RunEvent, ShareReport};

    use super::*;

    fn survives(event: LabEvent) {
        let record = LabRecord { at: "2026-01-01T00:00:00Z".into(), seconds: 25.5, event };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<LabRecord>(&text).unwrap(), record, "{text}");
    }

    #[test]
    fn events_with_seconds_of_their_own_keep_both() {
        let message = "3 pods".to_owned();
        let status = StepStatus::Passed;
        survives(LabEvent::StepEnded { step: 2, status, seconds: 8.0, message, result: Value::Null });
        survives(LabEvent::Undone(UndoReport { seconds: 1.5, equal: true, ..UndoReport::default() }));
        survives(LabEvent::Load(LoadTick {
            load: "users".into(),
            second: 3,
            ok: 100,
            ..LoadTick::default()
        }));
    }

    #[test]
    fn a_canary_inside_keeps_its_own_record() {
        let share = ShareReport::new(10.0, 60, 600);
        for event in [
            RunEvent::Doing { what: "waiting for pods".into() },
            RunEvent::StepEnded { step: 1, passed: true, seconds: 8.0, share },
        ] {
            let record = Record { at: "2026-01-01T00:00:09Z".into(), seconds: 9.0, event };
            survives(LabEvent::Canary(Box::new(record)));
        }
    }

    #[test]
    fn a_line_without_time_or_with_an_unknown_event_is_refused() {
        for text in [
            r#"{"at":"x","event":{"type":"doing","what":"y"}}"#,
            r#"{"seconds":1,"event":{"type":"doing","what":"y"}}"#,
            r#"{"at":"x","seconds":1,"event":{"type":"nothing"}}"#,
            r#"{"at":"x","seconds":1,"event":{"type":"canary","what":"y"}}"#,
        ] {
            assert!(serde_json::from_str::<LabRecord>(text).is_err(), "{text}");
        }
    }
}
