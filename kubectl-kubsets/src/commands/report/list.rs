//! The runs on record.

use kubsets_delivery::{Outcome, Plan, RunId, RunVerdict, StateDir, record};
use serde::Serialize;

use crate::app::App;
use crate::ui::{Cell, ExitCode, Style, Table, Tone};

/// A run on record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    run: RunId,
    lab: Option<String>,
    deployment: String,
    verdict: Option<RunVerdict>,
    seconds: Option<f64>,
    reason: Option<String>,
}

/// Prints the runs, the newest first. One that cannot be read is left out with a word.
pub(super) fn run(app: &App, state: &StateDir) -> anyhow::Result<ExitCode> {
    let mut listed = Vec::new();
    for run in state.runs() {
        match read(state, &run) {
            Ok(found) => listed.extend(found),
            Err(error) => app.ui.warn(format!("run {run}: {error}")),
        }
    }
    app.ui.emit("RunList", &listed, |style| describe(&listed, style))?;
    Ok(ExitCode::Success)
}

fn read(state: &StateDir, run: &RunId) -> anyhow::Result<Option<Listed>> {
    let Some(plan) = state.read::<Plan>(run, record::PLAN_FILE)? else { return Ok(None) };
    let outcome = state.read::<Outcome>(run, record::RUN_FILE)?;
    Ok(Some(Listed {
        run: run.clone(),
        lab: plan.spec.lab,
        deployment: plan.spec.deployment,
        verdict: outcome.as_ref().map(|outcome| outcome.verdict),
        seconds: outcome.as_ref().map(|outcome| outcome.seconds),
        reason: outcome.map(|outcome| outcome.reason),
    }))
}

fn describe(listed: &[Listed], style: Style) -> String {
    if listed.is_empty() {
        return "no run is on record\n".to_owned();
    }
    let mut table = Table::new(["RUN", "WHAT", "VERDICT", "TOOK", "WHY"]).right([3]);
    for one in listed {
        let (tone, verdict) = match one.verdict {
            Some(RunVerdict::Promoted) => (Tone::Good, "promoted"),
            Some(RunVerdict::RolledBack) => (Tone::Bad, "rolled back"),
            Some(RunVerdict::Inconclusive) => (Tone::Warn, "inconclusive"),
            Some(RunVerdict::Aborted) => (Tone::Warn, "aborted"),
            Some(RunVerdict::Error) => (Tone::Bad, "error"),
            None => (Tone::Warn, "unfinished"),
        };
        table.row([
            one.run.to_string().into(),
            one.lab.clone().unwrap_or_else(|| format!("canary of {}", one.deployment)).into(),
            Cell::new(tone, verdict),
            one.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s")).into(),
            one.reason.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(style)
}
