//! `canary simulate`: false alarms and times to a verdict, without a cluster.

use std::time::Duration;

use kubsets_judge::simulate::{Latency, Row, SimulateReport, SimulateSpec, Stats, simulate};
use kubsets_judge::{ConfigError, JudgeConfig};

use crate::app::App;
use crate::cli::values::{Percent, parse_duration, parse_percent, parse_rate, parse_weight};
use crate::ui::{Cell, ExitCode, Failure, Style, Table, Tone, percent};

/// Arguments of `canary simulate`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Error rate of the bad canary
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "5%")]
    error: Percent,

    /// Error rate of the stable version, and of a canary that is no worse
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "0.1%")]
    base: Percent,

    /// Requests per second to both versions together
    #[arg(long, visible_alias = "rate", value_name = "RATE", value_parser = parse_rate, default_value = "100")]
    rps: f64,

    /// Shares of the canary; each gets a row, several also one that goes through them in order
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', value_parser = parse_weight, default_value = "10")]
    weights: Vec<u8>,

    /// Time at each weight
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "300s")]
    step: Duration,

    /// Time in which only stable serves before the canary starts
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "20s")]
    warm_up: Duration,

    /// Judge latency too: every canary request is slower by this factor (1.2 is 20 %)
    #[arg(long, value_name = "FACTOR")]
    slower: Option<f64>,

    /// Error rate that PASS shows the canary to be below
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "1%")]
    limit: Percent,

    /// Runs per row; without it as many as take about a second
    #[arg(long, value_name = "NUMBER")]
    runs: Option<u32>,

    /// Seed of the random numbers; the same seed gives the same bytes
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Compare with the rules of other tools
    #[arg(long)]
    compare: bool,

    /// Judge by the evidence alone, without margins and emergency stop, as published tables do
    #[arg(long)]
    bare: bool,
}

/// Prints the figures.
///
/// # Errors
/// When a value is out of its range.
pub(super) fn run(app: &App, args: &Args) -> anyhow::Result<ExitCode> {
    let spec = spec(args)?;
    let report = simulate(&spec).map_err(|error| refuse(&error))?;
    app.ui.emit("CanarySimulation", &report, |style| render(&report, style))?;
    Ok(ExitCode::Success)
}

fn spec(args: &Args) -> Result<SimulateSpec, Failure> {
    let mut judge = if args.slower.is_some() { JudgeConfig::default() } else { JudgeConfig::errors_only() };
    judge.error_limit = args.limit.share();
    if args.bare {
        judge = judge.bare();
    }
    Ok(SimulateSpec {
        canary_error: args.error.share(),
        base_error: args.base.share(),
        rate: args.rps,
        weights: args.weights.iter().map(|weight| f64::from(*weight) / 100.0).collect(),
        step_seconds: whole_seconds("--step", args.step)?,
        warm_up_seconds: whole_seconds("--warm-up", args.warm_up)?,
        latency: args.slower.map(|factor| Latency { factor, ..Latency::default() }),
        seed: args.seed,
        runs: args.runs,
        compare: args.compare,
        judge,
    })
}

fn whole_seconds(flag: &str, span: Duration) -> Result<u32, Failure> {
    if span.subsec_nanos() != 0 {
        return Err(Failure::usage(format!("{flag} is counted in whole seconds")));
    }
    u32::try_from(span.as_secs()).map_err(|_| Failure::usage(format!("{flag} is too long")))
}

/// A judge's refusal as a usage error.
fn refuse(error: &ConfigError) -> Failure {
    Failure::usage(error.to_string()).with_hint(format!("`{}` takes {}", error.field, error.accepted))
}

fn render(report: &SimulateReport, style: Style) -> String {
    let spec = &report.spec;
    let mut text = format!(
        "{} requests/s, stable {} errors, warm-up {} s, {} s per weight, seed {}\n\
         AFTER: seconds to the verdict; ERRORS: failed requests that users saw; both medians\n",
        spec.rate,
        percent(spec.base_error),
        spec.warm_up_seconds,
        spec.step_seconds,
        spec.seed
    );
    let good = format!("Canary no worse than stable ({} errors)", percent(spec.base_error));
    let slower = spec.latency.map(|latency| format!(", {} x slower", latency.factor)).unwrap_or_default();
    let bad = format!("Bad canary ({} errors{slower})", percent(spec.canary_error));
    for (title, of, wrong) in
        [(good, (|row| &row.equal) as fn(&Row) -> &Stats, "FALSE FAIL"), (bad, |row| &row.worse, "FAIL")]
    {
        append!(text, "\n{}\n", style.paint(Tone::Strong, &title));
        let heads = ["WEIGHT", "RUNS", wrong, "AFTER (P90)", "ERRORS", "PASS", "AFTER (P90)", "NO VERDICT"];
        let mut table = Table::new(heads).right(1..8);
        for row in &report.rows {
            table.row(figures(row, of(row)));
        }
        text.push_str(&table.render(style));
    }
    for row in report.rows.iter().filter(|row| !row.rules.is_empty()) {
        let title = format!("Rules of other tools at {}", weights(row));
        append!(text, "\n{}\n", style.paint(Tone::Strong, &title));
        let heads = ["RULE", "RUNS", "FALSE ALARMS", "FOUND", "AFTER (P90)", "ERRORS"];
        let mut table = Table::new(heads).right(1..6);
        for rule in &row.rules {
            table.row([
                rule.rule.clone().into(),
                rule.runs.to_string().into(),
                percent(rule.false_alarm_rate).into(),
                percent(rule.found_rate).into(),
                after(rule.found_median_seconds, rule.found_p90_seconds).into(),
                rule.bad_requests_median.to_string().into(),
            ]);
        }
        text.push_str(&table.render(style));
    }
    text
}

fn figures(row: &Row, stats: &Stats) -> [Cell; 8] {
    [
        weights(row).into(),
        row.runs.to_string().into(),
        percent(stats.fail_rate).into(),
        after(stats.fail_median_seconds, stats.fail_p90_seconds).into(),
        stats.bad_requests_median.to_string().into(),
        percent(stats.pass_rate).into(),
        after(stats.pass_median_seconds, stats.pass_p90_seconds).into(),
        percent(stats.inconclusive_rate).into(),
    ]
}

fn weights(row: &Row) -> String {
    let weights: Vec<String> = row.steps.iter().map(|step| format!("{:.0}", step.weight * 100.0)).collect();
    format!("{} %", weights.join(", "))
}

fn after(median: Option<u32>, p90: Option<u32>) -> String {
    let seconds = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} s"));
    match (median, p90) {
        (None, None) => "-".to_owned(),
        (median, p90) => format!("{} ({})", seconds(median), seconds(p90)),
    }
}
