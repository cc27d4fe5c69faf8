//! `replay`: shows a recorded run again, or judges its seconds again. Reads the record alone; asks no cluster.

mod film;
mod pace;
mod recording;
mod rejudge;

use kubsets_delivery::{Record, RunEvent, StateDir};
use kubsets_engine::LabRecord;
use serde::Serialize;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::report::{Scope, folder, last};
use crate::app::App;
use crate::cli::values::{Percent, parse_percent};
use crate::ui::tui::{self, CanaryView, Facts, LabFacts, LabView};
use crate::ui::{Cell, ExitCode, Failure, Format, LabLog, Printer, Style, Table, Tone, canary_log};

pub(crate) use film::svg;
use pace::{Speed, Timed};
use recording::Recording;
use rejudge::{Rejudged, Verdict, rejudge};

/// Arguments of `replay`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The run, or the folder of its record [default: the last run]
    #[arg(value_name = "RUN", add = clap_complete::ArgValueCandidates::new(crate::commands::canary::catalog::runs))]
    run: Option<String>,

    /// How fast: 1 is as it was, 10 ten times as fast, 0 at once
    #[arg(long, value_name = "FACTOR", value_parser = pace::parse_speed, default_value = "1")]
    speed: Speed,

    /// Lines instead of the live picture (the default without a terminal)
    #[arg(long)]
    plain: bool,

    /// Judge the recorded seconds of a canary again, by the rules of other tools and by the judge itself
    #[arg(long, conflicts_with_all = ["speed", "plain"])]
    judge: bool,

    /// With --judge: error rate that PASS shows the canary to be below [default: as in the run]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, requires = "judge")]
    error_limit: Option<Percent>,

    /// With --judge: highest chance of a false alarm over the whole run [default: as in the run]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, requires = "judge")]
    false_alarm: Option<Percent>,
}

/// Shows a run again or judges it again: without a name, the last one of `scope`.
///
/// # Errors
/// When there is no such run, or its record cannot be read.
pub(crate) async fn run(app: &App, scope: Scope<'_>, args: Args) -> anyhow::Result<ExitCode> {
    let state = StateDir::at(app.state_dir());
    let folder = match &args.run {
        Some(run) => folder(&state, run)?,
        None => last(&state, scope)?,
    };
    let recording = Recording::read(&folder)?;
    if args.judge {
        let mut config = recording::judge_config(&folder)?;
        if let Some(limit) = args.error_limit {
            config.error_limit = limit.share();
        }
        if let Some(alpha) = args.false_alarm {
            config.alpha = alpha.share();
        }
        let events = recording.canary();
        if !events.iter().any(|record| matches!(&record.event, RunEvent::Tick(tick) if tick.judged)) {
            return Err(Failure::usage("this record has no judged seconds of a canary").into());
        }
        let rejudged = rejudge(&events, &config).map_err(|error| Failure::usage(error.to_string()))?;
        app.ui.emit("CanaryRejudgement", &rejudged, |style| table(&rejudged, style))?;
        return Ok(ExitCode::Success);
    }
    if app.ui.format() == Format::Yaml {
        return Err(Failure::usage("a replay comes as a picture, as lines or as JSON lines").into());
    }
    let picture =
        !args.plain && app.ui.has_screen() && app.ui.format() == Format::Table && !app.ui.is_quiet();
    let (speed, factor) = (args.speed, args.speed.factor());
    let alone = scope == Scope::Canary && !picture;
    let recording = if alone { recording.around_the_canary() } else { recording };
    match (recording, picture) {
        (Recording::Lab(records), true) => {
            let view = LabView::new(LabFacts::default()).replayed(factor);
            show(app, view, records, speed).await
        }
        (Recording::Canary(records), true) => {
            let view = CanaryView::new(Facts { title: title(&records), ..Facts::default() }).replayed(factor);
            show(app, view, records, speed).await
        }
        (Recording::Lab(records), false) => {
            let mut log = LabLog::default();
            print(&app.ui, records, speed, |record: &LabRecord, style| log.timed(record, style)).await
        }
        (Recording::Canary(records), false) => {
            print(&app.ui, records, speed, |record: &Record, style| canary_log::timed(record, style)).await
        }
    }
}

/// What a canary was called: its lab, as the live picture names it, or its Deployment.
fn title(records: &[Record]) -> String {
    let started = records.iter().find_map(|record| match &record.event {
        RunEvent::Started { lab: Some(lab), .. } => Some(lab.strip_prefix("canary.").unwrap_or(lab)),
        RunEvent::Started { deployment, .. } => Some(deployment),
        _ => None,
    });
    started.unwrap_or_default().to_owned()
}

/// As a picture, until the user leaves.
async fn show<P: tui::Picture<Event: Timed + Send + 'static>>(
    app: &App,
    view: P,
    records: Vec<P::Event>,
    speed: Speed,
) -> anyhow::Result<ExitCode> {
    let (sender, mut events) = unbounded_channel();
    let feeding = tokio::spawn(async move {
        pace::play(records, speed, |record| sender.send(record).is_ok()).await;
    });
    let shown = tui::show(view, &mut events, CancellationToken::new(), app.ui.style()).await;
    feeding.abort();
    shown?;
    Ok(ExitCode::Success)
}

/// As lines on standard output: for people, or the records as JSON.
async fn print<T: Timed + Serialize>(
    ui: &Printer,
    records: Vec<T>,
    speed: Speed,
    mut line: impl FnMut(&T, Style) -> Option<String>,
) -> anyhow::Result<ExitCode> {
    let mut failed = None;
    pace::play(records, speed, |record| {
        let text = if ui.format() == Format::Json {
            serde_json::to_string(&record).map(Some)
        } else {
            Ok(line(&record, ui.style()))
        };
        match text {
            Ok(Some(text)) => ui.data(&format!("{text}\n")),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })
    .await;
    failed.map_or(Ok(ExitCode::Success), |error| Err(error.into()))
}

fn table(rejudged: &Rejudged, style: Style) -> String {
    let mut text = format!("run {}, {:.0} judged seconds", rejudged.run, rejudged.judged_seconds);
    if let Some(decision) = &rejudged.recorded_decision {
        append!(text, "; recorded: {decision}: {}", rejudged.recorded_reason);
    }
    text.push_str("\n\n");
    let mut table = Table::new(["RULE", "VERDICT", "FAIL AFTER", "REASON"]).right([2]);
    for row in &rejudged.rules {
        let tone = match row.verdict {
            Verdict::Fail => Tone::Bad,
            Verdict::Pass => Tone::Good,
            Verdict::NoFail => Tone::Plain,
            Verdict::Inconclusive | Verdict::Invalid => Tone::Warn,
        };
        let after = row.failed_after_seconds.map_or_else(|| "-".to_owned(), |after| format!("{after:.0} s"));
        table.row([
            row.rule.clone().into(),
            Cell::new(tone, row.verdict.word()),
            after.into(),
            row.reason.clone().into(),
        ]);
    }
    text.push_str(&table.render(style));
    let looked_at = if rejudged.indicators.len() > 1 {
        "The e-process judges errors and latency, the others errors only"
    } else {
        "Errors only"
    };
    append!(
        text,
        "\n{looked_at}; the record ends where the run was decided, so that a slower rule may not have had its look.\n"
    );
    text
}
