//! `load`: honest open-loop load on a URL or on the stack.

mod figures;
mod max_rate;
mod measure;
mod metrics;
mod order;
pub(in crate::commands) mod pods;
mod report;
mod search;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubsets_load::{LoadSpec, Schedule, Share, SpecError, Threshold};

use self::max_rate::MaxRate;
use self::order::Order;
use crate::app::App;
use crate::cli::values::{Percent, parse_duration, parse_percent};
use crate::entrance;
use crate::ui::{ExitCode, Failure};

pub(crate) use self::pods::{PodArgs, run_pod};

/// Route of the stack that costs least.
const CHEAP_ROUTE: &str = "/api/info";

/// Arguments of `load`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Rates: 400 | 10..400/60s (ramp) | 100,200,400/10s (steps) | 100^1000@30s/5s (spike) | 400~200/60s (sine)
       poisson:400 (independent arrivals)
       closed:20/100ms (20 users, each with a connection, who think for 100 ms after each answer)
       closed:20 with --max-rate none (users who do not think: as fast as the server answers)
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

    /// Most connections, 128 unless given; the users of a closed loop have one each
    #[arg(short, long, value_name = "NUMBER")]
    connections: Option<usize>,

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

    /// File with the body to send
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "body")]
    body_file: Option<PathBuf>,

    /// YAML list of targets with url, method, headers, body and weight, instead of one address
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          conflicts_with_all = ["url", "method", "headers", "body", "body_file"])]
    targets: Option<PathBuf>,

    /// HTTP/2: by prior knowledge, or negotiated by TLS
    #[arg(long, conflicts_with = "fresh_connections")]
    http2: bool,

    /// A new connection for each request, so that what balances connections balances requests
    #[arg(long)]
    fresh_connections: bool,

    /// Certificate authorities of https targets, instead of those of this machine
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "insecure")]
    ca_file: Option<PathBuf>,

    /// Accept any certificate of https targets
    #[arg(long)]
    insecure: bool,

    /// Share of requests whose traces are sampled; a traceparent is sent with each
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    trace: Option<Percent>,

    /// Fail (exit code 1) when this holds, such as 'p99 > 50ms', 'errors > 1%', 'rate < 390' or 'never-sent > 0'; with
    /// 'p99[10s] > 50ms' in any 10 s of the run
    #[arg(long, value_name = "RULE")]
    fail_if: Vec<Threshold>,

    /// Objective such as 99.9%: tells the error budget that is burnt, and the burn rates
    #[arg(long, value_name = "PERCENT", value_parser = parse_objective, conflicts_with = "find_max")]
    slo: Option<Percent>,

    /// Search the highest rate at which p99 and errors stay within --p99 and --errors
    #[arg(long, conflicts_with_all = ["replay", "fail_if", "csv", "hdr", "html", "metrics_listen"])]
    find_max: bool,

    /// With --find-max: highest p99
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "100ms", requires = "find_max")]
    p99: Duration,

    /// With --find-max: highest share of failed requests
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "1%", requires = "find_max")]
    errors: Percent,

    /// Write a line of figures for each second
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    csv: Option<PathBuf>,

    /// Write an HDR histogram log
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    hdr: Option<PathBuf>,

    /// Write a report to open in a browser
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    html: Option<PathBuf>,

    /// File for the results as JUnit XML: a test case for each --fail-if and one for the load generator
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "find_max")]
    junit: Option<PathBuf>,

    /// Serve Prometheus metrics at this loopback address while the load runs
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = metrics::parse_address)]
    metrics_listen: Option<SocketAddr>,

    /// Keep no record for `report`
    #[arg(long)]
    no_record: bool,

    /// Lines instead of the live picture (the default without a terminal)
    #[arg(long)]
    plain: bool,

    /// Send from pods in the cluster, which start together; their figures are added up without loss
    #[arg(long, conflicts_with_all = ["find_max", "hdr", "metrics_listen"])]
    in_cluster: bool,

    /// With --in-cluster: number of pods, which share rate, users and connections
    #[arg(long, value_name = "NUMBER", default_value_t = 2, requires = "in_cluster",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pods: u16,

    /// With --in-cluster: time for the pods to be ready before they start together
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "15s",
          requires = "in_cluster")]
    start_in: Duration,

    /// Another host that may be loaded
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,

    /// Raise the limit of 10,000 requests per second; none for users who do not think
    #[arg(long, value_name = "RATE")]
    max_rate: Option<MaxRate>,

    /// Raise the limit of 15 minutes
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_duration: Option<Duration>,

    /// Seed of random arrivals and identifiers
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Refuses files whose folder is not there before anything is sent.
fn has_folders(args: &Args) -> Result<(), Failure> {
    let files = [("csv", &args.csv), ("hdr", &args.hdr), ("html", &args.html), ("junit", &args.junit)];
    for (flag, file) in files {
        let folder = file.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Failure::usage(format!("--{flag}: there is no folder {}", folder.display())));
        }
    }
    Ok(())
}

