//! `doctor`: what is possible on this machine, why not, and the fix.

use crate::app::App;
use crate::ui::ExitCode;

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Looks around.
///
/// # Errors
/// When the result cannot be written in the form asked for.
#[expect(clippy::unused_async, reason = "clusters are asked too")]
pub(crate) async fn run(_app: &App, _args: Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::Success)
}
