//! `load`: honest open-loop load on a URL or on the stack.

mod report;
mod threshold;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kubsets_load::{
    FindMaxOptions, Generator, HdrLog, LoadReport, LoadSpec, Objective, Protocol, Running, Schedule, Target,
    Tick, find_max, parse_instants, seconds_csv,
};

use self::threshold::Threshold;
use crate::app::App;
use crate::cli::values::{Percent, parse_duration, parse_percent};
use crate::entrance;
use crate::ui::{ExitCode, Failure, Format, Step, millis, percent};

/// Route of the stack that costs least.
const CHEAP_ROUTE: &str = "/api/info";

/// Seconds between lines of progress where no bar can be drawn.
const LINE_EVERY: u64 = 10;

/// Arguments of `load`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Rates: 400 | 10..400/60s (ramp) | 100,200,400/10s (steps) | 100^1000@30s/5s (spike) | 400~200/60s (sine)
       poisson:400 (independent arrivals) | closed:20/100ms (20 users who think for 100 ms)
Only loopback, 198.18.0.0/15 and hosts named with --allow-host can be loaded.")]
pub(crate) struct Args {
    /// Address such as `http://127.0.0.1:8080/`; without it the demo app behind the gateway
    #[arg(value_name = "URL", value_hint = clap::ValueHint::Url)]
    url: Option<String>,

    /// Requests per second, or another schedule (see below)
    #[arg(short, long, value_name = "RATE", default_value = "100", conflicts_with = "replay")]
    rate: Schedule,

    /// Instants to replay instead: one a line, seconds from the start
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    replay: Option<PathBuf>,

    /// How long new requests are planned
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    duration: Duration,

    /// Most connections
    #[arg(short, long, value_name = "NUMBER", default_value_t = 128)]
    connections: usize,

    /// A request without an answer after this time has failed
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    timeout: Duration,

    /// Method of the requests
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: String,

    /// Header to send; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(String, String)>,

    /// Body to send; {{seq}} and {{uuid}} are filled in, also in path and headers
    #[arg(long, value_name = "TEXT", default_value = "")]
    body: String,

    /// HTTP/2 by prior knowledge
    #[arg(long, conflicts_with = "fresh_connections")]
    http2: bool,

    /// A new connection for each request, so that what balances connections balances requests
    #[arg(long)]
    fresh_connections: bool,

    /// Share of requests whose traces are sampled; a traceparent is sent with each
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    trace: Option<Percent>,

    /// Fail (exit code 1) when this holds: p50, p90, p99, p99.9, max, mean, errors, rate, never-sent
    #[arg(long, value_name = "RULE")]
    fail_if: Vec<Threshold>,

    /// Search the highest rate at which p99 and errors stay within --p99 and --errors
    #[arg(long, conflicts_with_all = ["replay", "fail_if", "csv", "hdr"])]
    find_max: bool,

    /// With --find-max: highest p99
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "100ms")]
    p99: Duration,

    /// With --find-max: highest share of failed requests
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "1%")]
    errors: Percent,

    /// Write a line of figures for each second
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    csv: Option<PathBuf>,

    /// Write an HDR histogram log
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    hdr: Option<PathBuf>,

    /// Another host that may be loaded
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,

    /// Raise the limit of 10,000 requests per second
    #[arg(long, value_name = "RATE")]
    max_rate: Option<f64>,

    /// Seed of random arrivals and identifiers
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Runs the load. Exit code: 0, 1 when a threshold is crossed, 3 when the generator itself was the limit.
///
/// # Errors
/// When a value is wrong, a target is refused, or there is no way in to the stack.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    // Keeps a forwarded port open for as long as the load runs.
    let mut way = None;
    let url = if let Some(url) = &args.url {
        url.clone()
    } else {
        let access = app.stack_access().await?;
        let entrance = way.insert(entrance::find(&app.ui, &access).await?);
        format!("{}{CHEAP_ROUTE}", entrance.url)
    };
    let spec = spec(&args, url)?;
    spec.check().map_err(|error| refuse(&error.into()))?;
    if args.find_max { search(app, &args, &spec).await } else { measure(app, &args, spec).await }
}

fn spec(args: &Args, url: String) -> anyhow::Result<LoadSpec> {
    let schedule = match &args.replay {
        Some(file) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            parse_instants(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?
        }
        None => args.rate.clone(),
    };
    if schedule.peak_rate() == Some(0.0) {
        return Err(Failure::usage("--rate: a rate of 0 sends nothing").into());
    }
    let replay = args.replay.is_some();
    let mut spec = LoadSpec::new(url.clone(), schedule);
    spec.targets = vec![Target {
        method: args.method.clone(),
        headers: args.headers.clone(),
        body: args.body.clone(),
        ..Target::get(url)
    }];
    spec.duration = (!replay).then_some(args.duration);
    spec.protocol = match (args.http2, args.fresh_connections) {
        (true, _) => Protocol::Http2,
        (_, true) => Protocol::Http1PerRequest,
        _ => Protocol::Http1,
    };
    spec.connections = args.connections;
    spec.timeout = args.timeout;
    spec.trace_ratio = args.trace.map(Percent::share);
    spec.seed = args.seed;
    spec.allow_hosts.clone_from(&args.allow_host);
    if let Some(rate) = args.max_rate {
        spec.limits.rate = rate;
    }
    Ok(spec)
}

