//! `canary`: a new version beside the stable one, real traffic, a verdict.

pub(crate) mod catalog;
mod manage;
mod outcome;
mod plan;
mod release;
mod run;
mod simulate;

use super::lab::catalog as labs;
use crate::app::App;
use crate::ui::ExitCode;

/// Arguments of `canary`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List the canary labs
    List(labs::Folder),
    /// Show the question, the steps and the expectations of a lab
    Show {
        /// Name of the lab
        #[arg(value_name = "LAB", add = clap_complete::ArgValueCandidates::new(catalog::candidates))]
        lab: String,

        #[command(flatten)]
        folder: labs::Folder,
    },
    /// Say exactly what a run would do, how long it takes and what it can cost; change nothing
    Plan(release::Release),
    /// Bring out a new version: shift traffic in steps, judge, then promote or roll back
    #[command(after_help = "\
Exit codes: 0 promoted, 1 rolled back, 2 refused, 3 inconclusive or invalid, 5 cluster, 7 undo incomplete, 130 aborted.")]
    Run(run::Args),
    /// Show canaries under way and how the last one ended
    Status {
        /// Look again and again until no canary is under way
        #[arg(short, long)]
        watch: bool,
    },
    /// End a canary that is under way and bring the stable version back
    Abort {
        /// The run; needed only where there are several
        #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(catalog::runs))]
        run: Option<kubsets_delivery::RunId>,
    },
    /// Bring back the state before a run that is over, also after a kill
    Undo {
        /// The run; without it the one left in the cluster, else the last one
        #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(catalog::runs))]
        run: Option<kubsets_delivery::RunId>,
    },
    /// Finish the undo of runs that were killed, also in labs
    Clean(super::lab::clean::Args),
    /// Show a recorded run again at any speed, or judge its seconds again; asks no cluster
    Replay(super::replay::Args),
    /// Show what a run did, as `report` does
    Report(super::report::Args),
    /// Check labs without a cluster: by name, in folders, a file, or - for standard input
    Lint(super::lab::lint::Args),
    /// Make the folder of a new lab
    New(super::lab::new::Args),
    /// Try a canary's verdicts thousands of times, without a cluster
    Simulate(simulate::Args),
}

impl Args {
    /// Whether the command can print a page.
    pub(crate) fn makes_pages(&self) -> bool {
        matches!(self.command, Command::Report(_))
    }
}

/// Runs a canary command.
///
/// # Errors
/// What the command returns.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(folder) => labs::list(app, Some(catalog::FAMILY), &folder),
        Command::Show { lab, folder } => {
            labs::show(app, Some(catalog::FAMILY), &catalog::source(&lab, &folder)?)
        }
        Command::Plan(release) => plan::run(app, &release).await,
        Command::Run(args) => run::run(app, args).await,
        Command::Status { watch } => manage::status(app, watch).await,
        Command::Abort { run } => manage::abort(app, run).await,
        Command::Undo { run } => manage::undo(app, run).await,
        Command::Clean(args) => super::lab::clean::run(app, Some(catalog::FAMILY), &args).await,
        Command::Replay(args) => super::replay::run(app, super::report::Scope::Canary, args).await,
        Command::Report(args) => super::report::run(app, &args, super::report::Scope::Canary),
        Command::Lint(args) => super::lab::lint::run(app, Some(catalog::FAMILY), &args),
        Command::New(args) => super::lab::new::run(app, Some(catalog::FAMILY), &args),
        Command::Simulate(args) => simulate::run(app, &args),
    }
}
