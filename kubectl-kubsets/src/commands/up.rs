//! `up`: brings up a cluster with the demo stack.

use crate::app::App;
use crate::ui::{ExitCode, Failure};

/// Arguments of `up`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Runs `up`.
///
/// # Errors
/// When it cannot be done.
#[expect(clippy::unused_async, reason = "the providers are asynchronous")]
pub(crate) async fn run(_app: &App, _args: Args) -> anyhow::Result<ExitCode> {
    Err(Failure::new(ExitCode::Skipped, "`up` is not part of this build yet").into())
}
