//! The runs on record.

use kubsets_delivery::{RunVerdict, record};
use kubsets_engine::Verdict;
use kubsets_undo::{RunId, StateDir};
use serde::Serialize;

use super::Scope;
use crate::app::App;
use crate::report::LoadRecord;
use crate::ui::{Cell, ExitCode, Style, Table, Tone};

/// Kinds of runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Canary,
    Lab,
    Load,
}

/// How a run ended, in the words of its kind.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ended {
    Canary(RunVerdict),
    Lab(Verdict),
    /// The word of its report.
    Load(String),
}

/// A run on record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    run: RunId,
    kind: Kind,
    lab: Option<String>,
    /// What a canary released.
    deployment: Option<String>,
    verdict: Option<Ended>,
    seconds: Option<f64>,
    reason: Option<String>,
}

/// Prints the runs, the newest first. One that cannot be read is left out with a word.
pub(super) fn run(app: &App, state: &StateDir, scope: Scope<'_>) -> anyhow::Result<ExitCode> {
    let mut listed = Vec::new();
    for run in state.runs() {
        match read(state, &run, scope) {
            Ok(found) => listed.extend(found),
            Err(error) => app.ui.warn(format!("run {run}: {error}")),
        }
    }
    app.ui.emit_list("RunList", &listed, |one| one.run.to_string(), |style| describe(&listed, style))?;
    Ok(ExitCode::Success)
}

fn read(state: &StateDir, run: &RunId, scope: Scope<'_>) -> anyhow::Result<Option<Listed>> {
    if scope.has_canaries()
        && let Some(plan) = state.read::<kubsets_delivery::Plan>(run, record::PLAN_FILE)?
    {
        let outcome = state.read::<kubsets_delivery::Outcome>(run, record::RUN_FILE)?;
        return Ok(Some(Listed {
            run: run.clone(),
            kind: Kind::Canary,
            lab: plan.spec.lab,
            deployment: Some(plan.spec.deployment),
            verdict: outcome.as_ref().map(|outcome| Ended::Canary(outcome.verdict)),
            seconds: outcome.as_ref().map(|outcome| outcome.seconds),
            reason: outcome.map(|outcome| outcome.reason),
        }));
    }
    if scope.has_loads()
        && let Some(load) = LoadRecord::read(&state.run(run))?
    {
        let story = load.story();
        return Ok(Some(Listed {
            run: run.clone(),
            kind: Kind::Load,
            lab: None,
            deployment: None,
            verdict: Some(Ended::Load(story.verdict.word.to_lowercase())),
            seconds: story.seconds,
            reason: Some(story.reason),
        }));
    }
    let Some(plan) = state.read::<kubsets_lab::Plan>(run, kubsets_engine::PLAN_FILE)? else {
        return Ok(None);
    };
    if !scope.has_lab(&plan.lab) {
        return Ok(None);
    }
    let outcome = state.read::<kubsets_engine::Outcome>(run, kubsets_engine::OUTCOME_FILE)?;
    Ok(Some(Listed {
        run: run.clone(),
        kind: Kind::Lab,
        lab: Some(plan.lab),
        deployment: None,
        verdict: outcome.as_ref().map(|outcome| Ended::Lab(outcome.verdict)),
        seconds: outcome.as_ref().map(|outcome| outcome.seconds),
        reason: outcome.map(|outcome| outcome.reason),
    }))
}

impl Listed {
    fn what(&self) -> String {
        match (&self.kind, &self.lab, &self.deployment) {
            (Kind::Load, ..) => "load".to_owned(),
            (Kind::Lab, Some(lab), _) => format!("lab {lab}"),
            (_, Some(lab), _) => lab.clone(),
            (_, None, deployment) => format!("canary of {}", deployment.as_deref().unwrap_or("?")),
        }
    }
}

fn ending(ended: Option<&Ended>) -> (Tone, &str) {
    match ended {
        Some(Ended::Canary(RunVerdict::Promoted)) => (Tone::Good, "promoted"),
        Some(Ended::Canary(RunVerdict::RolledBack)) => (Tone::Bad, "rolled back"),
        Some(Ended::Load(word)) => match word.as_str() {
            "valid" => (Tone::Good, word),
            "fail" => (Tone::Bad, word),
            _ => (Tone::Warn, word),
        },
        Some(Ended::Lab(Verdict::Pass)) => (Tone::Good, "pass"),
        Some(Ended::Lab(Verdict::Fail)) => (Tone::Bad, "fail"),
        Some(Ended::Lab(Verdict::Skipped)) => (Tone::Warn, "skipped"),
        Some(Ended::Canary(RunVerdict::Inconclusive) | Ended::Lab(Verdict::Inconclusive)) => {
            (Tone::Warn, "inconclusive")
        }
        Some(Ended::Canary(RunVerdict::Invalid)) => (Tone::Warn, "invalid"),
        Some(Ended::Canary(RunVerdict::Aborted) | Ended::Lab(Verdict::Aborted)) => (Tone::Warn, "aborted"),
        Some(Ended::Canary(RunVerdict::Error) | Ended::Lab(Verdict::Error)) => (Tone::Bad, "error"),
        None => (Tone::Warn, "unfinished"),
    }
}

fn describe(listed: &[Listed], style: Style) -> String {
    if listed.is_empty() {
        return "no run is on record\n".to_owned();
    }
    let mut table = Table::new(["RUN", "WHAT", "VERDICT", "TOOK", "WHY"]).right([3]);
    for one in listed {
        let (tone, verdict) = ending(one.verdict.as_ref());
        table.row([
            one.run.to_string().into(),
            one.what().into(),
            Cell::new(tone, verdict),
            one.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s")).into(),
            one.reason.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(style)
}
