//! `completion`: scripts for shells, and the answer to kubectl's completion protocol.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap_complete::env::Shells;

use crate::app::App;
use crate::ui::{ExitCode, Failure, Printer};
use crate::{COMPLETION_NAME, cli};

/// Tells kubectl not to offer file names after our answers (cobra's `ShellCompDirectiveNoFileComp`).
const NO_FILES: &str = ":4\n";

/// Tells kubectl that files may follow (cobra's `ShellCompDirectiveDefault`).
const FILES: &str = ":0\n";

/// Arguments of `completion`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Print the script for bash
    Bash,
    /// Print the script for zsh
    Zsh,
    /// Print the script for fish
    Fish,
    /// Print the script for PowerShell
    Powershell,
    /// Let `kubectl kubsets <TAB>` work: link kubectl_complete-kubsets beside the binary
    InstallKubectl {
        /// Folder for the link; it has to be on PATH
        #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Prints a script or makes the link.
///
/// # Errors
/// When the link cannot be made.
pub(crate) fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let shell = match args.command {
        Command::Bash => "bash",
        Command::Zsh => "zsh",
        Command::Fish => "fish",
        Command::Powershell => "powershell",
        Command::InstallKubectl { dir } => return install(&app.ui, dir),
    };
    app.ui.data(&script(shell)?);
    Ok(ExitCode::Success)
}

/// The registration script of `shell` for the binary itself.
fn script(shell: &str) -> anyhow::Result<String> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell).with_context(|| format!("no completion for {shell}"))?;
    let mut script = Vec::new();
    completer.write_registration("COMPLETE", "kubectl_kubsets", cli::BINARY, cli::BINARY, &mut script)?;
    String::from_utf8(script).context("the script is not UTF-8")
}

/// Links [`COMPLETION_NAME`] to this binary.
fn install(ui: &Printer, folder: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let binary = std::env::current_exe().context("cannot find this binary")?;
    let folder = match folder {
        Some(folder) => folder,
        None => binary.parent().map(Path::to_path_buf).context("this binary has no folder")?,
    };
    let link = folder.join(COMPLETION_NAME);
    if std::fs::read_link(&link).is_ok() {
        std::fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?;
    } else if link.exists() {
        return Err(Failure::usage(format!("{} exists and is not a link of ours", link.display()))
            .with_hint("remove it, or name another folder with --dir")
            .into());
    }
    make_link(&binary, &link).map_err(|error| {
        Failure::new(ExitCode::Usage, format!("cannot create {}", link.display()))
            .because(error)
            .with_hint("name a folder on your PATH that you may write to: `--dir ~/.local/bin`")
    })?;
    ui.message(format!("{} now completes `kubectl kubsets`", link.display()));
    if !on_path(&folder) {
        ui.warn(format!("{} is not on PATH, so kubectl will not find it", folder.display()));
    }
    Ok(ExitCode::Success)
}

#[cfg(unix)]
fn make_link(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make_link(target: &Path, link: &Path) -> std::io::Result<()> {
    std::fs::copy(target, link).map(|_| ())
}

fn on_path(folder: &Path) -> bool {
    let same = |entry: &PathBuf| entry == folder || entry.canonicalize().ok() == folder.canonicalize().ok();
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|entry| same(&entry)))
}

/// Answers `kubectl __complete kubsets …`: `args` are our name, the words so far, and the word to complete.
/// Prints `value<TAB>help` lines and a directive; never fails loudly, for that would disturb the shell.
pub(crate) fn answer_kubectl(args: &[OsString]) -> ExitCode {
    let printer = Printer::new(crate::ui::PrinterOptions::default());
    printer.data(&candidates(args));
    ExitCode::Success
}

fn candidates(args: &[OsString]) -> String {
    let mut words = args.to_vec();
    if words.len() < 2 {
        words.push(OsString::new());
    }
    let last = words.len() - 1;
    let here = std::env::current_dir().ok();
    let found = clap_complete::engine::complete(&mut cli::command(), words, last, here.as_deref())
        .unwrap_or_default();
    if found.is_empty() {
        return FILES.to_owned();
    }
    let mut text = String::new();
    for candidate in found.iter().filter(|candidate| !candidate.is_hide_set()) {
        text.push_str(&candidate.get_value().to_string_lossy());
        if let Some(help) = candidate.get_help() {
            text.push('\t');
            text.push_str(help.to_string().lines().next().unwrap_or_default());
        }
        text.push('\n');
    }
    text + NO_FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(words: &[&str]) -> String {
        let args: Vec<OsString> =
            std::iter::once(&COMPLETION_NAME).chain(words).map(OsString::from).collect();
        candidates(&args)
    }

    #[test]
    fn subcommands_come_with_their_help() {
        let text = answer(&["ver"]);
        assert_eq!(text, "version\tShow versions of the plugin and of the cluster\n:4\n");
    }

    #[test]
    fn values_of_flags_are_offered() {
        let text = answer(&["version", "-o", "j"]);
        assert!(text.starts_with("json\t") && text.ends_with(NO_FILES), "{text}");
    }

    #[test]
    fn hidden_commands_are_not_offered() {
        assert!(!answer(&[""]).contains("internal"));
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            assert!(script(shell).expect("is built in").contains("COMPLETE"), "{shell}");
        }
    }
}
