//! Events of a lab as lines.

use kubsets_engine::LabRecord;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::ui::{Format, Printer, lab_log};

/// Shows events until they end: as lines for people, or nothing where the outcome alone is wanted as JSON.
pub(super) async fn follow(ui: &Printer, mut events: UnboundedReceiver<LabRecord>) {
    while let Some(record) = events.recv().await {
        show(ui, &record);
    }
}

/// Shows one event.
fn show(ui: &Printer, record: &LabRecord) {
    if ui.format() == Format::Json {
        return;
    }
    if let Some(text) = lab_log::timed(record, ui.message_style()) {
        ui.message(text);
    }
}
