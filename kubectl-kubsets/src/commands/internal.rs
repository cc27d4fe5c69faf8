//! Hidden commands that the plugin runs by itself.

use std::path::PathBuf;
use std::process::Command as Program;

use kubsets_cluster::native::node_init;
use kubsets_undo::WatchdogEnd;

use crate::app::App;
use crate::ui::ExitCode;

mod docs;

/// Arguments of `internal`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Print docs/cli.md
    Docs,
    /// Print docs/schemas/report.json
    ReportSchema,
    /// Print the live picture of a recorded run as an SVG that moves, such as docs/canary.svg
    Recording {
        /// The run, or the folder of its record
        run: String,
    },
    /// Print the folder of the host's programs (kubectl, helm, ...), built where they are missing
    Programs,
    /// Watch a run from inside the cluster and undo it when its driver dies
    Watchdog {
        /// The run
        #[arg(long)]
        run: kubsets_undo::RunId,
    },
    /// Send one pod's part of a load that the cluster carries out, and print its report as one line
    LoadPod(crate::commands::load::PodArgs),
    /// Start the first process of a native node and end
    NodeSupervisor {
        /// The node's folder
        #[arg(long)]
        dir: PathBuf,
    },
    /// Be the first process of a native node
    NodeInit {
        /// The node's folder
        #[arg(long)]
        dir: PathBuf,
    },
}

/// Runs those hidden commands that need a process with one thread; `None` for the others.
pub(crate) fn run_alone(args: &Args) -> Option<anyhow::Result<ExitCode>> {
    match &args.command {
        Command::Docs
        | Command::ReportSchema
        | Command::Recording { .. }
        | Command::Programs
        | Command::Watchdog { .. }
        | Command::LoadPod(_) => None,
        Command::NodeSupervisor { dir } => Some(supervise(dir)),
        Command::NodeInit { dir } => Some(match node_init::init(dir) {
            Ok(never) => match never {},
            Err(error) => Err(error.into()),
        }),
    }
}

fn supervise(dir: &std::path::Path) -> anyhow::Result<ExitCode> {
    let mut init = Program::new(std::env::current_exe()?);
    init.args(["internal", "node-init", "--dir"]).arg(dir);
    node_init::supervise(dir, &mut init)?;
    Ok(ExitCode::Success)
}

/// Runs a hidden command.
///
/// # Errors
/// What the command returns.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Docs => {
            app.ui.data(&docs::render());
            Ok(ExitCode::Success)
        }
        Command::ReportSchema => {
            app.ui.data(&kubsets_report::schema());
            Ok(ExitCode::Success)
        }
        Command::Recording { run } => {
            let state = kubsets_undo::StateDir::at(app.state_dir());
            app.ui.data(&crate::commands::replay::svg(&crate::commands::report::folder(&state, &run)?)?);
            Ok(ExitCode::Success)
        }
        Command::Programs => {
            let store = crate::platform::ImageStore::open(app)?;
            let programs = tokio::task::spawn_blocking(move || store.programs()).await??;
            app.ui.data(&format!("{}\n", programs.folder.display()));
            Ok(ExitCode::Success)
        }
        Command::Watchdog { run } => watchdog(app, &run).await,
        Command::LoadPod(args) => crate::commands::load::run_pod(app, &args).await,
        Command::NodeSupervisor { .. } | Command::NodeInit { .. } => {
            unreachable!("they run without a runtime")
        }
    }
}

async fn watchdog(app: &App, run: &kubsets_undo::RunId) -> anyhow::Result<ExitCode> {
    let access = app.access().await?;
    // What its run was let change, the watchdog may bring back.
    access.guard().allow(access.namespace());
    let cancel = tokio_util::sync::CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if crate::signals::next().await {
            stop.cancel();
        }
    });
    let end = kubsets_undo::watchdog(&access, run, &cancel).await?;
    app.ui.message(match end {
        WatchdogEnd::RunEnded => format!("run {run} has ended: nothing to do"),
        WatchdogEnd::Stopped => format!("stopped watching run {run}"),
        WatchdogEnd::Restored(comparisons) => {
            let equal = comparisons.iter().filter(|one| one.equal).count();
            format!("restored run {run}: {equal} of {} objects as before", comparisons.len())
        }
    });
    Ok(ExitCode::Success)
}
