//! The record of a run: its plan, every event as a JSON line, and its outcome.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};

use kubsets_undo::{RunId, StateDir, StateError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::event::{Record, RunEvent};
use crate::outcome::Outcome;
use crate::plan::Plan;

/// File with the plan.
pub const PLAN_FILE: &str = "plan.json";
/// File with one event per line.
pub const EVENTS_FILE: &str = "events.jsonl";
/// File with the outcome.
pub const RUN_FILE: &str = "run.json";
/// File with the load generator's report.
pub const LOAD_FILE: &str = "load.json";

/// Writes events to the run's folder on their way to the listener.
#[derive(Debug)]
pub(crate) struct Recorder {
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts a record. What is sent to the returned sender is written and handed on.
    pub(crate) fn start(
        state: &StateDir,
        plan: &Plan,
        listener: UnboundedSender<Record>,
    ) -> Result<(Self, UnboundedSender<Record>), StateError> {
        state.write(&plan.run, PLAN_FILE, plan)?;
        let path = state.run(&plan.run).join(EVENTS_FILE);
        // A record that cannot be written must not keep a canary from going back: it is left out.
        let file = OpenOptions::new().create(true).append(true).open(path).ok();
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(copy(file.map(BufWriter::new), receiver, listener));
        Ok((Self { task }, sender))
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(self) {
        let _ = self.task.await;
    }
}

async fn copy(
    mut file: Option<BufWriter<File>>,
    mut from: UnboundedReceiver<Record>,
    to: UnboundedSender<Record>,
) {
    while let Some(record) = from.recv().await {
        if let Some(file) = &mut file {
            let written = serde_json::to_writer(&mut *file, &record).map_err(std::io::Error::from);
            let written = written.and_then(|()| file.write_all(b"\n")).and_then(|()| file.flush());
            if let Err(error) = written {
                tracing::warn!(%error, "an event could not be recorded");
            }
        }
        let _ = to.send(record);
    }
}

/// The outcome of a run on record; `None` when it has none (it is running or was killed).
///
/// # Errors
/// [`StateError`] when the file is there but cannot be read.
pub fn outcome(state: &StateDir, run: &RunId) -> Result<Option<Outcome>, StateError> {
    state.read(run, RUN_FILE)
}

/// The plan of a run on record.
///
/// # Errors
/// [`StateError`] when the file is there but cannot be read.
pub fn recorded_plan(state: &StateDir, run: &RunId) -> Result<Option<Plan>, StateError> {
    state.read(run, PLAN_FILE)
}

/// The events of a run on record, in order; lines cut off by a kill are left out.
///
/// # Errors
/// [`std::io::Error`] when the file cannot be read.
pub fn events(state: &StateDir, run: &RunId) -> std::io::Result<Vec<Record>> {
    let text = std::fs::read_to_string(state.run(run).join(EVENTS_FILE))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Sentences that explain what a run on record decided and why.
///
/// # Errors
/// [`std::io::Error`] when the record cannot be read.
pub fn explain(state: &StateDir, run: &RunId) -> std::io::Result<Vec<String>> {
    let line = |record: &Record| {
        let text = match &record.event {
            RunEvent::Doing { what } => what.clone(),
            RunEvent::Warning { message } => format!("warning: {message}"),
            RunEvent::Ready { stable, canary } => {
                format!("stable answers as {}, the canary as {canary}", stable.join(", "))
            }
            RunEvent::StepBegan { step, of, percent, .. } => format!("step {step} of {of}: {percent}%"),
            RunEvent::StepEnded { passed, share, .. } => format!(
                "step {}: measured share {:.1}% ± {:.1}",
                if *passed { "passed" } else { "ended" },
                share.percent,
                share.half_width()
            ),
            RunEvent::Decided { decision, reason } => format!("{decision}: {reason}"),
            RunEvent::Switched(switch) => format!(
                "moved {}% to {}%: {} of {} requests dropped",
                switch.from_percent, switch.to_percent, switch.dropped, switch.requests
            ),
            RunEvent::Finished(outcome) => format!("{:?}: {}", outcome.verdict, outcome.reason),
            _ => return None,
        };
        Some(format!("{:7.1} s  {text}", record.seconds))
    };
    Ok(events(state, run)?.iter().filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;
    use crate::plan::tests::plan_for;
    use crate::spec::CanarySpec;

    #[tokio::test]
    async fn events_reach_the_disk_and_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "2".into());
        let plan = plan_for(spec).unwrap();
        let (sender, mut listener) = unbounded_channel();
        let (recorder, sender) = Recorder::start(&state, &plan, sender).unwrap();
        let events_out = Events::new(sender);
        events_out.doing("one");
        events_out.emit(RunEvent::Decided { decision: "promote".into(), reason: "all passed".into() });
        drop(events_out);
        recorder.finish().await;
        assert_eq!(events(&state, &plan.run).unwrap().len(), 2);
        assert!(listener.recv().await.is_some());
        assert_eq!(recorded_plan(&state, &plan.run).unwrap().unwrap(), plan);
        let told = explain(&state, &plan.run).unwrap();
        assert!(told[1].ends_with("promote: all passed"), "{told:?}");
        assert_eq!(outcome(&state, &plan.run).unwrap(), None);
    }
}
