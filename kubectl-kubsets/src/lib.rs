//! The kubectl plugin `kubsets`, as a library with one way in.
//!
//! A subcommand is: typed arguments, a plan from the crates below, their engine, a report through [`ui`].
//! No business rules live here, and nothing outside `ui` prints.

/// Appends formatted text to a `String`, which takes everything.
macro_rules! append {
    ($text:expr, $($part:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($text, $($part)*);
    }};
}

mod app;
mod assets;
mod cli;
mod commands;
mod entrance;
mod http;
mod platform;
mod report;
mod signals;
mod ui;
mod usual_times;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use app::App;
use ui::ExitCode;

/// Name under which kubectl looks for the completion helper of this plugin.
const COMPLETION_NAME: &str = "kubectl_complete-kubsets";

/// Runs the plugin: looks at the name it was called by, parses `args` (the first is that name), runs the
/// command and returns the exit code of the process.
pub fn entry(args: &[OsString]) -> std::process::ExitCode {
    let name = called_as(args);
    if name == COMPLETION_NAME {
        return commands::completion::answer_kubectl(args).into();
    }
    // Answers the shells' own completion scripts (they set COMPLETE), else does nothing.
    clap_complete::CompleteEnv::with_factory(cli::command).bin(cli::BINARY).complete();

    let usage_name = if name.starts_with("kubectl-") || name.is_empty() { cli::AS_PLUGIN } else { &name };
    ui::set_color(args);
    let command = cli::command().bin_name(usage_name);
    let parsed = command.try_get_matches_from(args).and_then(|matches| {
        let cli = <cli::Cli as clap::FromArgMatches>::from_arg_matches(&matches)?;
        Ok((path(&matches), cli))
    });
    match parsed {
        Ok((path, cli)) => run(&path, cli).into(),
        Err(error) => ui::usage_error(error).into(),
    }
}

/// Names of the subcommands that were called, from the outside in.
fn path(matches: &clap::ArgMatches) -> Vec<String> {
    let below =
        |matches: &clap::ArgMatches| matches.subcommand().map(|(name, sub)| (name.to_owned(), sub.clone()));
    std::iter::successors(below(matches), |(_, sub)| below(sub)).map(|(name, _)| name).collect()
}

fn run(path: &[String], cli: cli::Cli) -> ExitCode {
    let app = App::new(cli.global);
    ui::init_logs(&app.ui);
    if let cli::Command::Internal(args) = &cli.command
        && let Some(result) = commands::internal::run_alone(args)
    {
        return result.unwrap_or_else(|error| app.ui.error(&error));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return app.ui.error(&anyhow::Error::new(error).context("cannot start the runtime")),
    };
    let result = runtime.block_on(commands::run(&app, path, cli.command));
    // Threads that still wait (a prompt, a name lookup) must not hold the exit back.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(error) => app.ui.error(&error),
    }
}

fn called_as(args: &[OsString]) -> String {
    let file = args.first().map(Path::new).and_then(Path::file_stem).unwrap_or(OsStr::new(""));
    file.to_string_lossy().into_owned()
}

/// Parses `args` as the command line would, for tests.
#[cfg(test)]
pub(crate) fn parse(args: &[&str]) -> Result<cli::Cli, clap::Error> {
    <cli::Cli as clap::Parser>::try_parse_from(std::iter::once("kubectl-kubsets").chain(args.iter().copied()))
}
