//! One run of the generator in this process.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use kubsets_load::{Generator, HdrLog, LoadReport, LoadSpec, Running, Tick, Windows, seconds_csv};
use kubsets_undo::{RunId, StateDir};
use serde::Serialize;

use super::Args;
use super::figures::Figures;
use super::metrics::Metrics;
use super::report;
use crate::app::App;
use crate::cli::values::Percent;
use crate::cli::words::typed;
use crate::report::junit::load_document;
use crate::report::{Environment, LoadPlan, LoadRun, Slo, load_story};
use crate::signals::Signals;
use crate::ui::tui::{LoadFacts, LoadView, show_load};
use crate::ui::{ExitCode, Failure, Format, Printer};

/// Seconds between lines of progress where no bar can be drawn.
const LINE_EVERY: u64 = 5;

pub(super) async fn run(app: &App, args: &Args, spec: LoadSpec) -> anyhow::Result<ExitCode> {
    let (facts, plan) = (facts(&spec), LoadPlan::new(&spec, None));
    let running = Generator::start(spec).await?;
    let mut sinks = Sinks::open(args, &running).await?;
    let live = !args.plain && app.ui.has_screen() && app.ui.format() == Format::Table && !app.ui.is_quiet();
    let (report, interrupted) = if live {
        let view = LoadView::new(facts);
        show_load(view, running, |tick| sinks.take(tick), app.ui.style()).await?
    } else {
        follow(app, facts, running, &mut sinks).await?
    };
    let crossed = sinks.windows.breaches(&report);
    sinks.close()?;
    finish(app, args, (plan, Environment::of_machine()), &report, crossed, interrupted)
}

/// Writes what is asked for and tells the verdict; `windows` are the rules over windows that are crossed.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn finish(
    app: &App,
    args: &Args,
    (plan, environment): (LoadPlan, Environment),
    report: &LoadReport,
    windows: Vec<String>,
    interrupted: bool,
) -> anyhow::Result<ExitCode> {
    let whole = args.fail_if.iter().filter(|rule| !rule.has_window());
    let crossed: Vec<String> = whole.filter_map(|rule| rule.breach(report)).chain(windows).collect();
    let id = RunId::generate();
    let run = LoadRun {
        run: id.to_string(),
        repeat: typed(),
        crossed: crossed.clone(),
        objective: args.slo.map(Percent::share),
        plan: Some(plan),
        environment: Some(environment),
        report: report.clone(),
    };
    let told = Told { report, slo: run.slo() };
    app.ui.emit("LoadReport", &told, |style| report::render(report, &crossed, told.slo.as_ref(), style))?;
    if !args.no_record {
        say_recorded(app, &id, run.write(&StateDir::at(app.state_dir()), &id));
    }
    // last: a file that cannot be written costs nobody the figures
    if let Some(file) = &args.csv {
        write(file, &seconds_csv(&report.seconds))?;
    }
    if let Some(file) = &args.html {
        write(file, &kubsets_report::report_html(&load_story(&run)))?;
    }
    if let Some(file) = &args.junit {
        write(file, &load_document(&run, &args.fail_if, interrupted))?;
    }
    if interrupted {
        return Ok(ExitCode::Interrupted);
    }
    if report.total.errors.contains_key(&kubsets_load::ErrorKind::Tls) {
        app.ui.hint("--ca-file names the authority of the server, --insecure accepts any certificate");
    }
    if !report.is_valid() {
        app.ui.hint("a lower rate or an idle machine lets the generator keep up");
        return Ok(ExitCode::Inconclusive);
    }
    if crossed.is_empty() {
        if report.is_unanswered() {
            app.ui.hint("not one request was answered: does a server listen there?");
            return Ok(ExitCode::Inconclusive);
        }
        return Ok(ExitCode::Success);
    }
    // The table names them already.
    if matches!(app.ui.format(), Format::Json | Format::Yaml) {
        for rule in crossed {
            app.ui.message(format!("threshold crossed: {rule}"));
        }
    }
    Ok(ExitCode::VerdictFailed)
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Says how a record is told again, or why there is none; the run is over either way.
pub(super) fn say_recorded(app: &App, id: &RunId, written: anyhow::Result<()>) {
    match written {
        Ok(()) => app.ui.detail(format!("record: `kubectl kubsets report {id}` tells it again")),
        Err(error) => app.ui.warn(format!("there is no record: {}", Printer::one_line(&error))),
    }
}

/// A report with what it says of an objective.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a LoadReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo: Option<Slo>,
}

