//! What is to be loaded and how, in a form that can travel to a pod.

use std::path::Path;
use std::time::Duration;

use kubsets_load::{LoadSpec, Protocol, Schedule, Share, Target, Trust, parse_instants};
use serde::{Deserialize, Serialize};

use super::Args;
use super::max_rate::MaxRate;
use crate::cli::values::Percent;
use crate::ui::Failure;

/// Most connections of an open loop, unless others are wanted.
const CONNECTIONS: usize = 128;

/// A run of the load generator, as the flags describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    pub(super) targets: Vec<Target>,
    /// Schedule as text; empty where instants are replayed.
    schedule: String,
    /// Instants to replay, one a line.
    replay: Option<String>,
    pub(super) duration_ms: u64,
    http2: bool,
    fresh_connections: bool,
    connections: usize,
    timeout_ms: u64,
    trace_ratio: Option<f64>,
    insecure: bool,
    /// Certificate authorities in PEM form.
    authorities: Option<String>,
    pub(super) allow_hosts: Vec<String>,
    max_rate: Option<MaxRate>,
    /// The raised limit of the duration.
    max_duration_ms: Option<u64>,
    seed: u64,
}

impl Order {
    /// The order of these flags; `url` where no file names the targets.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub(super) fn new(args: &Args, url: Option<String>) -> anyhow::Result<Self> {
        let targets = match (&args.targets, url) {
            (Some(file), _) => {
                let text = read(file)?;
                serde_saphyr::from_str(&text)
                    .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?
            }
            (None, url) => vec![target(args, url.unwrap_or_default())?],
        };
        Ok(Self {
            targets,
            schedule: if args.replay.is_some() { String::new() } else { args.rate.to_string() },
            replay: args.replay.as_deref().map(read).transpose()?,
            duration_ms: millis(args.duration),
            http2: args.http2,
            fresh_connections: args.fresh_connections,
            connections: connections(args)?,
            timeout_ms: millis(args.timeout),
            trace_ratio: args.trace.map(Percent::share),
            insecure: args.insecure,
            authorities: args.ca_file.as_deref().map(read).transpose()?,
            allow_hosts: args.allow_host.clone(),
            max_rate: args.max_rate,
            max_duration_ms: args.max_duration.map(millis),
            seed: args.seed,
        })
    }

    /// What a generator that takes a part of the run is to do.
    ///
    /// # Errors
    /// When the schedule cannot be read.
    pub(super) fn spec(&self, part: Share) -> anyhow::Result<LoadSpec> {
        let schedule: Schedule = match &self.replay {
            Some(text) => {
                parse_instants(text).map_err(|error| Failure::usage(format!("--replay: {error}")))?
            }
            None => self.schedule.parse().map_err(|error| Failure::usage(format!("--rate: {error}")))?,
        };
        if schedule.peak_rate() == Some(0.0) {
            return Err(Failure::usage("--rate: a rate of 0 sends nothing").into());
        }
        if self.replay.is_none() && self.duration_ms == 0 {
            return Err(Failure::usage("--duration: a load of no time sends nothing").into());
        }
        let mut spec = LoadSpec::new(String::new(), schedule);
        spec.targets.clone_from(&self.targets);
        spec.duration = self.replay.is_none().then(|| Duration::from_millis(self.duration_ms));
        spec.protocol = match (self.http2, self.fresh_connections) {
            (true, _) => Protocol::Http2,
            (_, true) => Protocol::Http1PerRequest,
            _ => Protocol::Http1,
        };
        spec.connections = self.connections;
        spec.timeout = Duration::from_millis(self.timeout_ms);
        spec.trace_ratio = self.trace_ratio;
        spec.trust = match (&self.authorities, self.insecure) {
            (_, true) => Trust::Anything,
            (Some(pem), _) => Trust::Authorities(pem.clone()),
            (None, false) => Trust::System,
        };
        spec.part = part;
        spec.seed = self.seed;
        spec.allow_hosts.clone_from(&self.allow_hosts);
        if let Some(rate) = self.max_rate {
            spec.limits.rate = rate.per_second();
        }
        if let Some(longest) = self.max_duration_ms {
            spec.limits.duration = Duration::from_millis(longest);
        }
        Ok(spec)
    }

    /// Longest time from the start to the report.
    pub(super) fn longest(&self) -> anyhow::Result<Duration> {
        let spec = self.spec(Share::WHOLE)?;
        let planned = spec.duration.or(spec.schedule.natural_end()).unwrap_or(spec.limits.duration);
        Ok(planned + spec.timeout)
    }
}

