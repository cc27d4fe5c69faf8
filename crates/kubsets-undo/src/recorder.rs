//! Events of a run on their way to disk: one JSON line for each, in the run's folder.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};

use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::run_id::RunId;
use crate::state_dir::StateDir;

/// Writes events to a file of the run's folder on their way to the listener.
#[derive(Debug)]
pub struct Recorder {
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts a record. What is sent to the returned sender is appended to `file` and handed on.
    ///
    /// The run's folder has to be there. A record that cannot be written must not keep a run from its
    /// undo: it is left out.
    pub fn start<T: Serialize + Send + 'static>(
        state: &StateDir,
        run: &RunId,
        file: &str,
        listener: UnboundedSender<T>,
    ) -> (Self, UnboundedSender<T>) {
        let file = OpenOptions::new().create(true).append(true).open(state.run(run).join(file)).ok();
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(copy(file.map(BufWriter::new), receiver, listener));
        (Self { task }, sender)
    }

    /// Waits until everything is written.
    pub async fn finish(self) {
        let _ = self.task.await;
    }
}

async fn copy<T: Serialize>(
    mut file: Option<BufWriter<File>>,
    mut from: UnboundedReceiver<T>,
    to: UnboundedSender<T>,
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
