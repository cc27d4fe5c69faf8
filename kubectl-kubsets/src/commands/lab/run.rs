//! `lab run`: carries out a plan, shows it, tells the verdict.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::pin::Pin;

use kubsets_engine::{ClusterStage, Outcome, Presenter, Setting, World};
use kubsets_kube::ApiErrorKind;
use kubsets_lab::plan::Plan;
use kubsets_undo::{RunId, StateDir};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::catalog::Choice;
use super::{catalog, farewell, follow, outcome, plan, plan_file, watch};
use crate::app::App;
use crate::cli::values::parse_base_url;
use crate::commands::dry_run::{self, DryRun};
use crate::entrance;
use crate::report;
use crate::signals;
use crate::ui::{ExitCode, Failure, Format, Printer, Risk};

/// Arguments of `lab run`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Name of the lab, with its family where there are several of this name
    #[arg(
        value_name = "LAB",
        required_unless_present = "plan",
        add = clap_complete::ArgValueCandidates::new(catalog::candidates)
    )]
    lab: Option<String>,

    #[command(flatten)]
    folder: catalog::Folder,

    #[command(flatten)]
    values: plan::Values,

    /// Run exactly the plan in this file, which `lab plan LAB -o json` wrote
    #[arg(
        long,
        value_name = "FILE",
        value_hint = clap::ValueHint::FilePath,
        conflicts_with_all = ["lab", "set"]
    )]
    plan: Option<PathBuf>,

    /// Wait for Enter before each step and show its question: for a presentation; shows lines
    #[arg(long)]
    step: bool,

    /// Lines instead of the live picture (the default without a terminal)
    #[arg(long)]
    plain: bool,

    /// Change nothing: show the plan, as `lab plan` does, or ask the API server for every change that is known
    #[arg(long, value_name = "WHERE", value_enum, default_value = "none")]
    dry_run: DryRun,

    /// Address of the Prometheus that answers questions to it, instead of the platform's own
    #[arg(long, value_name = "URL", value_parser = parse_base_url)]
    prometheus_url: Option<String>,

    #[command(flatten)]
    reading: follow::Reading,

    /// File for the results as JUnit XML: a test case for each step and each expectation
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    junit: Option<PathBuf>,
}

/// Runs a lab to its verdict, once for each combination of its matrix.
///
/// # Errors
/// When the lab is not valid, or there is no cluster.
pub(super) async fn run(app: &App, family: Option<&str>, args: Args) -> anyhow::Result<ExitCode> {
    args.reading.check(app.ui.format())?;
    let plans = match (&args.plan, &args.lab) {
        (Some(file), _) => plan_file::read(file, family)?,
        (None, lab) => {
            let lab = lab.clone().unwrap_or_default();
            plan::make(&catalog::find(family, &Choice::new(lab, args.folder.clone()))?, &args.values)?
        }
    };
    match args.dry_run {
        DryRun::Client => return plan::show(app, &plans),
        DryRun::Server => return ask(app, &plans).await,
        DryRun::Off => {}
    }
    if args.step && !std::io::stdin().is_terminal() {
        return Err(Failure::usage("--step waits for a key, and there is no terminal").into());
    }
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    permit(&access).await?;
    for plan in &plans {
        app.ui.message(plan::sentence(plan));
    }
    let question =
        format!("run {} on this cluster", plans.first().map_or("the lab", |plan| plan.lab.as_str()));
    app.ui.confirm(Risk::Moderate, &question)?;
    // a lab that sends nothing through the gateway runs without one
    let gateway = entrance::find_gateway(&app.ui, &access).await;
    let address = gateway.as_ref().map(|entrance| entrance.url.clone()).map_err(Printer::one_line);
    let state = StateDir::at(app.state_dir());
    let mut results = farewell::Results::to(args.junit.clone())?;
    let mut worst = ExitCode::Success;
    for plan in &plans {
        let started_at = jiff::Timestamp::now();
        let outcome = one(app, &access, plan, &address, &state, &args).await?;
        let code = ExitCode::from_number(outcome.exit_code);
        results.add(plan, outcome, started_at)?;
        worst = worst.worse(code);
        if code == ExitCode::Interrupted {
            break;
        }
    }
    Ok(worst)
}

/// Lets labs change the namespace of the stack; one that is not there is a need that is missing.
async fn permit(access: &kubsets_kube::Access) -> anyhow::Result<()> {
    let namespace = access.namespace();
    let permitted = access.permit_namespace(namespace).await;
    permitted.map_err(|error| match error.kind {
        ApiErrorKind::NotFound => {
            Failure::new(ExitCode::Skipped, format!("skipped: there is no namespace {namespace}"))
                .with_hint("`kubectl kubsets up` makes it, with the stack in it; -n names another")
                .into()
        }
        _ => error.into(),
    })
}

