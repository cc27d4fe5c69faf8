//! Events of a run on their way to disk: one JSON line for each, in the run's folder.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};

use kubsets_lab::Secrets;
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    /// Starts a record. What is sent to the returned sender is appended to `file` and handed on, both without the
    /// [secrets](StateDir::hiding) of the folder.
    ///
    /// The run's folder has to be there. A record that cannot be written must not keep a run from its
    /// undo: it is left out.
    pub fn start<T: Serialize + DeserializeOwned + Send + 'static>(
        state: &StateDir,
        run: &RunId,
        file: &str,
        listener: UnboundedSender<T>,
    ) -> (Self, UnboundedSender<T>) {
        let file = OpenOptions::new().create(true).append(true).open(state.run(run).join(file)).ok();
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(copy(file.map(BufWriter::new), state.secrets().clone(), receiver, listener));
        (Self { task }, sender)
    }

    /// Waits until everything is written.
    pub async fn finish(self) {
        let _ = self.task.await;
    }
}

async fn copy<T: Serialize + DeserializeOwned>(
    mut file: Option<BufWriter<File>>,
    secrets: Secrets,
    mut from: UnboundedReceiver<T>,
    to: UnboundedSender<T>,
) {
    while let Some(mut record) = from.recv().await {
        if !secrets.is_empty() {
            let Some(told) = secrets.removed_from(&record) else {
                tracing::warn!("an event is left out: without a secret in it it has no meaning");
                continue;
            };
            record = told;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn neither_the_file_nor_the_listener_hears_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::at(folder.path()).hiding(&Secrets::new(["s3cret-of-mine"]));
        let run = RunId::generate();
        state.write(&run, "x.json", &1).unwrap();
        let (listener, mut heard) = unbounded_channel();
        let (recorder, sender) = Recorder::start(&state, &run, "events.jsonl", listener);
        sender.send("GET /?token=s3cret-of-mine".to_owned()).unwrap();
        drop(sender);
        recorder.finish().await;
        assert_eq!(heard.recv().await.as_deref(), Some("GET /?token=(hidden)"));
        let text = std::fs::read_to_string(state.run(&run).join("events.jsonl")).unwrap();
        assert_eq!(text, "\"GET /?token=(hidden)\"\n");
    }
}
