//! Starting, steering and ending a run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::HeaderName;
use kubsets_schedule::nanos;
use rustls::pki_types::ServerName;
use tokio::sync::{broadcast, oneshot};
use tokio_rustls::TlsConnector;

use crate::engine::{Control, Endpoint, Merger, Plan, Tls, spawn};
use crate::guard::Address;
use crate::report::LoadReport;
use crate::spec::{LoadSpec, Protocol, SpecError};
use crate::tally::Shard;
use crate::tick::Tick;
use crate::tls::TrustError;

/// Ticks kept for a reader that is slow; beyond that it misses the oldest.
const TICKS_KEPT: usize = 256;

/// A run that could not be started or lost its result.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The specification is wrong; nothing was sent.
    #[error("bad load specification")]
    Spec(#[from] SpecError),
    /// The name of a host has no address.
    #[error("cannot find the address of `{host}`")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        #[source]
        source: std::io::Error,
    },
    /// The authorities that `https` targets are to be checked against cannot be used.
    #[error("cannot check the certificates of `https` targets")]
    Trust(#[from] TrustError),
    /// The host of an `https` target is no name that a certificate could have.
    #[error("`{0}` is no name for a certificate")]
    Name(String),
    /// A thread could not be started.
    #[error("cannot start a thread of the load generator")]
    Thread(#[source] std::io::Error),
    /// A thread of the generator ended without a report.
    #[error("the load generator ended without a report")]
    Lost,
    /// The schedule has no rate that could be set.
    #[error("a closed loop has no rate to set")]
    NotSteerable,
}

/// The load generator.
#[derive(Debug)]
pub struct Generator;

impl Generator {
    /// Checks the specification, resolves the hosts and starts the run. The generator has threads and runtimes
    /// of its own, so that what the caller's runtime does cannot disturb it.
    ///
    /// # Errors
    ///
    /// The specification is wrong, a host has no address, or a thread cannot be started. Nothing has been sent
    /// then.
    pub async fn start(mut spec: LoadSpec) -> Result<Running, LoadError> {
        spec.check()?;
        // A worker without a connection of its own could send nothing.
        spec.workers = spec.workers.min(spec.concurrency());
        let (endpoints, plan) = endpoints(&spec)?;
        let connector = connector(&spec, &endpoints)?;
        let mut resolved = Vec::with_capacity(endpoints.len());
        for endpoint in &endpoints {
            let tls = connector.clone().filter(|_| endpoint.tls).map(|connector| {
                let name = ServerName::try_from(endpoint.host.clone());
                let name = name.map_err(|_| LoadError::Name(endpoint.host.clone()))?;
                Ok::<_, LoadError>(Tls { connector, name, needs_h2: spec.protocol == Protocol::Http2 })
            });
            resolved.push(Endpoint { addresses: resolve(endpoint).await?, tls: tls.transpose()? });
        }
        let started = SystemTime::now();
        let plan = Arc::new(Plan { endpoints: resolved, start: Instant::now(), ..plan });
        let control = Arc::new(Control::default());
        let (to_merger, shards) = channel();
        let (ticks, _) = broadcast::channel(TICKS_KEPT);
        let (report, done) = oneshot::channel();
        for index in 0..plan.spec.workers {
            let spawned = spawn(index, Arc::clone(&plan), Arc::clone(&control), to_merger.clone());
            if let Err(error) = spawned {
                control.abort();
                return Err(LoadError::Thread(error));
            }
        }
        drop(to_merger);
        let merger = Merge { plan: Arc::clone(&plan), started, ticks: ticks.clone() };
        std::thread::Builder::new()
            .name("load-merge".to_owned())
            .spawn(move || {
                if let Some(result) = merger.run(&shards) {
                    // The owner of the run may have gone.
                    let _unread = report.send(result);
                }
            })
            .map_err(|error| {
                control.abort();
                LoadError::Thread(error)
            })?;
        Ok(Running { plan, control, started, ticks: ticks.downgrade(), done: Some(done) })
    }
}

/// A run under way. Dropping it aborts the run.
#[derive(Debug)]
pub struct Running {
    plan: Arc<Plan>,
    control: Arc<Control>,
    started: SystemTime,
    ticks: broadcast::WeakSender<Arc<Tick>>,
    done: Option<oneshot::Receiver<LoadReport>>,
}

impl Running {
    /// A new reader of the seconds to come. There may be several.
    pub fn ticks(&self) -> Ticks {
        // The merging thread holds the sender for as long as there are ticks.
        Ticks { receiver: self.ticks.upgrade().map(|sender| sender.subscribe()) }
    }

    /// When the run started.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// From now on (within 5 ms) requests are planned at this constant rate per second, until it is set again
    /// or the run ends; 0 is a pause. Arrivals stay as they are (even or Poisson); a replay is given up for
    /// even arrivals.
    ///
    /// # Errors
    ///
    /// The rate is none or above the limit of the specification, or the run is a closed loop.
    pub fn set_rate(&self, rate: f64) -> Result<(), LoadError> {
        if self.plan.spec.schedule.is_closed_loop() {
            return Err(LoadError::NotSteerable);
        }
        self.plan.spec.check_rate(rate)?;
        self.control.set_rate(rate);
        Ok(())
    }

    /// Plans nothing new; [`wait`](Self::wait) returns the report once requests under way have ended or the time that
    /// the specification allows them is over.
    pub fn finish(&self) {
        self.control.stop();
    }

    /// Plans nothing new, gives requests under way the time that the specification allows them, and returns the
    /// report.
    ///
    /// # Errors
    ///
    /// A thread of the generator died.
    pub async fn stop(mut self) -> Result<LoadReport, LoadError> {
        self.finish();
        self.wait().await
    }

    /// Plans nothing new, waits for nothing, and returns the report.
    ///
    /// # Errors
    ///
    /// A thread of the generator died.
    pub async fn abort(mut self) -> Result<LoadReport, LoadError> {
        self.control.abort();
        self.wait().await
    }

    /// Waits for the end that the specification sets and returns the report.
    ///
    /// # Cancel safety
    ///
    /// If the returned future is dropped the run goes on, and this can be called again.
    ///
    /// # Errors
    ///
    /// A thread of the generator died, or the report has been handed out before.
    pub async fn wait(&mut self) -> Result<LoadReport, LoadError> {
        let done = self.done.as_mut().ok_or(LoadError::Lost)?;
        let report = done.await.map_err(|_| LoadError::Lost);
        self.done = None;
        report
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.abort();
    }
}

/// Reads the seconds of a run as they end.
#[derive(Debug)]
pub struct Ticks {
    receiver: Option<broadcast::Receiver<Arc<Tick>>>,
}

impl Ticks {
    /// The next second; `None` after the last. A reader that is more than four minutes behind misses the oldest.
    ///
    /// # Cancel safety
    ///
    /// No tick is lost if the returned future is dropped.
    pub async fn next(&mut self) -> Option<Arc<Tick>> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(tick) => return Some(tick),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

struct Merge {
    plan: Arc<Plan>,
    started: SystemTime,
    ticks: broadcast::Sender<Arc<Tick>>,
}

impl Merge {
    /// The report, once all workers have said their last words; `None` if one of them vanished.
    fn run(self, shards: &Receiver<Shard>) -> Option<LoadReport> {
        let spec = &self.plan.spec;
        let mut merger = Merger::new(spec.workers, spec.targets.len(), nanos(spec.stall_limit));
        while !merger.is_complete() {
            for tick in merger.add(shards.recv().ok()?) {
                // There may be no reader.
                let _unread = self.ticks.send(Arc::new(tick));
            }
        }
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_ms = u64::try_from(started.as_millis()).unwrap_or(u64::MAX);
        Some(LoadReport::new(&self.plan, started_ms, merger.finish()))
    }
}

/// The different endpoints of the targets, and the plan with all but their addresses.
fn endpoints(spec: &LoadSpec) -> Result<(Vec<Address>, Plan), LoadError> {
    let mut endpoints: Vec<Address> = Vec::new();
    let mut endpoint_of = Vec::new();
    let mut targets = Vec::new();
    for target in &spec.targets {
        let compiled = target.compile(&spec.allow_hosts).map_err(SpecError::from)?;
        let mine = &compiled.address;
        let same =
            |known: &Address| (&known.host, known.port, known.tls) == (&mine.host, mine.port, mine.tls);
        let index = endpoints.iter().position(same).unwrap_or_else(|| {
            endpoints.push(compiled.address.clone());
            endpoints.len() - 1
        });
        endpoint_of.push(index);
        targets.push(compiled);
    }
    let version_header = HeaderName::from_bytes(spec.version_header.as_bytes())
        .map_err(|_| SpecError::VersionHeader(spec.version_header.clone()))?;
    let start = Instant::now();
    let plan =
        Plan { spec: spec.clone(), targets, endpoint_of, endpoints: Vec::new(), version_header, start };
    Ok((endpoints, plan))
}

/// What opens TLS connections, if any target wants them.
fn connector(spec: &LoadSpec, endpoints: &[Address]) -> Result<Option<TlsConnector>, LoadError> {
    if !endpoints.iter().any(|endpoint| endpoint.tls) {
        return Ok(None);
    }
    let config = spec.trust.config(spec.protocol == Protocol::Http2)?;
    Ok(Some(TlsConnector::from(Arc::new(config))))
}

async fn resolve(endpoint: &Address) -> Result<Vec<SocketAddr>, LoadError> {
    let failed = |source| LoadError::Resolve { host: endpoint.host.clone(), source };
    let found = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(failed)?;
    // A name for this very machine may have both kinds of addresses while the server listens on one: IPv4 first.
    let mut found: Vec<SocketAddr> = found.collect();
    if found.iter().any(SocketAddr::is_ipv4) {
        found.retain(SocketAddr::is_ipv4);
    }
    if found.is_empty() {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::NotFound, "no address")));
    }
    Ok(found)
}
