//! `status`: one screen that says healthy, or what is wrong and where to look first.

mod assess;
mod gateway;
mod jobs;
mod model;
mod render;
mod snapshot;

use std::time::{Duration, Instant};

use kubsets_kube::{Access, LogOptions, logs};

use self::model::Status;
use crate::app::App;
use crate::cli::values::parse_duration;
use crate::ui::{ExitCode, Failure, Format, Printer};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(2);

/// Arguments of `status`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Look again and again until Ctrl-C
    #[arg(short, long)]
    watch: bool,

    /// Watch until all is healthy, then end with exit code 0
    #[arg(long)]
    until_healthy: bool,

    /// With --until-healthy: give up after this time (exit code 6)
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    timeout: Duration,
}

/// Shows the state of cluster, platform and stack. Exit code: 0 healthy, 1 not, 5 no cluster.
///
/// # Errors
/// When there is no cluster or it does not answer.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    if !args.watch && !args.until_healthy {
        let status = look(&access).await?;
        app.ui.emit("Status", &status, |style| render::full(&status, style))?;
        return Ok(exit_code(&status));
    }
    watch(app, &access, &args).await
}

/// Takes everything in and judges it.
async fn look(access: &Access) -> anyhow::Result<Status> {
    let snapshot = snapshot::take(access).await?;
    let mut status = assess::assess(&snapshot, jiff::Timestamp::now());
    add_last_words(access, &mut status).await;
    Ok(status)
}

/// Adds the last log line of containers that died or are not ready.
async fn add_last_words(access: &Access, status: &mut Status) {
    for problem in status.problems.iter_mut().take(6) {
        let Some(source) = problem.logs.clone() else { continue };
        let options = LogOptions {
            container: source.container.clone(),
            tail: Some(5),
            previous: source.previous,
            ..LogOptions::default()
        };
        let mut text = logs(access, &problem.namespace, &source.pod, &options).await.unwrap_or_default();
        if text.trim().is_empty() && source.previous {
            let now = LogOptions { previous: false, ..options };
            text = logs(access, &problem.namespace, &source.pod, &now).await.unwrap_or_default();
        }
        problem.last_log = text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    }
}

async fn watch(app: &App, access: &Access, args: &Args) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut last = None;
    let mut code = ExitCode::Success;
    loop {
        let seen = tokio::select! {
            seen = look(access) => seen,
            _ = tokio::signal::ctrl_c() => return Ok(if args.until_healthy { ExitCode::Interrupted } else { code }),
        };
        match seen {
            Ok(status) => {
                code = exit_code(&status);
                show(&app.ui, &status, &mut last)?;
            }
            Err(error) => {
                code = ExitCode::Cluster;
                app.ui.warn(Printer::one_line(&error));
            }
        }
        if args.until_healthy && code == ExitCode::Success {
            return Ok(code);
        }
        if args.until_healthy && began.elapsed() >= args.timeout {
            let waited = crate::ui::duration(args.timeout);
            return Err(Failure::new(ExitCode::Timeout, format!("not healthy after {waited}"))
                .with_hint("`kubectl kubsets status` names the first problem; --timeout gives it more time")
                .into());
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = tokio::signal::ctrl_c() => return Ok(if args.until_healthy { ExitCode::Interrupted } else { code }),
        }
    }
}

/// One look of a watch: a fresh screen, a line per change, or a JSON line.
fn show(ui: &Printer, status: &Status, last: &mut Option<String>) -> anyhow::Result<()> {
    match ui.format() {
        Format::Json | Format::Yaml => ui.emit_line("Status", status)?,
        _ if ui.has_screen() => {
            ui.data(&format!("\u{1b}[H\u{1b}[2J{}", render::full(status, ui.style())));
        }
        _ => {
            let line = render::line(status);
            if last.as_ref() != Some(&line) {
                ui.data(&format!("{} {line}\n", jiff::Timestamp::now().strftime("%H:%M:%S")));
                *last = Some(line);
            }
        }
    }
    Ok(())
}

fn exit_code(status: &Status) -> ExitCode {
    if status.healthy { ExitCode::Success } else { ExitCode::VerdictFailed }
}
