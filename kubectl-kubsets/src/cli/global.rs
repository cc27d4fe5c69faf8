//! Flags that every command takes, anywhere after the plugin's name.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::parse_duration;
use crate::ui::{ColorChoice, Format, PrinterOptions};

const HEADING: &str = "Global flags";

/// The flags of kubectl that have meaning here, and those of this plugin.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = HEADING)]
pub(crate) struct GlobalArgs {
    /// Namespace to work in, for commands that work in one
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// All namespaces, for commands that look for runs
    #[arg(short = 'A', long, global = true, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,

    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", add = clap_complete::ArgValueCandidates::new(super::values::contexts))]
    pub(crate) context: Option<String>,

    /// Form of the output
    #[arg(short, long, global = true, value_name = "FORM", value_enum, default_value_t)]
    pub(crate) output: Format,

    /// Agree to every question beforehand
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more; twice or three times for logs (`RUST_LOG` works too)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Kubeconfig file to read instead of those in KUBECONFIG
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Cluster entry of the kubeconfig to use
    #[arg(long = "cluster", id = "kube-cluster", global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) cluster: Option<String>,

    /// User entry of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) user: Option<String>,

    /// User to impersonate
    #[arg(long = "as", id = "impersonate", global = true, value_name = "USER", hide_short_help = true)]
    pub(crate) impersonate: Option<String>,

    /// Longest wait for one answer of the API server, for example 30s
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_duration, hide_short_help = true)]
    pub(crate) request_timeout: Option<Duration>,

    /// Change nothing in the cluster: every write is refused before it is sent
    #[arg(long, global = true, env = "KUBSETS_READ_ONLY", hide_env_values = true, hide_short_help = true,
          value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) read_only: bool,

    /// Namespace that may be changed although it is not ours; may be repeated
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) allow_namespace: Vec<String>,

    /// End with 0 whatever the verdict of a lab, canary or load is; errors keep their codes
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) exit_zero: bool,

    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_short_help = true)]
    pub(crate) color: ColorChoice,

    /// Behave as if there were no terminal: no bars, no live view, no questions
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) no_tty: bool,

    /// Folder of run records and undo journals
    #[arg(long, global = true, value_name = "FOLDER", env = "KUBSETS_STATE", hide_env_values = true,
          hide_short_help = true, value_hint = clap::ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
}

impl GlobalArgs {
    /// What the printer has to know.
    pub(crate) fn printer_options(&self) -> PrinterOptions {
        PrinterOptions {
            format: self.output,
            quiet: self.quiet,
            verbose: self.verbose,
            color: self.color,
            no_tty: self.no_tty,
            yes: self.yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;
    use crate::ui::Format;

    #[test]
    fn global_flags_are_taken_before_and_after_the_command() {
        for args in [&["-n", "x", "version", "-o", "json"][..], &["version", "-n", "x", "-o", "json"][..]] {
            let cli = parse(args).expect("parses");
            assert_eq!(cli.global.namespace.as_deref(), Some("x"));
            assert_eq!(cli.global.output, Format::Json);
        }
    }

    #[test]
    fn one_namespace_and_all_exclude_each_other() {
        assert!(parse(&["lab", "status", "-A"]).expect("parses").global.all_namespaces);
        assert!(parse(&["-A", "lab", "status"]).expect("parses").global.all_namespaces);
        assert!(parse(&["lab", "status", "-A", "-n", "x"]).is_err());
    }

    #[test]
    fn quiet_and_verbose_exclude_each_other() {
        assert!(parse(&["version", "-q", "-v"]).is_err());
    }
}
