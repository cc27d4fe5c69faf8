//! `doctor`: what is possible on this machine, what is not and why, and the fix.

mod cluster;
mod host;
mod providers;
mod tools;

use serde::Serialize;

use crate::app::App;
use crate::platform::ImageStore;
use crate::ui::{Cell, ExitCode, Failure, Style, Table, Tone};

/// Arguments of `doctor`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Do not ask the cluster of the current context
    #[arg(long)]
    no_cluster: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Ok,
    Warning,
    Missing,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        // some programs write colours into their version, also where no terminal is
        let found = anstream::adapter::strip_str(&found.into()).to_string();
        Self { name: name.into(), state: State::Ok, found, fix: None }
    }

    fn warning(name: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Warning, found: found.into(), fix: Some(fix.into()) }
    }

    fn missing(name: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Missing, found: found.into(), fix: Some(fix.into()) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// The provider that `up` takes without `--provider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    providers: Vec<Check>,
    host: Vec<Check>,
    tools: Vec<Check>,
    cluster: Vec<Check>,
}

impl Report {
    fn groups(&self) -> [(&'static str, &[Check]); 4] {
        [
            ("Cluster providers", &self.providers),
            ("This machine", &self.host),
            ("Tools", &self.tools),
            ("Cluster of the current context", &self.cluster),
        ]
    }
}

/// Looks around; the exit code is 0 where at least one provider can work, else 4.
///
/// # Errors
/// When the result cannot be written in the form asked for.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    app.ui.detail("looking at this machine and its tools");
    let (host, cache) = (tokio::task::spawn_blocking(host::checks), app.cache_dir());
    let tools = tokio::task::spawn_blocking(move || tools::checks(&cache));
    let store = ImageStore::open(app).ok();
    let providers = tokio::task::spawn_blocking(move || providers::checks(&absent_builders(store.as_ref())));
    let cluster = async { if args.no_cluster { Vec::new() } else { cluster::checks(app).await } };
    let (host, tools, providers, cluster) = tokio::join!(host, tools, providers, cluster);
    let mut providers = providers?;
    providers.push(providers::current(&cluster, args.no_cluster));
    let choice = providers.iter().find(|check| check.state == State::Ok).map(|check| check.name.clone());
    let report = Report { choice, providers, host: host?, tools: tools?, cluster };

    app.ui.emit("Doctor", &report, |style| render(&report, style))?;
    if report.choice.is_some() {
        return Ok(ExitCode::Success);
    }
    app.ui.hint("fix one of the providers above, then `kubectl kubsets up`");
    Ok(ExitCode::Skipped)
}

/// Refuses a build that would end at a program that is not here, before it begins.
///
/// # Errors
/// Where something is not in the cache and what builds it is missing; on a processor that nothing is built for.
pub(super) fn builders_must_be_here(app: &App) -> anyhow::Result<()> {
    if !cfg!(target_arch = "x86_64") {
        let message = format!("images are built on x86-64 only, and this is {}", std::env::consts::ARCH);
        return Err(Failure::new(ExitCode::Skipped, message)
            .with_hint("`images push` on an x86-64 machine, then `up --provider current --registry` here")
            .into());
    }
    let absent = absent_builders(ImageStore::open(app).ok().as_ref());
    if absent.is_empty() {
        return Ok(());
    }
    let message = format!("not here, and needed to build what is not in the cache: {}", absent.join(", "));
    Err(Failure::new(ExitCode::Skipped, message)
        .with_hint("hack/native-prerequisites.sh installs them; `kubectl kubsets doctor` says more")
        .into())
}

/// Programs that a cluster could not be built without and that are not here: none while all is in the cache.
fn absent_builders(store: Option<&ImageStore>) -> Vec<&'static str> {
    // what is wrong with our own files is told by the build itself
    let warm = store.is_none_or(|store| store.is_warm().unwrap_or(true));
    if warm { Vec::new() } else { tools::missing_builders() }
}

fn render(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for (title, checks) in report.groups() {
        if checks.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        append!(text, "{}\n", style.paint(Tone::Strong, title));
        let mut table = Table::new([]).indent(2);
        for check in checks {
            let (word, tone) = match check.state {
                State::Ok => ("ok", Tone::Good),
                State::Warning => ("note", Tone::Warn),
                State::Missing => ("missing", Tone::Bad),
            };
            table.row([Cell::new(tone, word), check.name.clone().into(), check.found.clone().into()]);
            if let Some(fix) = &check.fix {
                table.row(["".into(), "".into(), Cell::new(Tone::Hint, format!("fix: {fix}"))]);
            }
        }
        // A fix that is cut off helps nobody: the terminal may wrap it.
        text.push_str(&table.render(Style { width: None, ..style }));
    }
    if let Some(choice) = &report.choice {
        append!(text, "\n`kubectl kubsets up` would take the provider {}\n", style.paint(Tone::Good, choice));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_state_reason_and_fix() {
        let report = Report {
            choice: Some("native".into()),
            providers: vec![
                Check::ok("native", "\u{1b}[1mroot\u{1b}[m, namespaces, 7 programs"),
                Check::missing("kind", "no container engine answers", "start Docker"),
            ],
            host: vec![Check::warning("disk", "3 GiB free", "free some space")],
            tools: Vec::new(),
            cluster: Vec::new(),
        };
        let expected = "\
Cluster providers
  ok       native  root, namespaces, 7 programs
  missing  kind    no container engine answers
                   fix: start Docker

This machine
  note  disk  3 GiB free
              fix: free some space

`kubectl kubsets up` would take the provider native
";
        assert_eq!(render(&report, Style::PLAIN), expected);
    }
}
