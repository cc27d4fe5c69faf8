//! `lab clean`: finishes the undo of runs whose driver is gone.

use std::time::Duration;

use kubsets_undo::manage::journals;
use kubsets_undo::{Kind, ManageError, Orphan, RunId, StateDir};

use crate::app::App;
use crate::ui::{Cell, ExitCode, Risk, Table, Tone};

/// Time for requests under way before a workload that a run made is removed.
const DRAIN: Duration = Duration::from_secs(2);

/// Arguments of `lab clean`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The run; without it every run that is left
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
}

/// Undoes what is left of runs. Exit code 7 when something is still not as before.
///
/// # Errors
/// When there is no cluster, or it refuses.
pub(super) async fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    let left = journals(&access, Kind::Lab).await?.into_iter().map(|journal| journal.claim.run);
    let left: Vec<RunId> = left.filter(|run| args.run.as_ref().is_none_or(|wanted| wanted == run)).collect();
    let swept = kubsets_undo::manage::sweep(&access, Kind::Lab).await?;
    for run in &swept {
        app.ui.message(format!("run {run} had changed nothing yet: its Lease is removed"));
    }
    if left.is_empty() {
        if swept.is_empty() {
            app.ui.message("nothing is left of any run");
        }
        return Ok(ExitCode::Success);
    }
    app.ui.confirm(Risk::Moderate, &format!("undo what is left of {} runs", left.len()))?;
    let state = StateDir::at(app.state_dir());
    let mut undone = Vec::new();
    for run in &left {
        let step = app.ui.step(format!("Undoing run {run}"));
        let orphan = match Orphan::adopt(&access, &state, Kind::Lab, Some(run)).await {
            Ok(orphan) => orphan,
            // The watchdog, or the run itself, was faster.
            Err(ManageError::NoRun { .. }) => {
                step.done("it is over");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        undone.push(orphan.undo(&access, &state, DRAIN).await?);
        step.done("");
    }
    let complete = undone.iter().all(|one| one.equal);
    app.ui.emit("LabClean", &undone, |style| {
        let mut table = Table::new(["RUN", "OBJECT", "AS BEFORE"]);
        for one in &undone {
            for comparison in &one.comparisons {
                let (tone, word) = if comparison.equal { (Tone::Good, "yes") } else { (Tone::Bad, "no") };
                table.row([
                    one.run.to_string().into(),
                    comparison.object.to_string().into(),
                    Cell::new(tone, word),
                ]);
            }
        }
        table.render(style)
    })?;
    Ok(if complete { ExitCode::Success } else { ExitCode::CleanupIncomplete })
}
