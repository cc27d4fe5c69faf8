//! Everything a run needs to know, with defaults, and the check of it before anything is sent.

use std::time::Duration;

use http::HeaderName;
use kubsets_schedule::{Schedule, ScheduleError, Share};

use crate::target::{Target, TargetError};
use crate::tls::Trust;

/// Most targets of a run: each has counts and histograms of its own.
const MAX_TARGETS: usize = 64;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1 over connections that are kept and used in turn.
    #[default]
    Http1,
    /// HTTP/1.1 with a new connection for each request, so that what balances connections (kube-proxy)
    /// balances requests. More than some hundred of them a second to one address use up the local ports in the
    /// long run, which makes the run invalid.
    Http1PerRequest,
    /// HTTP/2, many requests at once on each connection: by prior knowledge, or negotiated by TLS.
    Http2,
}

impl Protocol {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http1PerRequest => "http/1.1, one connection per request",
            Self::Http2 => "http/2",
        }
    }
}

/// What a run may not exceed, to keep a slip of the finger from doing harm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Highest rate in requests per second. Users of a closed loop who do not think ask as fast as the server answers,
    /// which only an infinite limit allows.
    pub rate: f64,
    /// Longest time in which new requests are planned.
    pub duration: Duration,
    /// Most requests under way at once, over all endpoints.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rate: 10_000.0, duration: Duration::from_mins(15), concurrency: 4096 }
    }
}

/// A run of the load generator.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// What is asked. At least one, at most 64.
    pub targets: Vec<Target>,
    /// When requests are due.
    pub schedule: Schedule,
    /// How long new requests are planned; `None` means until stopped, at most `limits.duration`.
    pub duration: Option<Duration>,
    /// How requests travel.
    pub protocol: Protocol,
    /// Most connections to each endpoint (host and port). They are opened as they are needed. In a closed loop
    /// each user has a connection (or an HTTP/2 stream), and this says nothing.
    pub connections: usize,
    /// Most requests at once on each connection, for HTTP/2.
    pub streams: usize,
    /// Most requests that wait for a connection; one more is counted as never sent.
    pub queue: usize,
    /// A request without a complete answer after this time has timed out. The time runs from sending
    /// (opening the connection included). A request that has waited as long unsent is given up as never sent.
    pub timeout: Duration,
    /// How long requests under way may go on after the last planned instant; the timeout if `None`.
    pub drain: Option<Duration>,
    /// Response header that names the version of the server.
    pub version_header: String,
    /// Lowest status that counts as failed.
    pub failed_from_status: u16,
    /// Send a W3C `traceparent` header, with the sampled flag set for this share of requests (0 to 1).
    pub trace_ratio: Option<f64>,
    /// Which part of the run this generator takes, where several take part: every `of`-th request and user, and its
    /// share of connections and of room to wait.
    pub part: Share,
    /// Threads that send. One is enough for tens of thousands of requests per second.
    pub workers: usize,
    /// Seed of Poisson arrivals, UUIDs and trace identifiers.
    pub seed: u64,
    /// Whose certificates `https` targets may show.
    pub trust: Trust,
    /// Hosts that may be loaded although they are not local, see [`guard`](crate::guard()).
    pub allow_hosts: Vec<String>,
    /// What may not be exceeded.
    pub limits: Limits,
    /// A pause of the generator itself of this length makes the run invalid.
    pub stall_limit: Duration,
    /// If more than 1 % of the requests are taken up later than this by the generator itself, and later than a
    /// tenth of the p99 latency, the run is invalid.
    pub late_limit: Duration,
}

impl LoadSpec {
    /// A run against one address with default settings.
    pub fn new(url: impl Into<String>, schedule: Schedule) -> Self {
        Self {
            targets: vec![Target::get(url)],
            schedule,
            duration: None,
            protocol: Protocol::default(),
            connections: 128,
            streams: 100,
            queue: 65_536,
            timeout: Duration::from_secs(10),
            drain: None,
            version_header: "x-kubsets-version".to_owned(),
            failed_from_status: 400,
            trace_ratio: None,
            part: Share::WHOLE,
            workers: 1,
            seed: 1,
            trust: Trust::default(),
            allow_hosts: Vec::new(),
            limits: Limits::default(),
            stall_limit: Duration::from_millis(250),
            late_limit: Duration::from_millis(20),
        }
    }

