//! `canary`: a new version beside the stable one, real traffic, a verdict.

mod simulate;

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
    /// Try a canary's verdicts thousands of times, without a cluster
    Simulate(simulate::Args),
}

/// Runs a canary command.
///
/// # Errors
/// What the command returns.
#[expect(clippy::unused_async, reason = "the commands on a cluster are asynchronous")]
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Simulate(args) => simulate::run(app, args),
    }
}
