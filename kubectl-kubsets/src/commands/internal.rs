//! Hidden commands that the plugin runs by itself.

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
}

/// Runs a hidden command.
///
/// # Errors
/// What the command returns.
#[expect(clippy::unused_async, reason = "the hidden commands of clusters and canaries are asynchronous")]
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Docs => {
            app.ui.data(&docs::render());
            Ok(ExitCode::Success)
        }
    }
}
