//! `canary status`, `abort` and `undo`: runs seen from another terminal, or after it.

use std::time::Duration;

use kubsets_delivery::{Aborted, Comparison, RunId, RunningCanary, StateDir, Status};

use super::outcome;
use crate::app::App;
use crate::ui::{Cell, ExitCode, Failure, Format, Risk, Style, Table, Tone};

/// Time between two looks of a watch.
const PERIOD: Duration = Duration::from_secs(2);

/// Silence of a driver after which it is taken for dead.
const LEASE_S: f64 = 20.0;

/// Time in which the watchdog has undone everything, with room for a busy machine.
const WATCHDOG_S: f64 = 90.0;

/// Shows what is under way and how the last run ended. A watch ends when nothing is under way any more.
pub(super) async fn status(app: &App, watch: bool) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    let state = StateDir::at(app.state_dir());
    loop {
        let status = if app.global.all_namespaces {
            kubsets_delivery::status_everywhere(&access, &state).await?
        } else {
            kubsets_delivery::status(&access, &state).await?
        };
        if !watch {
            app.ui.emit("CanaryStatus", &status, |style| describe(&status, style))?;
            return Ok(ExitCode::Success);
        }
        let over = status.running.is_empty();
        match app.ui.format() {
            Format::Json | Format::Yaml => app.ui.emit_line("CanaryStatus", &status)?,
            _ if over => app.ui.data(&describe(&status, app.ui.style())),
            _ => {
                for canary in &status.running {
                    app.ui.data(&format!("{}\n", line(canary)));
                }
            }
        }
        if over {
            let code =
                status.last.as_ref().map_or(ExitCode::Success, |last| ExitCode::from_number(last.exit_code));
            return Ok(code);
        }
        if let Some(dead) = status.running.iter().find(|canary| is_given_up(canary)) {
            let message =
                format!("the driver of run {} is gone, and nothing in the cluster undoes it", dead.run);
            return Err(Failure::new(ExitCode::CleanupIncomplete, message)
                .with_hint(format!("kubectl kubsets canary undo {} -n {}", dead.run, dead.namespace))
                .into());
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::Interrupted),
        }
    }
}

/// Ends the canary that is under way.
pub(super) async fn abort(app: &App, run: Option<RunId>) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    let state = StateDir::at(app.state_dir());
    let step = app.ui.step("Asking the canary to end and to bring the stable version back");
    let aborted = kubsets_delivery::abort(&access, &state, run.as_ref()).await?;
    step.done("");
    app.ui.emit("CanaryAbort", &aborted, |style| match &aborted {
        Aborted::NothingRunning => format!("no canary is under way in namespace {}\n", access.namespace()),
        Aborted::ByDriver { run, seconds } => format!("run {run} went back by itself in {seconds:.1} s\n"),
        Aborted::ByUndo { run, comparisons } => {
            format!("the driver of run {run} was gone: undone from here\n{}", compared(comparisons, style))
        }
    })?;
    Ok(match &aborted {
        Aborted::ByUndo { comparisons, .. } if !Comparison::all_equal(comparisons) => {
            ExitCode::CleanupIncomplete
        }
        _ => ExitCode::Success,
    })
}

/// Brings back the state before a run.
pub(super) async fn undo(app: &App, run: Option<RunId>) -> anyhow::Result<ExitCode> {
    let access = app.stack_access().await?;
    app.ui.message(access.facts().to_string());
    let what = run.as_ref().map_or_else(|| "the last canary".to_owned(), |run| format!("run {run}"));
    app.ui.confirm(Risk::Moderate, &format!("bring back the state before {what}"))?;
    let state = StateDir::at(app.state_dir());
    let step = app.ui.step(format!("Undoing {what}"));
    let undone = kubsets_delivery::undo(&access, &state, run.as_ref()).await?;
    step.done("");
    app.ui.emit("CanaryUndo", &undone, |style| {
        let (tone, word) =
            if undone.equal { (Tone::Good, "as before") } else { (Tone::Bad, "NOT everything is as before") };
        format!(
            "{} run {}: {} after {:.1} s\n{}",
            style.icon(tone),
            undone.run,
            style.paint(tone, word),
            undone.seconds,
            compared(&undone.comparisons, style)
        )
    })?;
    Ok(if undone.equal { ExitCode::Success } else { ExitCode::CleanupIncomplete })
}

