//! `lab status`: runs that are under way or left, and how the last one ended.

use kubsets_engine::{OUTCOME_FILE, Outcome};
use kubsets_undo::manage::journals;
use kubsets_undo::{Kind, Lease, StateDir};
use serde::Serialize;

use super::outcome;
use crate::app::App;
use crate::ui::{ExitCode, Style, Table};

/// What is going on, and what came of the last run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    runs: Vec<UnderWay>,
    last: Option<Outcome>,
}

/// A run that has a journal in the cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnderWay {
    run: String,
    lab: String,
    started_at: String,
    /// Whether its driver gives signs of life.
    alive: bool,
    /// Objects that its undo touches.
    changes: usize,
}

/// Shows runs in the cluster and the last outcome on record.
///
/// # Errors
/// When there is no cluster, or it refuses.
pub(super) async fn run(app: &App) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    let state = StateDir::at(app.state_dir());
    let last = state.runs().iter().find_map(|run| state.read(run, OUTCOME_FILE).ok().flatten());
    let leases = Lease::list(&access, Some(Kind::Lab)).await?;
    let runs = journals(&access, Kind::Lab).await?.into_iter().map(|journal| UnderWay {
        alive: leases.iter().any(|lease| lease.is_of(&journal.claim.run) && !lease.is_expired()),
        changes: journal.entries().len(),
        run: journal.claim.run.to_string(),
        lab: journal.claim.subject,
        started_at: journal.started_at,
    });
    let status = Status { runs: runs.collect(), last };
    app.ui.emit("LabStatus", &status, |style| describe(&status, style))?;
    Ok(ExitCode::Success)
}

fn describe(status: &Status, style: Style) -> String {
    let mut text = String::new();
    if status.runs.is_empty() {
        text.push_str("no run is under way\n");
    } else {
        let mut table = Table::new(["RUN", "LAB", "DRIVER", "CHANGES"]).right([3]);
        for run in &status.runs {
            let driver = if run.alive { "alive" } else { "gone: `kubectl kubsets lab clean` undoes it" };
            table.row([
                run.run.clone().into(),
                run.lab.clone().into(),
                driver.into(),
                run.changes.to_string().into(),
            ]);
        }
        text.push_str(&table.render(style));
    }
    if let Some(last) = &status.last {
        append!(text, "\nlast run\n{}", outcome::describe(last, style));
    }
    text
}