/// Runs the load. Exit code: 0, 1 when a threshold is crossed, 3 when the generator itself was the limit.
///
/// # Errors
/// When a value is wrong, a target is refused, or there is no way in to the stack.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    has_folders(&args)?;
    if args.in_cluster {
        if let Some(rule) = args.fail_if.iter().find(|rule| rule.has_window()) {
            let text = format!("--fail-if '{rule}': pods tell no single seconds, which a window needs");
            return Err(Failure::usage(text).with_hint("leave the window away, or --in-cluster").into());
        }
        return pods::run(app, &args).await;
    }
    // Keeps a forwarded port open for as long as the load runs.
    let mut way = None;
    if args.targets.is_none() && args.url.is_none() {
        let access = app.stack_access().await?;
        way = Some(entrance::find(&app.ui, &access).await?);
    }
    let spec = spec(&args, way.as_ref().map(|way| way.url.as_str()))?;
    if args.find_max { search::run(app, &args, &spec).await } else { measure::run(app, &args, spec).await }
}

/// What is to be run; `way` leads to the stack where the user named no address. It is that of the cluster which the user
/// named, not of a stranger.
fn spec(args: &Args, way: Option<&str>) -> anyhow::Result<LoadSpec> {
    let url = args.url.clone().or_else(|| way.map(|way| format!("{way}{CHEAP_ROUTE}")));
    let mut spec = Order::new(args, url)?.spec(Share::WHOLE)?;
    if let Some(way) = way {
        spec.vouch_for(way);
    }
    spec.check().map_err(|error| refuse(&error.into()))?;
    Ok(spec)
}

/// A refusal of the load generator as a usage error with a hint.
fn refuse(error: &anyhow::Error) -> Failure {
    let text = format!("{error:#}");
    let hint = match error.downcast_ref() {
        Some(SpecError::Target(_)) if text.contains("refusing to put load") => {
            "if that host is yours to load, name it with --allow-host"
        }
        Some(SpecError::Rate { .. }) => "--max-rate raises the limit",
        Some(SpecError::Users { .. }) => {
            "let the users think, as in `closed:20/100ms`, or raise the limit with --max-rate (none if they do not)"
        }
        Some(SpecError::Duration { .. }) => "--max-duration raises the limit",
        _ => "`kubectl kubsets load --help` shows the accepted forms",
    };
    Failure::usage(text).with_hint(hint)
}

fn parse_objective(text: &str) -> Result<Percent, String> {
    let objective = parse_percent(text)?;
    let (none, all) = (objective.share() <= 0.0, objective.share() >= 1.0);
    if none || all {
        Err("expected a percentage over 0 and under 100 such as 99.9%".to_owned())
    } else {
        Ok(objective)
    }
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected a header such as 'accept: text/html'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], way: Option<&str>) -> Result<LoadSpec, String> {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = Line::try_parse_from(std::iter::once("load").chain(words.iter().copied()));
        spec(&line.expect("is a line").args, way).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_way_in_to_the_stack_is_loaded_and_no_other_stranger() {
        let spec = check(&[], Some("http://203.0.113.7:30080")).expect("is ours");
        assert_eq!(spec.targets[0].url, "http://203.0.113.7:30080/api/info");
        assert_eq!(spec.allow_hosts, ["203.0.113.7"]);
        let refused = check(&["http://203.0.113.7:30080/"], None).expect_err("is a stranger");
        assert!(refused.contains("refusing to put load on `203.0.113.7`"), "{refused}");
    }

    #[test]
    fn the_connections_of_a_closed_loop_are_its_users() {
        let spec = |words: &[&str]| check(&[&["http://127.0.0.1:1/", "--rate"], words].concat(), None);
        let connections = |words| spec(words).map(|spec| spec.most_connections());
        assert_eq!(connections(&["10"]), Ok(128));
        assert_eq!(connections(&["10", "-c", "7"]), Ok(7));
        assert_eq!(connections(&["closed:20/100ms"]), Ok(20));
        assert_eq!(connections(&["closed:20/100ms", "-c", "20"]), Ok(20));
        let refused = connections(&["closed:20/100ms", "-c", "7"]).expect_err("does not fit");
        assert!(refused.contains("--connections 7 does not fit closed:20/100ms"), "{refused}");
    }

    #[test]
    fn limits_are_raised_on_purpose() {
        let spec = |words: &[&str]| check(&[&["http://127.0.0.1:1/"], words].concat(), None);
        assert!(spec(&["--rate", "closed:32"]).is_err());
        assert!(spec(&["--rate", "closed:32", "--max-rate", "50000"]).is_err());
        assert!(spec(&["--rate", "closed:32", "--max-rate", "none"]).is_ok());
        assert!(spec(&["--duration", "1h"]).is_err());
        assert!(spec(&["--duration", "1h", "--max-duration", "1h"]).is_ok());
    }

    #[test]
    fn an_objective_leaves_a_budget() {
        assert!(parse_objective("99.9%").is_ok());
        assert!(parse_objective("100%").is_err() && parse_objective("0").is_err());
    }

    #[test]
    fn headers_are_split_at_the_first_colon() {
        assert_eq!(parse_header("accept: a:b"), Ok(("accept".into(), "a:b".into())));
        assert!(parse_header("accept").is_err());
    }
}
