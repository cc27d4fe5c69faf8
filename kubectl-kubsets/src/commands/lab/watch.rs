//! The live picture of a lab, which a canary that is a run of its own is too.

use kubsets_engine::LabRecord;
use kubsets_kube::Access;
use kubsets_undo::caught;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::follow;
use crate::app::App;
use crate::ui::tui::{self, End, LabFacts, LabView};

/// Shows the picture until the events end or the user leaves; lines, where it cannot be drawn or breaks.
pub(crate) async fn watch(
    app: &App,
    access: &Access,
    lab: &str,
    mut events: UnboundedReceiver<LabRecord>,
    (cancel, leave): (&CancellationToken, &CancellationToken),
) {
    let facts = LabFacts { context: access.facts().context.clone(), lab: lab.to_owned() };
    let picture = tui::show(LabView::new(facts), &mut events, cancel.clone(), app.ui.style());
    let why = match caught(picture).await {
        Ok(Ok(End::Finished)) => return,
        Ok(Ok(End::Left)) => return leave.cancel(),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic,
    };
    // The run goes on: only its picture is lost.
    app.ui.warn(format!("the live picture cannot be drawn, lines follow: {why}"));
    follow::follow(&app.ui, events).await;
}
