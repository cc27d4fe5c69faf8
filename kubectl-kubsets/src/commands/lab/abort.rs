//! `lab abort`: ends a run that is under way; everything it changed is undone.

use kubsets_delivery::{Aborted, ManageError};
use kubsets_kube::Access;
use kubsets_undo::{AbortEnd, Comparison, Kind, RunId, StateDir, manage};

use super::clean::compared;
use super::left::{Left, left};
use crate::app::App;
use crate::ui::{ExitCode, Failure, Style};

/// Arguments of `lab abort`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The run; needed only where there are several
    #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(crate::commands::canary::catalog::runs))]
    run: Option<RunId>,
}

/// Asks a run of a family, or of all, to end, and waits until it has undone everything.
///
/// # Errors
/// When there are several, when there is no cluster, or when the run does not end.
pub(super) async fn run(app: &App, family: Option<&str>, args: &Args) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    let state = StateDir::at(app.state_dir());
    let mut left = left(&access, &state, family).await?;
    left.retain(|one| !one.promoted && args.run.as_ref().is_none_or(|wanted| one.is_of(wanted)));
    let runs = of_one_lab(&left)?;
    let step = app.ui.step("Asking the run to end and to undo everything");
    // A lab listens between its steps, a canary at once: both are asked at the same time.
    let asked = runs.iter().map(|one| end(&access, &state, one));
    let ended: Vec<Aborted> = futures::future::try_join_all(asked).await?;
    step.done("");
    app.ui.emit("LabAbort", &ended, |style| describe(&ended, style))?;
    let equal = |one: &Aborted| match one {
        Aborted::ByUndo { comparisons, .. } => Comparison::all_equal(comparisons),
        Aborted::NothingRunning | Aborted::ByDriver { .. } => true,
    };
    Ok(if ended.iter().all(equal) { ExitCode::Success } else { ExitCode::CleanupIncomplete })
}

/// The runs that belong to the only lab under way: its own, and that of its canary.
fn of_one_lab(left: &[Left]) -> anyhow::Result<&[Left]> {
    let mut labs: Vec<&RunId> = left.iter().map(|one| one.within.as_ref().unwrap_or(&one.run)).collect();
    labs.sort_unstable();
    labs.dedup();
    if labs.len() > 1 {
        let names: Vec<String> = labs.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!("{} runs are under way: {}", names.len(), names.join(", ")))
            .with_hint("say which; `kubectl kubsets lab status` shows them")
            .into());
    }
    Ok(left)
}

async fn end(access: &Access, state: &StateDir, one: &Left) -> Result<Aborted, ManageError> {
    if one.kind == Kind::Canary {
        return kubsets_delivery::abort(access, state, Some(&one.run)).await;
    }
    Ok(match manage::abort(access, Kind::Lab, Some(&one.run), "kubectl kubsets lab abort").await? {
        AbortEnd::NothingRunning => Aborted::NothingRunning,
        AbortEnd::ByDriver { run, seconds } => Aborted::ByDriver { run, seconds },
        AbortEnd::DriverDead { run } => {
            Aborted::ByUndo { run, comparisons: one.undo(access, state).await?.comparisons }
        }
    })
}

fn describe(ended: &[Aborted], style: Style) -> String {
    let mut text = String::new();
    for one in ended {
        match one {
            Aborted::NothingRunning => {}
            Aborted::ByDriver { run, seconds } => {
                append!(text, "run {run} undid everything by itself in {seconds:.1} s\n");
            }
            Aborted::ByUndo { run, comparisons } => {
                append!(text, "the driver of run {run} was gone: undone from here\n");
                let rows = run.parse::<RunId>().ok();
                let rows = rows.iter().flat_map(|run| comparisons.iter().map(move |each| (run, each)));
                text.push_str(&compared(rows, style));
            }
        }
    }
    if text.is_empty() { "no run is under way\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(kind: Kind, run: &str, within: Option<&str>) -> Left {
        let id = |text: &str| text.parse::<RunId>().expect("is one");
        Left {
            run: id(run),
            kind,
            namespace: "shop".into(),
            within: within.map(id),
            lab: "demo/x".into(),
            started_at: String::new(),
            alive: true,
            promoted: false,
            changes: 1,
        }
    }

    #[test]
    fn a_lab_and_its_canary_are_one_and_two_labs_are_asked_about() {
        let lab = left(Kind::Lab, "261120-120000-aaaa", None);
        let canary = left(Kind::Canary, "261120-120007-bbbb", Some("261120-120000-aaaa"));
        let both = [canary, lab.clone()];
        assert_eq!(of_one_lab(&both).expect("is one").len(), 2);
        let two = [lab, left(Kind::Lab, "261120-120000-cccc", None)];
        let error = of_one_lab(&two).expect_err("are two");
        assert!(error.to_string().contains("261120-120000-aaaa, 261120-120000-cccc"), "{error}");
    }
}