    /// Allows the host of an address that the caller vouches for, such as that of a cluster which the user named.
    pub fn vouch_for(&mut self, url: &str) {
        let host = url.split("://").nth(1).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        self.allow_hosts.push(host.trim_matches(['[', ']']).to_owned());
    }

    /// Checks the whole specification without sending anything.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SpecError> {
        self.schedule.check()?;
        if self.targets.is_empty() {
            return Err(SpecError::NoTarget);
        }
        if self.targets.len() > MAX_TARGETS {
            return Err(SpecError::Targets { wanted: self.targets.len(), limit: MAX_TARGETS });
        }
        for target in &self.targets {
            target.compile(&self.allow_hosts)?;
        }
        self.check_limits()?;
        for (what, value) in
            [("connections", self.connections), ("streams", self.streams), ("workers", self.workers)]
        {
            if value == 0 {
                return Err(SpecError::Zero { what });
            }
        }
        if self.part.index >= self.part.of {
            return Err(SpecError::Part(self.part));
        }
        if self.timeout.is_zero() {
            return Err(SpecError::Zero { what: "timeout" });
        }
        if HeaderName::from_bytes(self.version_header.as_bytes()).is_err() {
            return Err(SpecError::VersionHeader(self.version_header.clone()));
        }
        match self.trace_ratio {
            Some(ratio) if !(0.0..=1.0).contains(&ratio) => Err(SpecError::TraceRatio(ratio)),
            _ => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), SpecError> {
        if let Some(rate) = self.schedule.peak_rate() {
            self.check_rate(rate)?;
        }
        if let Schedule::Closed { users, think } = self.schedule
            && users as f64 / think.as_secs_f64() > self.limits.rate
        {
            let schedule = self.schedule.to_string();
            return Err(SpecError::Users { schedule, limit: self.limits.rate });
        }
        if let Some(wanted) = self.duration.or(self.schedule.natural_end())
            && wanted > self.limits.duration
        {
            return Err(SpecError::Duration { wanted, limit: self.limits.duration });
        }
        let wanted = self.concurrency();
        if wanted > self.limits.concurrency {
            return Err(SpecError::Concurrency { wanted, limit: self.limits.concurrency });
        }
        Ok(())
    }

    pub(crate) fn check_rate(&self, rate: f64) -> Result<(), SpecError> {
        if !rate.is_finite() || rate < 0.0 {
            return Err(SpecError::NotARate(rate));
        }
        if rate > self.limits.rate {
            return Err(SpecError::Rate { wanted: rate, limit: self.limits.rate });
        }
        Ok(())
    }

    /// Most requests under way at once to one endpoint.
    pub(crate) fn concurrency(&self) -> usize {
        match (&self.schedule, self.protocol) {
            (Schedule::Closed { users, .. }, _) => *users,
            (_, Protocol::Http2) => {
                self.connections.saturating_mul(self.streams).min(self.limits.concurrency)
            }
            (_, Protocol::Http1 | Protocol::Http1PerRequest) => self.connections,
        }
    }

    /// Most connections that are open at once to one endpoint.
    pub fn most_connections(&self) -> usize {
        match (&self.schedule, self.protocol) {
            (Schedule::Closed { users, .. }, Protocol::Http2) => users.div_ceil(self.streams.max(1)),
            (Schedule::Closed { users, .. }, Protocol::Http1 | Protocol::Http1PerRequest) => *users,
            _ => self.connections,
        }
    }

    /// When planning ends.
    pub(crate) fn end(&self) -> Duration {
        self.duration.or(self.schedule.natural_end()).unwrap_or(self.limits.duration)
    }

    /// The part of the whole run that a worker takes.
    pub(crate) fn share_of(&self, worker: usize) -> Share {
        Share { index: self.part.index * self.workers + worker, of: self.part.of * self.workers }
    }