/// Neither its driver nor the watchdog is going to end this canary.
fn is_given_up(canary: &RunningCanary) -> bool {
    let silent_s = canary.age_seconds.unwrap_or(0.0);
    !canary.alive && silent_s > if canary.watchdog { WATCHDOG_S } else { LEASE_S }
}

fn compared(comparisons: &[Comparison], style: Style) -> String {
    let mut table = Table::new([]).indent(2);
    for one in comparisons {
        let mark = if one.equal { Cell::new(Tone::Good, "ok") } else { Cell::new(Tone::Bad, "!!") };
        let what = match (&one.pointer, &one.after) {
            (Some(pointer), _) => pointer.clone(),
            (None, None) => "gone".to_owned(),
            (None, Some(_)) => "still there".to_owned(),
        };
        table.row([mark, one.object.to_string().into(), what.into()]);
    }
    table.render(style)
}

fn describe(status: &Status, style: Style) -> String {
    let mut text = String::new();
    if status.running.is_empty() {
        let place =
            status.namespace.as_ref().map_or_else(String::new, |name| format!(" in namespace {name}"));
        append!(text, "no canary is under way{place}\n");
    }
    for canary in &status.running {
        append!(text, "{}\n", line(canary));
        if !canary.alive {
            let command = format!("kubectl kubsets canary undo {} -n {}", canary.run, canary.namespace);
            append!(text, "  its driver is gone: {}\n", style.paint(Tone::Hint, &command));
        }
    }
    if let Some(last) = &status.last {
        append!(text, "\n{}\n", style.paint(Tone::Strong, "Last run on this machine"));
        text.push_str(&outcome::describe(last, style));
    }
    text
}

fn line(canary: &RunningCanary) -> String {
    let weights: Vec<String> =
        canary.weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
    let lab = canary.lab.as_deref().map(|lab| format!(" (lab {lab})")).unwrap_or_default();
    let life = match (canary.alive, canary.age_seconds) {
        (true, _) => "alive".to_owned(),
        (false, Some(age)) => format!("no sign of life for {age:.0} s"),
        (false, None) => "no sign of life".to_owned(),
    };
    format!(
        "run {}{lab}: Deployment {} in namespace {}, weights {}, canary pods {}/{}, driver {life}, watchdog {}",
        canary.run,
        canary.deployment,
        canary.namespace,
        if weights.is_empty() { "as before".to_owned() } else { weights.join(" : ") },
        canary.ready,
        canary.replicas,
        if canary.watchdog { "armed" } else { "not armed" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(alive: bool, age_seconds: f64, watchdog: bool) -> RunningCanary {
        RunningCanary {
            run: "260101-120000-ab12".into(),
            lab: None,
            namespace: "shop".into(),
            deployment: "demo-app".into(),
            phase: None,
            started_at: None,
            alive,
            age_seconds: Some(age_seconds),
            watchdog,
            weights: vec![("demo-app".into(), 90), ("demo-app-canary".into(), 10)],
            ready: 1,
            replicas: 1,
        }
    }

    #[test]
    fn a_dead_driver_is_given_up_unless_the_watchdog_may_still_act() {
        assert!(!is_given_up(&canary(true, 1.0, true)));
        assert!(!is_given_up(&canary(false, 30.0, true)));
        assert!(is_given_up(&canary(false, 30.0, false)));
        assert!(is_given_up(&canary(false, 120.0, true)));
    }

    #[test]
    fn a_line_names_weights_and_life() {
        let expected = "run 260101-120000-ab12: Deployment demo-app in namespace shop, \
                        weights demo-app 90 : demo-app-canary 10, canary pods 1/1, driver no sign of life for 30 s, watchdog not armed";
        assert_eq!(line(&canary(false, 30.0, false)), expected);
    }
}
