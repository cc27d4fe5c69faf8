//! One module per command.

pub(crate) mod canary;
pub(crate) mod cluster;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod dry_run;
pub(crate) mod images;
pub(crate) mod internal;
pub(crate) mod lab;
pub(crate) mod load;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod smoke;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod version;

use crate::app::App;
use crate::cli::nature::{self, Trait};
use crate::cli::{Command, GlobalArgs};
use crate::ui::{ExitCode, Failure, Format};

/// Runs the command at `path`.
///
/// # Errors
/// What the command returns; a refusal where a global flag forbids it or has no meaning for it.
pub(crate) async fn run(app: &App, path: &[String], command: Command) -> anyhow::Result<ExitCode> {
    refuse(&app.global, path)?;
    if app.ui.format().is_page() && !command.makes_pages() {
        return Err(Failure::usage("only reports come as html and markdown")
            .with_hint("-o table, json and yaml work everywhere")
            .into());
    }
    let code = Box::pin(act(app, command)).await?;
    Ok(if app.global.exit_zero && code.is_verdict() { ExitCode::Success } else { code })
}

/// Refuses global flags that forbid the command at `path`, or that it would ignore.
fn refuse(global: &GlobalArgs, path: &[String]) -> Result<(), Failure> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let Some(traits) = nature::traits(&path) else { return Ok(()) };
    let command = path.join(" ");
    if global.read_only && traits.contains(&Trait::Changes) {
        let refusal = Failure::usage(format!("`{command}` changes things, and --read-only forbids that"));
        return Err(match *path {
            [family, "run"] => {
                refusal.with_hint(format!("`kubectl kubsets {family} plan` shows what it would do"))
            }
            _ => refusal.with_hint("run again without --read-only and with KUBSETS_READ_ONLY unset"),
        });
    }
    let wanted = [
        (global.namespace.is_some(), "-n", Trait::Namespaced),
        (!global.allow_namespace.is_empty(), "--allow-namespace", Trait::Namespaced),
        (global.all_namespaces, "-A", Trait::Everywhere),
        (global.exit_zero, "--exit-zero", Trait::Judges),
        (global.output == Format::Name, "-o name", Trait::Lists),
    ];
    match wanted.into_iter().find(|(given, _, needed)| *given && !traits.contains(needed)) {
        Some((_, flag, needed)) => Err(Failure::usage(format!("{flag} has no meaning for `{command}`"))
            .with_hint(format!("it has one for {}", nature::commands_with(needed)))),
        None => Ok(()),
    }
}

async fn act(app: &App, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => up::run(app, args).await,
        Command::Down(args) => down::run(app, args).await,
        Command::Status(args) => status::run(app, args).await,
        Command::Smoke(args) => smoke::run(app, args).await,
        Command::Canary(args) => canary::run(app, *args).await,
        Command::Lab(args) => lab::run(app, args).await,
        Command::Chaos(args) => lab::run_family(app, "chaos", args).await,
        Command::Autoscaling(args) => lab::run_family(app, "autoscaling", args).await,
        Command::Gateway(args) => lab::run_family(app, "gateway", args).await,
        Command::Networking(args) => lab::run_family(app, "networking", args).await,
        Command::Storage(args) => lab::run_family(app, "storage", args).await,
        Command::Observability(args) => lab::run_family(app, "observability", args).await,
        Command::Report(args) => report::run(app, &args, report::Scope::All),
        Command::Load(args) => load::run(app, *args).await,
        Command::Images(args) => images::run(app, args).await,
        Command::Doctor(args) => doctor::run(app, args).await,
        Command::Cluster(args) => cluster::run(app, args).await,
        Command::Version(args) => version::run(app, args).await,
        Command::Completion(args) => completion::run(app, args),
        Command::Internal(args) => internal::run(app, args).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(command: &str) -> Vec<String> {
        command.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn read_only_refuses_every_command_that_changes_something() {
        let global = GlobalArgs { read_only: true, ..GlobalArgs::default() };
        for command in [
            "up",
            "down",
            "canary run",
            "canary abort",
            "canary undo",
            "lab run",
            "chaos clean",
            "cluster create",
            "cluster delete",
            "cluster add-node",
            "cluster remove-node",
            "cluster load-image",
            "images load",
            "images push",
        ] {
            let refusal = refuse(&global, &path(command)).expect_err(command);
            assert_eq!(refusal.code(), ExitCode::Usage, "{command}");
            assert!(refusal.to_string().contains("--read-only forbids"), "{refusal}");
            assert!(refuse(&GlobalArgs::default(), &path(command)).is_ok(), "{command}");
        }
        for command in ["status", "canary plan", "lab plan", "cluster list", "images build", "internal docs"]
        {
            assert!(refuse(&global, &path(command)).is_ok(), "{command}");
        }
    }

    #[test]
    fn flags_without_a_meaning_are_refused() {
        let namespace = GlobalArgs { namespace: Some("shop".into()), ..GlobalArgs::default() };
        let everywhere = GlobalArgs { all_namespaces: true, ..GlobalArgs::default() };
        let exit_zero = GlobalArgs { exit_zero: true, ..GlobalArgs::default() };
        let name = GlobalArgs { output: Format::Name, ..GlobalArgs::default() };
        for (global, good, bad) in [
            (namespace, ["lab run", "status"], ["up", "cluster delete"]),
            (everywhere, ["chaos clean", "lab status"], ["status", "lab abort"]),
            (exit_zero, ["gateway run", "load"], ["status", "up"]),
            (name, ["storage list", "images list"], ["status", "version"]),
        ] {
            for command in good {
                assert!(refuse(&global, &path(command)).is_ok(), "{command}");
            }
            for command in bad {
                let refusal = refuse(&global, &path(command)).expect_err(command);
                assert!(
                    refusal.to_string().ends_with(&format!("has no meaning for `{command}`")),
                    "{refusal}"
                );
                assert!(refusal.hints()[0].contains(good[1].trim_start_matches("storage ")), "{refusal:?}");
            }
        }
    }
}
