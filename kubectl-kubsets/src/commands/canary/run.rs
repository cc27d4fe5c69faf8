//! `canary run`: a lab of one canary, run by the engine, whose promotion stays.

use std::path::PathBuf;

use kubsets_delivery::{Outcome, Plan, RunVerdict, StateDir, record};
use kubsets_engine::{ClusterStage, LabEvent, LabRecord, Setting, World};
use kubsets_kube::Access;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::outcome;
use super::plan;
use super::release::Release;
use crate::app::App;
use crate::commands::dry_run::{self, DryRun};
use crate::commands::lab::farewell::Results;
use crate::commands::lab::follow::{self, Reading};
use crate::commands::lab::watch::watch;
use crate::report;
use crate::report::junit::released;
use crate::signals;
use crate::ui::{ExitCode, Failure, Format, LabLog, Printer, Risk};

/// Arguments of `canary run`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    release: Release,

    /// Lines instead of the live picture (the default without a terminal)
    #[arg(long)]
    plain: bool,

    /// Change nothing: show the plan, as `canary plan` does, or ask the API server for every change of it
    #[arg(long, value_name = "WHERE", value_enum, default_value = "none")]
    dry_run: DryRun,

    #[command(flatten)]
    reading: Reading,

    /// File for the results as JUnit XML: a test case for each step and each expectation, and one for the verdict
    /// where nothing was promoted
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    junit: Option<PathBuf>,
}

/// Runs a canary to its end.
///
/// # Errors
/// When the release is refused before anything changed.
pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    args.reading.check(app.ui.format())?;
    if args.dry_run == DryRun::Client {
        return plan::run(app, &args.release).await;
    }
    let (access, plan, _entrance) = plan::make(app, &args.release).await?;
    announce(app, &access, &plan);
    if args.dry_run == DryRun::Server {
        return dry_run::show(app, &kubsets_delivery::try_out(&access, &plan).await?);
    }
    let question = format!("release a new version of {} on this cluster", plan.spec.deployment);
    app.ui.confirm(Risk::Moderate, &question)?;

    let mut results = Results::to(args.junit.clone())?;
    let started_at = jiff::Timestamp::now();
    let state = StateDir::at(app.state_dir());
    report::note_environment(&app.ui, &access, &state, &plan.run).await;
    let (cancel, leave) = (CancellationToken::new(), CancellationToken::new());
    let lab = args.release.lab_plan(&plan)?;
    let (listener, events) = unbounded_channel();
    let setting = Setting {
        run: plan.run.clone(),
        namespace: plan.namespace.clone(),
        state: &state,
        listener,
        cancel: &cancel,
        presenter: None,
        repeat_command: report::repeat_command(&plan),
    };
    let inside = access.clone().with_namespace(&plan.namespace);
    let world = World {
        access: inside.clone(),
        gateway: Ok(plan.endpoint.url.clone()),
        run: plan.run.clone(),
        plan: &lab,
        state: &state,
        cancel: cancel.clone(),
        release: Some(plan.clone()),
        presented: false,
        prometheus: None,
    };
    let work = Box::pin(kubsets_engine::run(&lab, setting, |events| ClusterStage::new(world, events)));
    let live = !args.plain && app.ui.has_screen() && app.ui.format() == Format::Table && !app.ui.is_quiet();
    let watching = Box::pin(async {
        if args.reading.along {
            follow::print(&app.ui, events).await;
        } else if live {
            watch(app, &inside, &args.release.title(), events, (&cancel, &leave)).await;
        } else {
            log(&app.ui, events).await;
        }
    });
    let ended = signals::guarded(&app.ui, (&cancel, &leave), work, watching).await;
    let Some(ended) = ended else {
        return Err(Failure::new(
            ExitCode::Interrupted,
            format!("stopped before run {} was undone", plan.run),
        )
        .with_hint(format!(
            "the watchdog undoes it within 30 s; `kubectl kubsets canary undo {}` does it now",
            plan.run
        ))
        .into());
    };
    let Some(mut outcome) = record::outcome(&state, &plan.run)? else {
        results.add(&lab, released(ended.clone(), None), started_at)?;
        // Without an outcome on record there is no success to tell.
        let code = match ExitCode::from_number(ended.exit_code) {
            ExitCode::Success => ExitCode::Cluster,
            code => code,
        };
        return Err(Failure::new(code, format!("the canary came to no outcome: {}", ended.reason)).into());
    };
    if args.release.names_a_lab() {
        outcome.expectations.clone_from(&ended.expectations);
        state.write(&outcome.run, record::RUN_FILE, &outcome)?;
    }
    args.reading.end(&app.ui, "CanaryOutcome", &outcome, |style| outcome::describe(&outcome, style))?;
    farewell(app, &state, &outcome);
    results.add(&lab, released(ended, Some(&outcome)), started_at)?;
    Ok(ExitCode::from_number(outcome.exit_code))
}

/// First line of a command that changes something: context, server, namespace.
fn announce(app: &App, access: &Access, plan: &Plan) {
    app.ui.message(access.facts().to_string());
    let versions =
        (plan.stable_version.as_deref().unwrap_or("?"), plan.canary_version.as_deref().unwrap_or("?"));
    let arrow = app.ui.message_style().arrow();
    let expect = &plan.expectation;
    app.ui.message(format!(
        "canary of {}: {} {arrow} {}, {:.0} s if all is well, at most {:.0} s; {}",
        plan.spec.deployment,
        versions.0,
        versions.1,
        expect.shortest_seconds,
        expect.longest_seconds,
        plan.blast_radius.summary
    ));
    for warning in &plan.warnings {
        app.ui.warn(warning);
    }
}

/// The plain log: a line per event, and figures now and then.
async fn log(ui: &Printer, mut events: UnboundedReceiver<LabRecord>) {
    let mut log = LabLog::default();
    while let Some(record) = events.recv().await {
        // What the lab around the canary tells says the same again.
        if matches!(record.event, LabEvent::Canary(_) | LabEvent::Pods(_))
            && let Some(text) = log.timed(&record, ui.message_style())
        {
            ui.message(text);
        }
    }
}

/// Where record and report are, and the command that makes sense next.
fn farewell(app: &App, state: &StateDir, outcome: &Outcome) {
    let folder = state.run(&outcome.run);
    report::tell(&app.ui, &folder);
    if let Some(command) = &outcome.cleanup_command {
        app.ui.warn("something is not as it was before");
        app.ui.hint(format!("`{command}` finishes the undo"));
        return;
    }
    if let Some(hint) = &outcome.hint {
        app.ui.hint(hint);
        return;
    }
    match outcome.verdict {
        RunVerdict::Promoted => {
            app.ui.hint(format!("`kubectl kubsets canary undo {}` takes the promotion back", outcome.run));
        }
        RunVerdict::Inconclusive => {
            app.ui.hint("more traffic (--rate) or more time (--step-budget) brings evidence");
        }
        RunVerdict::Invalid => {
            app.ui.hint("the report shows the share and the load generator second by second");
        }
        RunVerdict::Error => {
            app.ui.hint("`kubectl kubsets status` says what is wrong and where to look first");
        }
        RunVerdict::RolledBack | RunVerdict::Aborted => {}
    }
}
