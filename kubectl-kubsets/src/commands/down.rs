//! `down`: takes away what `up` made.

use crate::app::App;
use crate::ui::{ExitCode, Failure};

/// Arguments of `down`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Runs `down`.
///
/// # Errors
/// When it cannot be done.
#[expect(clippy::unused_async, reason = "the providers are asynchronous")]
pub(crate) async fn run(_app: &App, _args: Args) -> anyhow::Result<ExitCode> {
    Err(Failure::new(ExitCode::Skipped, "`down` is not part of this build yet").into())
}
