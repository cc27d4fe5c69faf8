//! The search for the highest rate that keeps an objective.

use std::time::Duration;

use kubsets_load::{FindMaxOptions, LoadSpec, Objective, find_max};
use kubsets_undo::{RunId, StateDir};

use super::{Args, measure, report};
use crate::app::App;
use crate::cli::words::typed;
use crate::report::{Environment, LoadPlan, SearchRun};
use crate::signals::Signals;
use crate::ui::{ExitCode, Failure, millis, percent};

pub(super) async fn run(app: &App, args: &Args, spec: &LoadSpec) -> anyhow::Result<ExitCode> {
    let objective = Objective { p99: args.p99, error_rate: args.errors.share() };
    let start = spec.schedule.peak_rate().unwrap_or(100.0);
    let trial = args.duration.min(Duration::from_secs(10));
    let options = FindMaxOptions { start, max: spec.limits.rate, trial, ..FindMaxOptions::default() };
    let step = app.ui.step(format!("Searching the highest rate with p99 within {:?}", args.p99));
    let search = find_max(spec, objective, options, |trial| {
        let word = if trial.kept { "kept" } else { "not kept" };
        let figures = format!("p99 {}, errors {}", millis(trial.p99_ms), percent(trial.error_rate));
        step.update(format!("{:.0} requests/s: {word}, {figures}", trial.rate));
    });
    let (id, began) = (RunId::generate(), jiff::Timestamp::now());
    let mut signals = Signals::new()?;
    let report = tokio::select! {
        report = search => report.map_err(|error| Failure::new(ExitCode::Inconclusive, "no rate was found").because(error))?,
        () = signals.next() => return Ok(ExitCode::Interrupted),
    };
    step.done("");
    app.ui.emit("FindMaxReport", &report, |style| report::render_search(&report, style))?;
    if !args.no_record {
        let limits = (millis(args.p99.as_secs_f64() * 1e3), percent(args.errors.share()));
        let search = SearchRun {
            run: id.to_string(),
            repeat: typed(),
            started_at: began.to_string(),
            seconds: began.duration_until(jiff::Timestamp::now()).as_secs_f64(),
            objective: format!("p99 within {}, errors within {}", limits.0, limits.1),
            plan: LoadPlan::new(spec, None),
            environment: Environment::of_machine(),
            report: report.clone(),
        };
        measure::say_recorded(app, &id, search.write(&StateDir::at(app.state_dir()), &id));
    }
    if report.generator_limit.is_some() {
        app.ui.hint("an idle machine or several --in-cluster pods let the generator go higher");
        return Ok(ExitCode::Inconclusive);
    }
    Ok(if report.rate.is_some() { ExitCode::Success } else { ExitCode::VerdictFailed })
}
