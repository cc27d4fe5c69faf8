//! Events of a lab as lines.

use kubsets_engine::LabRecord;
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::ui::{Failure, Format, LabLog, Printer, Style};

/// Whether a program reads along, of every command that runs a lab.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Print every event as a line of JSON while the run goes on, and its outcome as the last line
    #[arg(long = "events")]
    pub(crate) along: bool,
}

impl Reading {
    /// Refuses another form than that of the events.
    ///
    /// # Errors
    /// When one was asked for.
    pub(crate) fn check(self, format: Format) -> Result<(), Failure> {
        if self.along && !matches!(format, Format::Table | Format::Json) {
            return Err(Failure::usage(
                "events come as lines of JSON, --events and another form exclude each other",
            ));
        }
        Ok(())
    }

    /// Prints the outcome of a run: as the last line, or in the form asked for.
    ///
    /// # Errors
    /// When it cannot be serialised.
    pub(crate) fn end<T: Serialize>(
        self,
        ui: &Printer,
        kind: &str,
        outcome: &T,
        text: impl FnOnce(Style) -> String,
    ) -> anyhow::Result<()> {
        if self.along { ui.emit_line(kind, outcome) } else { ui.emit(kind, outcome, text) }
    }
}

/// Shows events until they end: as lines for people, or nothing where the outcome alone is wanted as JSON.
pub(super) async fn follow(ui: &Printer, mut events: UnboundedReceiver<LabRecord>) {
    let mut log = LabLog::default();
    while let Some(record) = events.recv().await {
        if ui.format() != Format::Json
            && let Some(text) = log.timed(&record, ui.message_style())
        {
            ui.message(text);
        }
    }
}

/// Prints events until they end, each as a line of JSON, at once.
pub(crate) async fn print(ui: &Printer, mut events: UnboundedReceiver<LabRecord>) {
    while let Some(record) = events.recv().await {
        match line(&record) {
            Ok(line) => ui.data(&line),
            // The run goes on: only a line of its story is lost.
            Err(error) => ui.warn(format!("an event cannot be written: {error}")),
        }
    }
}

/// As in the record on disk.
fn line(record: &LabRecord) -> serde_json::Result<String> {
    serde_json::to_string(record).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use kubsets_engine::LabEvent;

    use super::*;

    #[test]
    fn an_event_is_one_line_that_reads_back() {
        let event = LabEvent::Evidence { title: "logs".into(), text: "one\ntwo".into() };
        let record = LabRecord { at: "2026-01-01T00:00:00Z".into(), seconds: 1.5, event };
        let line = line(&record).expect("is JSON");
        assert_eq!((line.matches('\n').count(), line.ends_with('\n')), (1, true));
        assert_eq!(serde_json::from_str::<LabRecord>(&line).expect("is one"), record);
    }
}
