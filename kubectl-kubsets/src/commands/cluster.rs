//! `cluster`: creates and manages clusters.

use crate::app::App;
use crate::ui::{ExitCode, Failure};

/// Arguments of `cluster`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Runs `cluster`.
///
/// # Errors
/// When it cannot be done.
#[expect(clippy::unused_async, reason = "the providers are asynchronous")]
pub(crate) async fn run(_app: &App, _args: Args) -> anyhow::Result<ExitCode> {
    Err(Failure::new(ExitCode::Skipped, "`cluster` is not part of this build yet").into())
}