/// Most connections: those wanted, or one for each user of a closed loop.
fn connections(args: &Args) -> anyhow::Result<usize> {
    let users = match args.rate {
        Schedule::Closed { users, .. } if args.replay.is_none() => users,
        _ => return Ok(args.connections.unwrap_or(CONNECTIONS)),
    };
    match args.connections {
        Some(wanted) if wanted != users => {
            let text =
                format!("--connections {wanted} does not fit {}: each user has a connection", args.rate);
            Err(Failure::usage(text)
                .with_hint("leave --connections away, or let it be the number of users")
                .into())
        }
        _ => Ok(users),
    }
}

fn target(args: &Args, url: String) -> anyhow::Result<Target> {
    let body = match &args.body_file {
        Some(file) => read(file)?,
        None => args.body.clone(),
    };
    Ok(Target { method: args.method.clone(), headers: args.headers.clone(), body, ..Target::get(url) })
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}", file.display())).because(error).into())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&str]) -> anyhow::Result<Order> {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let words = std::iter::once("load").chain(words.iter().copied());
        Order::new(&Line::try_parse_from(words)?.args, Some("http://127.0.0.1:1/".to_owned()))
    }

    #[test]
    fn an_order_travels_as_json() {
        let words = ["--rate", "poisson:10..40/1s", "--trace", "5%", "--http2", "--insecure", "-H", "a: b"];
        let limits = ["--max-rate", "none", "--max-duration", "1h"];
        let order = order(&[&words[..], &limits].concat()).expect("is an order");
        let text = serde_json::to_string(&order).expect("serialises");
        let again: Order = serde_json::from_str(&text).expect("is an order");
        assert_eq!(again, order);
        let spec = again.spec(Share { index: 1, of: 3 }).expect("is a spec");
        assert_eq!(spec.schedule.to_string(), "poisson:10..40/1s");
        assert_eq!((spec.protocol, spec.trust.clone()), (Protocol::Http2, Trust::Anything));
        assert_eq!((spec.part.index, spec.trace_ratio), (1, Some(0.05)));
        assert!(spec.limits.rate.is_infinite() && spec.limits.duration == Duration::from_hours(1));
        spec.check().expect("can be run");
        assert_eq!(again.longest().expect("ends"), Duration::from_secs(40));
    }

    #[test]
    fn targets_come_from_a_file() {
        let folder = tempfile::tempdir().expect("is made");
        let file = folder.path().join("targets.yaml");
        let text = "- url: http://127.0.0.1:1/a\n  weight: 3\n- url: http://127.0.0.1:1/b\n  method: POST\n  \
                    headers: [[content-type, application/json]]\n  body: '{\"n\": {{seq}}}'\n";
        std::fs::write(&file, text).expect("is written");
        let good = order(&["--targets", file.to_str().expect("UTF-8")]).expect("is an order");
        assert_eq!((good.targets[0].weight, good.targets[1].method.as_str()), (3, "POST"));
        std::fs::write(&file, "- url: x\n  wait: 1\n").expect("is written");
        let mistake = order(&["--targets", file.to_str().expect("UTF-8")]).expect_err("is refused");
        assert!(mistake.to_string().contains("wait"), "{mistake}");
    }
}
