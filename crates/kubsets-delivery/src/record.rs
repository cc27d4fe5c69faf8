//! The record of a run: its plan, every event as a JSON line, and its outcome.

use kubsets_undo::{RunId, StateDir, StateError};

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
    use kubsets_undo::Recorder;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::event::Events;
    use crate::plan::tests::plan_for;
    use kubsets_lab::operation::CanarySpec;

    #[tokio::test]
    async fn events_reach_the_disk_and_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path());
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "2".into());
        let plan = plan_for(spec).unwrap();
        let (sender, mut listener) = unbounded_channel();
        state.write(&plan.run, PLAN_FILE, &plan).unwrap();
        let (recorder, sender) = Recorder::start(&state, &plan.run, EVENTS_FILE, sender);
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
