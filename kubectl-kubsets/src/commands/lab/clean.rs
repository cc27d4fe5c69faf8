//! `lab clean`: finishes the undo of runs whose driver is gone.

use kubsets_delivery::ManageError;
use kubsets_kube::{Access, ApiError, ApiErrorKind, Hint as _};
use kubsets_undo::{Comparison, Kind, RunId, StateDir, Undone};

use super::left::{Left, incomplete, left, places};
use crate::app::{App, EVERY_NAMESPACE};
use crate::commands::load::pods::leftovers;
use crate::ui::{Cell, ExitCode, Risk, Style, Table, Tone, number_of};

/// Arguments of `lab clean`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run; without it every run that is left
    #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(crate::commands::canary::catalog::runs))]
    run: Option<RunId>,
}

/// Undoes what is left of runs of a family, or of all. Exit code 7 when something is still not as before.
///
/// # Errors
/// When there is no cluster, or it refuses.
pub(crate) async fn run(app: &App, family: Option<&str>, args: &Args) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    let everywhere = app.global.all_namespaces;
    let announced = if everywhere { access.clone().with_namespace(EVERY_NAMESPACE) } else { access.clone() };
    app.ui.message(announced.facts().to_string());
    let state = StateDir::at(app.state_dir());
    let (mut found, mut swept) = (Vec::new(), Vec::new());
    for place in places(everywhere, &access, &state).await? {
        found.extend(left(&place, &state, family).await?);
        swept.extend(sweep(app, &place).await?);
    }
    found.retain(|one| args.run.as_ref().is_none_or(|wanted| one.is_of(wanted)));
    let again = match &args.run {
        Some(run) if found.is_empty() => incomplete(&access, &state, run).await?,
        _ => None,
    };
    let is_known = again.is_some();
    let code = match again {
        Some(again) => tell(app, &[again])?,
        None if found.is_empty() => ExitCode::Success,
        None => undo(app, args, &access, &state, &found).await?,
    };
    // A family has no loads of its own.
    let loads = if family.is_none() { clear_loads(app, &access, everywhere, args).await? } else { 0 };
    if found.is_empty() && !is_known && loads == 0 {
        match &args.run {
            Some(run) if !swept.iter().any(|one| one == run.as_str()) => {
                app.ui.message(format!("nothing is left of run {run}"));
            }
            None if swept.is_empty() => app.ui.message("nothing is left of any run"),
            _ => {}
        }
    }
    Ok(code)
}

/// Undoes runs, one after the other.
async fn undo(
    app: &App,
    args: &Args,
    access: &Access,
    state: &StateDir,
    found: &[Left],
) -> anyhow::Result<ExitCode> {
    app.ui.confirm(Risk::Moderate, &format!("undo what is left of {}", number_of(found.len(), "run")))?;
    let mut undone = Vec::new();
    for one in found {
        let step = app.ui.step(format!("Undoing run {} of {}", one.run, one.lab));
        match one.undo(access, state).await {
            Ok(done) => undone.push(done),
            // The watchdog, or the run itself, was faster.
            Err(ManageError::Run(kubsets_undo::ManageError::NoRun { .. })) => {
                step.done(if one.alive { "it is under way and changed nothing yet" } else { "it is over" });
                continue;
            }
            Err(ManageError::Run(living @ kubsets_undo::ManageError::StillRunning { .. }))
                if args.run.is_none() =>
            {
                step.done("it is under way");
                app.ui.hint(living.hint().unwrap_or_default());
                continue;
            }
            Err(newer @ ManageError::ChangedSince(..)) if args.run.is_none() => {
                step.done("it stays as it is");
                app.ui.message(newer.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        step.done("");
    }
    tell(app, &undone)
}

fn tell(app: &App, undone: &[Undone]) -> anyhow::Result<ExitCode> {
    app.ui.emit("LabClean", &undone, |style| describe(undone, style))?;
    let complete = undone.iter().all(|one| one.equal);
    Ok(if complete { ExitCode::Success } else { ExitCode::CleanupIncomplete })
}

/// Removes Leases of runs that died before they changed anything; gives the runs.
async fn sweep(app: &App, access: &Access) -> Result<Vec<String>, ManageError> {
    let mut swept = Vec::new();
    for kind in [Kind::Lab, Kind::Canary] {
        swept.extend(kubsets_undo::manage::sweep(access, kind).await?);
    }
    for run in &swept {
        app.ui.message(format!("run {run} had changed nothing yet: its Lease is removed"));
    }
    Ok(swept)
}

/// Removes the Jobs of `load --in-cluster` whose command was killed, where this command may change something; gives how
/// many Jobs of loads there were.
async fn clear_loads(app: &App, access: &Access, everywhere: bool, args: &Args) -> anyhow::Result<usize> {
    // Whoever may not touch the Jobs of loads may still undo runs.
    let refused = |error: ApiError, place: &str| {
        if !is_refusal(&error.kind) {
            return Err(error);
        }
        app.ui.warn(format!("Jobs of loads in {place} are not looked for: {error}"));
        Ok(())
    };
    let places = if everywhere {
        leftovers::namespaces(access).await
    } else {
        Ok([access.namespace().to_owned()].into())
    };
    let places = match places {
        Ok(places) => places,
        Err(error) => return refused(error, EVERY_NAMESPACE).map(|()| 0).map_err(Into::into),
    };
    let mut seen = 0;
    for namespace in places {
        let place = access.clone().with_namespace(&namespace);
        let cleared = match place.permit_namespace(&namespace).await {
            Ok(()) => {
                let step = app.ui.step(format!("Loads in pods in {namespace}"));
                step.expect(leftovers::SILENCE);
                leftovers::clear(&place, args.run.as_ref(), leftovers::SILENCE).await
            }
            Err(refused) => Err(refused),
        };
        let cleared = match cleared {
            Ok(cleared) => cleared,
            Err(error) => {
                refused(error, &format!("namespace {namespace}"))?;
                continue;
            }
        };
        for name in &cleared.removed {
            app.ui.message(format!("removed the Job {name} in {namespace} that a load left"));
        }
        for name in &cleared.alive {
            app.ui.message(format!("the Job {name} in {namespace} is under way: its command lives"));
        }
        seen += cleared.removed.len() + cleared.alive.len();
    }
    Ok(seen)
}

fn is_refusal(kind: &ApiErrorKind) -> bool {
    matches!(kind, ApiErrorKind::Refused(_) | ApiErrorKind::Forbidden { .. } | ApiErrorKind::NotFound)
}

fn describe(undone: &[Undone], style: Style) -> String {
    compared(undone.iter().flat_map(|one| one.comparisons.iter().map(move |each| (&one.run, each))), style)
}

/// Objects of runs, and whether they are as before.
pub(super) fn compared<'a>(
    comparisons: impl Iterator<Item = (&'a RunId, &'a Comparison)>,
    style: Style,
) -> String {
    let mut table = Table::new(["RUN", "OBJECT", "AS BEFORE"]);
    for (run, comparison) in comparisons {
        let (tone, word) = if comparison.equal { (Tone::Good, "yes") } else { (Tone::Bad, "no") };
        table.row([run.to_string().into(), comparison.object.to_string().into(), Cell::new(tone, word)]);
    }
    table.render(style)
}