/// A schedule as it is told to people: a rate that stays the same is written as a bare number.
pub(super) fn with_unit(schedule: &str) -> String {
    let unit = if schedule.parse::<f64>().is_ok() { " requests/s" } else { "" };
    format!("{schedule}{unit}")
}

fn facts(spec: &LoadSpec) -> LoadFacts {
    let closed = spec.schedule.is_closed_loop();
    let title = match spec.targets.as_slice() {
        [one] => one.label(),
        several => format!("{} targets", several.len()),
    };
    LoadFacts {
        title,
        how: format!(
            "{} ({} loop), {}, at most {} connections",
            with_unit(&spec.schedule.to_string()),
            if closed { "closed" } else { "open" },
            spec.protocol.name(),
            spec.most_connections()
        ),
        duration: spec.duration.or(spec.schedule.natural_end()),
        steerable: !closed,
    }
}

/// Shows the seconds as they pass, until the end or a signal; says whether it was the latter.
async fn follow(
    app: &App,
    facts: LoadFacts,
    mut running: Running,
    sinks: &mut Sinks,
) -> anyhow::Result<(LoadReport, bool)> {
    let step = app.ui.step(format!("{}, {}", facts.title, facts.how));
    if let Some(duration) = facts.duration {
        step.expect(duration);
    }
    let mut signals = Signals::new()?;
    let mut ticks = running.ticks();
    let mut figures = Figures::default();
    let (mut more, mut interrupted) = (true, false);
    let report = loop {
        tokio::select! {
            tick = ticks.next(), if more => match tick {
                Some(tick) => {
                    sinks.take(&tick)?;
                    figures.take(&tick);
                    if app.ui.is_animated() || tick.second % LINE_EVERY == LINE_EVERY - 1 {
                        step.update(figures.line(&tick));
                    }
                }
                None => more = false,
            },
            report = running.wait() => break report?,
            () = signals.next() => {
                if interrupted {
                    return Err(Failure::new(ExitCode::Interrupted, "stopped without a report").into());
                }
                app.ui.message("stopping; requests under way may end, press again to stop now");
                running.finish();
                interrupted = true;
            }
        }
    };
    while let Some(tick) = ticks.next().await {
        sinks.take(&tick)?;
    }
    step.done(format!("{} ok of {}", report.accounting.ok, report.accounting.planned));
    Ok((report, interrupted))
}

/// Where seconds go besides the screen.
struct Sinks {
    log: Option<HdrLog<BufWriter<File>>>,
    metrics: Option<Arc<Metrics>>,
    windows: Windows,
}

impl Sinks {
    async fn open(args: &Args, running: &Running) -> anyhow::Result<Self> {
        let begin = |file: &Path| {
            let out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
            anyhow::Ok(HdrLog::begin(BufWriter::new(out), running.started())?)
        };
        let metrics = match args.metrics_listen {
            Some(address) => Some(Metrics::serve(address).await?),
            None => None,
        };
        let log = args.hdr.as_deref().map(begin).transpose()?;
        Ok(Self { log, metrics, windows: Windows::new(&args.fail_if) })
    }

    fn take(&mut self, tick: &Tick) -> anyhow::Result<()> {
        if let Some(metrics) = &self.metrics {
            metrics.take(tick);
        }
        self.windows.take(tick);
        match &mut self.log {
            Some(log) => Ok(log.write(tick)?),
            None => Ok(()),
        }
    }

    fn close(self) -> anyhow::Result<()> {
        if let Some(log) = self.log {
            log.finish()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_how_many_connections_there_can_be() {
        let how = |text: &str| {
            facts(&LoadSpec::new("http://127.0.0.1:1/", text.parse().expect("is a schedule"))).how
        };
        assert_eq!(how("400"), "400 requests/s (open loop), http/1.1, at most 128 connections");
        assert_eq!(how("closed:32/10ms"), "closed:32/10ms (closed loop), http/1.1, at most 32 connections");
    }
}