/// Asks the API server for the changes of plans that are known before a run.
async fn ask(app: &App, plans: &[Plan]) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    permit(&access).await?;
    let mut trials = Vec::new();
    for plan in plans {
        trials.extend(kubsets_engine::try_out(&access, plan).await?);
    }
    if trials.is_empty() {
        return Err(Failure::usage("the lab has no change that the API server could be asked for")
            .with_hint("--dry-run=client shows its plan")
            .into());
    }
    dry_run::show(app, &trials)
}

async fn one(
    app: &App,
    access: &kubsets_kube::Access,
    plan: &Plan,
    gateway: &Result<String, String>,
    state: &StateDir,
    args: &Args,
) -> anyhow::Result<Outcome> {
    let run = RunId::generate();
    report::note_environment(&app.ui, access, state, &run).await;
    let (cancel, leave) = (CancellationToken::new(), CancellationToken::new());
    let (listener, events) = unbounded_channel();
    let keyboard = Keyboard { ui: app.ui.clone() };
    let setting = Setting {
        run: run.clone(),
        namespace: access.namespace().to_owned(),
        state,
        listener,
        cancel: &cancel,
        presenter: args.step.then_some(&keyboard as &dyn Presenter),
        repeat_command: plan.repeat_command(),
    };
    let world = World {
        access: access.clone(),
        gateway: gateway.clone(),
        run: run.clone(),
        plan,
        state,
        cancel: cancel.clone(),
        release: None,
        presented: args.step,
        prometheus: args.prometheus_url.clone(),
    };
    let work = Box::pin(kubsets_engine::run(plan, setting, |events| ClusterStage::new(world, events)));
    // A presenter answers on standard input, which the picture would take for its keys.
    let lines = args.plain || args.step || app.ui.is_quiet() || app.ui.format() != Format::Table;
    let watching = Box::pin(async {
        if args.reading.along {
            follow::print(&app.ui, events).await;
        } else if !lines && app.ui.has_screen() {
            watch::watch(app, access, &plan.lab, events, (&cancel, &leave)).await;
        } else {
            follow::follow(&app.ui, events).await;
        }
    });
    let ended = signals::guarded(&app.ui, (&cancel, &leave), work, watching).await;
    let Some(ended) = ended else {
        return Err(Failure::new(ExitCode::Interrupted, format!("stopped before run {run} was undone"))
            .with_hint(format!(
                "the watchdog undoes it within 30 s; `kubectl kubsets lab clean {run}` does it now"
            ))
            .into());
    };
    args.reading.end(&app.ui, "LabOutcome", &ended, |style| outcome::describe(&ended, style))?;
    farewell::say(app, &state.run(&run), &ended);
    Ok(ended)
}

/// A presenter at the keyboard.
struct Keyboard {
    ui: Printer,
}

impl Presenter for Keyboard {
    fn ask<'a>(
        &'a self,
        step: usize,
        name: &'a str,
        question: &'a str,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.ui.message(format!("next, step {step}: {name}\n          {question}\n          Enter goes on"));
        Box::pin(async {
            // The thread stays until a line comes; the process does not wait for it.
            let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use kubsets_engine::Verdict;
    use kubsets_lab::Requirement;
    use kubsets_undo::FakeApi;

    use super::*;

    #[tokio::test]
    async fn labs_that_need_the_gateway_api_are_skipped_without_it_and_nothing_is_changed() {
        const API: &str = "gateway.networking.k8s.io/v1";
        let labs = catalog::embedded().into_iter();
        let plans = labs.map(|lab| Plan::new(&lab, &kubsets_lab::Values::new()).expect("is one"));
        let plans: Vec<Plan> =
            plans.filter(|plan| plan.requires.contains(&Requirement::Api(API.to_owned()))).collect();
        assert!(plans.iter().filter(|plan| plan.lab.starts_with("canary/")).count() >= 3);
        for plan in plans {
            let folder = tempfile::tempdir().expect("is made");
            let (api, state) = (FakeApi::default(), StateDir::at(folder.path()));
            let (cancel, (listener, _events)) = (CancellationToken::new(), unbounded_channel());
            let run = RunId::generate();
            let setting = Setting {
                run: run.clone(),
                namespace: "shop".into(),
                state: &state,
                listener,
                cancel: &cancel,
                presenter: None,
                repeat_command: plan.repeat_command(),
            };
            let world = World {
                access: api.access(),
                gateway: Err("no gateway".into()),
                run,
                plan: &plan,
                state: &state,
                cancel: cancel.clone(),
                release: None,
                presented: false,
                prometheus: None,
            };
            let outcome =
                kubsets_engine::run(&plan, setting, |events| ClusterStage::new(world, events)).await;
            assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Skipped, 4), "{}", plan.lab);
            let why = format!("API {API} is missing: `kubectl kubsets up` installs it");
            assert!(outcome.reason.contains(&why), "{}: {}", plan.lab, outcome.reason);
            assert_eq!((api.changes(), outcome.cleanup_command), (0, None), "{}", plan.lab);
        }
    }
}
