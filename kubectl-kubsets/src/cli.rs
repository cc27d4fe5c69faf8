//! The command line: types only, no work.

mod examples;
mod global;
pub(crate) mod nature;
pub(crate) mod values;
pub(crate) mod words;

use clap::{CommandFactory as _, Parser, Subcommand};

pub(crate) use global::GlobalArgs;

/// File name of the binary.
pub(crate) const BINARY: &str = "kubectl-kubsets";

/// How a user types it.
pub(crate) const AS_PLUGIN: &str = "kubectl kubsets";

/// Order of the parts of a help text: examples come right after the purpose.
const HELP_TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Last lines of the help text.
const EXIT_CODES: &str = "\
Exit codes: 0 pass, 1 verdict failed, 2 usage, 3 inconclusive, 4 skipped, 5 cluster or access,
            6 timeout, 7 cleanup incomplete, 8 this machine, 130 interrupted.";

/// A cluster, a demo stack, and labs with a verdict: canaries judged on real traffic, in one plugin.
#[derive(Debug, Parser)]
#[command(name = BINARY, bin_name = AS_PLUGIN, version, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring up a cluster with the demo stack, in one command
    Up(crate::commands::up::Args),
    /// Take away what `up` made and leave the machine as it was
    Down(crate::commands::down::Args),
    /// Say in one screen whether all is healthy, or what is wrong and where to look first
    Status(crate::commands::status::Args),
    /// Send one order all the way through the stack and show when it got where
    Smoke(crate::commands::smoke::Args),
    /// Bring out a new version on real traffic: a verdict, then promoted or rolled back
    Canary(Box<crate::commands::canary::Args>),
    /// Run an experiment of any family to its verdict; everything is undone
    Lab(crate::commands::lab::Args),
    /// Kill and disturb under load: labs with a verdict
    Chaos(crate::commands::lab::FamilyArgs),
    /// See how scaling follows load: labs with a verdict
    Autoscaling(crate::commands::lab::FamilyArgs),
    /// See what the gateway does for users and services: labs with a verdict
    Gateway(crate::commands::lab::FamilyArgs),
    /// See how pods find and reach each other: labs with a verdict
    Networking(crate::commands::lab::FamilyArgs),
    /// Lose data and get it back: labs with a verdict
    Storage(crate::commands::lab::FamilyArgs),
    /// Find out what happened by metrics, logs and records: labs with a verdict
    Observability(crate::commands::lab::FamilyArgs),
    /// Show what a run did: a page for a browser, Markdown or JSON; also two runs side by side
    Report(crate::commands::report::Args),
    /// Put honest load on a URL or on the stack: open loop, latency from the planned instant
    Load(Box<crate::commands::load::Args>),
    /// Build the images of platform and stack, without a container engine
    Images(crate::commands::images::Args),
    /// Say what each cluster provider needs and what is missing, with the fix
    Doctor(crate::commands::doctor::Args),
    /// Create and manage clusters
    Cluster(crate::commands::cluster::Args),
    /// Show versions of the plugin and of the cluster
    Version(crate::commands::version::Args),
    /// Set up shell completion, alone and through kubectl
    Completion(crate::commands::completion::Args),
    /// Commands that the plugin runs by itself
    #[command(hide = true)]
    Internal(crate::commands::internal::Args),
}

impl Command {
    /// Whether the command can print a page.
    pub(crate) fn makes_pages(&self) -> bool {
        match self {
            Self::Report(_) => true,
            Self::Canary(args) => args.makes_pages(),
            Self::Lab(args) => args.makes_pages(),
            Self::Chaos(args)
            | Self::Autoscaling(args)
            | Self::Gateway(args)
            | Self::Networking(args)
            | Self::Storage(args)
            | Self::Observability(args) => args.makes_pages(),
            _ => false,
        }
    }
}

/// The whole command, with examples and the order of help.
pub(crate) fn command() -> clap::Command {
    examples::add(Cli::command().help_template(HELP_TEMPLATE), HELP_TEMPLATE)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