    pub(crate) fn drain_time(&self) -> Duration {
        self.drain.unwrap_or(self.timeout)
    }
}

/// A specification that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The list of targets is empty.
    #[error("no target given")]
    NoTarget,
    /// There are more targets than can be told apart.
    #[error("{wanted} targets are above the limit of {limit}")]
    Targets {
        /// How many were given.
        wanted: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A target is wrong or refused.
    #[error("bad target")]
    Target(#[from] TargetError),
    /// The schedule makes no sense.
    #[error("bad schedule")]
    Schedule(#[from] ScheduleError),
    /// The rate is above the limit.
    #[error("a rate of {wanted} requests per second is above the limit of {limit}")]
    Rate {
        /// What was asked for.
        wanted: f64,
        /// What is allowed.
        limit: f64,
    },
    /// The users of a closed loop may ask faster than the limit.
    #[error("the users of {schedule} may send at a rate above the limit of {limit} requests per second")]
    Users {
        /// The schedule as text.
        schedule: String,
        /// What is allowed.
        limit: f64,
    },
    /// The rate is negative or no number.
    #[error("{0} is no rate")]
    NotARate(f64),
    /// The duration is above the limit.
    #[error("a duration of {wanted:?} is above the limit of {limit:?}")]
    Duration {
        /// What was asked for.
        wanted: Duration,
        /// What is allowed.
        limit: Duration,
    },
    /// More requests at once than allowed.
    #[error("{wanted} requests at once are above the limit of {limit}")]
    Concurrency {
        /// What was asked for.
        wanted: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A number that must be at least 1, or a time that must be above zero.
    #[error("{what} must be above zero")]
    Zero {
        /// The setting.
        what: &'static str,
    },
    /// There is no such part.
    #[error("part {} of {} does not exist (parts count from 0)", .0.index, .0.of)]
    Part(Share),
    /// The name of the version header is no header name.
    #[error("`{0}` is no header name")]
    VersionHeader(String),
    /// The sampling ratio is no share.
    #[error("a trace ratio of {0} is not between 0 and 1")]
    TraceRatio(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_unless_raised() {
        let spec = |text: &str| LoadSpec::new("http://127.0.0.1/", text.parse().unwrap());
        assert!(spec("10k").check().is_ok());
        let error = spec("10..20000/60s").check().unwrap_err();
        assert_eq!(error.to_string(), "a rate of 20000 requests per second is above the limit of 10000");
        let mut raised = spec("20k");
        raised.limits.rate = 50_000.0;
        assert!(raised.check().is_ok());
        let mut long = spec("1");
        long.duration = Some(Duration::from_hours(1));
        assert!(matches!(long.check(), Err(SpecError::Duration { .. })));
        assert!(matches!(spec("closed:5000/1s").check(), Err(SpecError::Concurrency { .. })));
        let mut many = spec("1");
        many.targets = vec![Target::get("http://127.0.0.1/"); 64];
        assert!(many.check().is_ok());
        many.targets.push(Target::get("http://127.0.0.1/"));
        assert_eq!(many.check().unwrap_err().to_string(), "65 targets are above the limit of 64");
        let mut traced = spec("1");
        traced.trace_ratio = Some(1.5);
        assert!(matches!(traced.check(), Err(SpecError::TraceRatio(_))));
    }

    #[test]
    fn users_keep_the_limit_of_the_rate_by_thinking() {
        let spec = |text: &str| LoadSpec::new("http://127.0.0.1/", text.parse().unwrap());
        assert!(spec("closed:32/10ms").check().is_ok());
        let error = spec("closed:32/1ms").check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the users of closed:32/1ms may send at a rate above the limit of 10000 requests per second"
        );
        let mut quick = spec("closed:32");
        quick.limits.rate = 1e6;
        assert!(matches!(quick.check(), Err(SpecError::Users { .. })));
        quick.limits.rate = f64::INFINITY;
        assert!(quick.check().is_ok());
        assert_eq!(quick.most_connections(), 32);
        quick.protocol = Protocol::Http2;
        assert_eq!(quick.most_connections(), 1);
    }
}
