//! `lab`, and the families of labs: experiments that end in a verdict with evidence.

mod abort;
pub(super) mod catalog;
pub(super) mod clean;
pub(super) mod farewell;
pub(super) mod follow;
mod left;
pub(super) mod lint;
pub(super) mod new;
mod outcome;
pub(super) mod plan;
mod plan_file;
mod run;
mod status;
pub(super) mod watch;

use crate::app::App;
use crate::ui::ExitCode;

/// Arguments of `lab`: every family.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Verb,
}

/// Arguments of a family: the same verbs, for its labs.
#[derive(clap::Args, Debug)]
pub(crate) struct FamilyArgs {
    #[command(subcommand)]
    command: Verb,
}

/// What can be done with labs of one family or of all.
#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// List the labs
    List(catalog::Folder),
    /// Show the question, the steps and the expectations of a lab
    Show(catalog::Choice),
    /// Say exactly what a run would do, how long it takes and what it changes; change nothing
    Plan(plan::Args),
    /// Run a lab to its verdict, and undo everything
    #[command(after_help = "\
Exit codes: 0 pass, 1 fail, 2 invalid lab, 3 inconclusive, 4 skipped, 5 cluster, 6 timeout, 7 undo incomplete,
            130 aborted.")]
    Run(run::Args),
    /// Show runs that are under way and how the last one ended
    Status,
    /// End a run that is under way and undo what it changed
    Abort(abort::Args),
    /// Finish the undo of runs that were killed
    Clean(clean::Args),
    /// Show a recorded run again at any speed, or judge its canary again; asks no cluster
    Replay(super::replay::Args),
    /// Show what a run did, as `report` does
    Report(super::report::Args),
    /// Check labs without a cluster: by name, in folders, a file, or - for standard input
    Lint(lint::Args),
    /// Make the folder of a new lab
    New(new::Args),
}

impl Args {
    /// Whether the command can print a page.
    pub(crate) fn makes_pages(&self) -> bool {
        matches!(self.command, Verb::Report(_))
    }
}

impl FamilyArgs {
    /// Whether the command can print a page.
    pub(crate) fn makes_pages(&self) -> bool {
        matches!(self.command, Verb::Report(_))
    }
}

/// Runs a lab command of any family.
///
/// # Errors
/// What the command returns.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    act(app, None, args.command).await
}

/// Runs a command of one family.
///
/// # Errors
/// What the command returns.
pub(crate) async fn run_family(app: &App, family: &str, args: FamilyArgs) -> anyhow::Result<ExitCode> {
    act(app, Some(family), args.command).await
}

async fn act(app: &App, family: Option<&str>, verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::List(folder) => catalog::list(app, family, &folder),
        Verb::Show(choice) => catalog::show(app, family, &catalog::find(family, &choice)?),
        Verb::Plan(args) => plan::run(app, family, &args),
        Verb::Run(args) => run::run(app, family, args).await,
        Verb::Status => status::run(app, family).await,
        Verb::Abort(args) => abort::run(app, family, &args).await,
        Verb::Clean(args) => clean::run(app, family, &args).await,
        Verb::Replay(args) => super::replay::run(app, super::report::Scope::Lab(family), args).await,
        Verb::Report(args) => super::report::run(app, &args, super::report::Scope::Lab(family)),
        Verb::Lint(args) => lint::run(app, family, &args),
        Verb::New(args) => new::run(app, family, &args),
    }
}
