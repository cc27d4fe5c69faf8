//! The record of a run: its plan, every event as a JSON line, and its outcome.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};

use kubsets_lab::plan::Plan;
use kubsets_undo::{RunId, StateDir, StateError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::event::{LabEvent, LabRecord};

/// File with the plan.
pub const PLAN_FILE: &str = "lab-plan.json";
/// File with one event per line.
pub const EVENTS_FILE: &str = "lab-events.jsonl";
/// File with the outcome.
pub const OUTCOME_FILE: &str = "lab-run.json";

/// Writes events to the run's folder on their way to the listener.
#[derive(Debug)]
pub(crate) struct Recorder {
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts a record. What is sent to the returned sender is written and handed on.
    pub(crate) fn start(
        state: &StateDir,
        run: &RunId,
        plan: &Plan,
        listener: UnboundedSender<LabRecord>,
    ) -> Result<(Self, UnboundedSender<LabRecord>), StateError> {
        state.write(run, PLAN_FILE, plan)?;
        let path = state.run(run).join(EVENTS_FILE);
        // A record that cannot be written must not keep a lab from its undo: it is left out.
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
    mut from: UnboundedReceiver<LabRecord>,
    to: UnboundedSender<LabRecord>,
) {
    while let Some(record) = from.recv().await {
        if let Some(file) = &mut file {
            let written = serde_json::to_writer(&mut *file, &record).map_err(std::io::Error::from);
            let written = written.and_then(|()| file.write_all(b"\n"));
            // A kill in the next moment must not lose what is done; a burst is flushed once.
            let calm = from.is_empty() || matches!(record.event, LabEvent::Finished(_));
            if let Err(error) = written.and_then(|()| if calm { file.flush() } else { Ok(()) }) {
                tracing::warn!(%error, "an event could not be recorded");
            }
        }
        let _ = to.send(record);
    }
}