/// A refusal of the load generator as a usage error with a hint.
fn refuse(error: &anyhow::Error) -> Failure {
    let text = format!("{error:#}");
    let failure = Failure::usage(text.clone());
    if text.contains("refusing to put load") {
        return failure.with_hint("if that host is yours to load, name it with --allow-host");
    }
    if text.contains("above the limit of") && text.contains("rate") {
        return failure.with_hint("--max-rate raises the limit");
    }
    failure.with_hint("`kubectl kubsets load --help` shows the accepted forms")
}

async fn measure(app: &App, args: &Args, spec: LoadSpec) -> anyhow::Result<ExitCode> {
    let step = app.ui.step(format!("{} {}, {} requests/s", args.method, spec.targets[0].url, spec.schedule));
    if let Some(duration) = spec.duration {
        step.expect(duration);
    }
    let running = Generator::start(spec).await?;
    let (report, interrupted) = follow(app, args, running, &step).await?;
    step.done(format!("{} ok of {}", report.accounting.ok, report.accounting.planned));
    if let Some(file) = &args.csv {
        std::fs::write(file, seconds_csv(&report.seconds))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let crossed: Vec<String> = args.fail_if.iter().filter_map(|rule| rule.crossed_by(&report)).collect();
    app.ui.emit("LoadReport", &report, |style| report::render(&report, &crossed, style))?;
    if interrupted {
        return Ok(ExitCode::Interrupted);
    }
    if !report.is_valid() {
        app.ui.hint("a lower rate or an idle machine lets the generator keep up");
        return Ok(ExitCode::Inconclusive);
    }
    if crossed.is_empty() {
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

/// Shows the seconds as they pass, until the end or Ctrl-C; says whether it was the latter.
async fn follow(
    app: &App,
    args: &Args,
    mut running: Running,
    step: &Step,
) -> anyhow::Result<(LoadReport, bool)> {
    let mut ticks = running.ticks();
    let mut log = match &args.hdr {
        Some(file) => {
            let out =
                std::fs::File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
            Some(HdrLog::begin(std::io::BufWriter::new(out), running.started())?)
        }
        None => None,
    };
    let mut more = true;
    loop {
        tokio::select! {
            tick = ticks.next(), if more => match tick {
                Some(tick) => {
                    if let Some(log) = &mut log {
                        log.write(&tick)?;
                    }
                    if app.ui.is_animated() || tick.second % LINE_EVERY == LINE_EVERY - 1 {
                        step.update(second(&tick));
                    }
                }
                None => more = false,
            },
            report = running.wait() => {
                let report = report?;
                while let Some(tick) = ticks.next().await {
                    if let Some(log) = &mut log {
                        log.write(&tick)?;
                    }
                }
                if let Some(log) = log {
                    log.finish()?;
                }
                return Ok((report, false));
            }
            _ = tokio::signal::ctrl_c() => {
                app.ui.message("stopping; requests under way may end, press again to stop now");
                let report = tokio::select! {
                    report = running.stop() => report?,
                    _ = tokio::signal::ctrl_c() => {
                        return Err(Failure::new(ExitCode::Interrupted, "stopped without a report").into());
                    }
                };
                return Ok((report, true));
            }
        }
    }
}

fn second(tick: &Tick) -> String {
    let at = |quantile| tick.latencies.quantile(quantile).map_or(f64::NAN, |value| value.as_secs_f64() * 1e3);
    let versions: Vec<String> = tick.versions.iter().map(|(name, v)| format!("{name} {}", v.count)).collect();
    let versions = if versions.len() > 1 { format!(", {}", versions.join(", ")) } else { String::new() };
    format!(
        "second {}: {} ok, {} failed, p50 {}, p99 {}{versions}",
        tick.second + 1,
        tick.ok,
        tick.failed + tick.timed_out,
        millis(at(0.5)),
        millis(at(0.99)),
    )
}

async fn search(app: &App, args: &Args, spec: &LoadSpec) -> anyhow::Result<ExitCode> {
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
    let report = tokio::select! {
        report = search => report.map_err(|error| Failure::new(ExitCode::Inconclusive, "no rate was found").because(error))?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::Interrupted),
    };
    step.done("");
    app.ui.emit("FindMaxReport", &report, |style| report::render_search(&report, style))?;
    Ok(if report.rate.is_some() { ExitCode::Success } else { ExitCode::VerdictFailed })
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a header such as 'accept: text/html'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_the_first_colon() {
        assert_eq!(parse_header("accept: a:b"), Ok(("accept".into(), "a:b".into())));
        assert!(parse_header("accept").is_err());
    }
}
