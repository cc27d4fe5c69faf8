//! Decides for each request whether it fails or waits.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
};
use serde::Serialize;

use super::FaultSpec;
use crate::{Metrics, random::SplitMix64};

/// The fault of one process; clones share it.
#[derive(Debug, Clone)]
pub struct FaultEngine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Read on each request; the lock is taken only while a fault is set.
    is_set: AtomicBool,
    fault: Mutex<Option<ActiveFault>>,
    injected: Family<KindLabel, Counter>,
}

#[derive(Debug)]
struct ActiveFault {
    spec: FaultSpec,
    origin: &'static str,
    started: Instant,
    random: SplitMix64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

const ERROR: KindLabel = KindLabel { kind: "error" };
const LATENCY: KindLabel = KindLabel { kind: "latency" };

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Injection {
    /// Wait this long first.
    pub delay: Option<Duration>,
    /// Then fail with this status.
    pub status: Option<u16>,
}

impl Injection {
    /// Whether nothing happens.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// The fault in force, for people and programs.
#[derive(Debug, Clone, Serialize)]
pub struct FaultState {
    /// Whether a fault is in force.
    pub active: bool,
    /// The fault.
    pub fault: Option<FaultSpec>,
    /// Where it came from: `start` or `request`.
    pub origin: Option<&'static str>,
    /// Seconds since it began.
    pub age_seconds: Option<f64>,
    /// Seconds until it ends by itself.
    pub ends_in_seconds: Option<f64>,
    /// Requests that failed on purpose since the start of the process.
    pub injected_errors: u64,
    /// Requests that were slowed on purpose since the start of the process.
    pub injected_delays: u64,
}

impl FaultEngine {
    /// Without a fault. Registers `kubsets_fault_active` and `kubsets_fault_injected`.
    pub fn new(metrics: &Metrics) -> Self {
        let injected =
            metrics.register("kubsets_fault_injected", "Faults injected on purpose", Family::default());
        let engine =
            Self(Arc::new(Inner { is_set: AtomicBool::new(false), fault: Mutex::new(None), injected }));
        metrics.collect(ActiveCollector(engine.clone()));
        engine
    }

    /// Puts a fault in force in place of the one before.
    pub fn set(&self, spec: FaultSpec, origin: &'static str) {
        let random = spec.seed.map_or_else(SplitMix64::from_entropy, SplitMix64::new);
        tracing::warn!(
            origin,
            error_rate = %spec.error_rate,
            latency_ms = spec.latency.as_millis() as u64,
            latency_rate = %spec.latency_rate,
            route = spec.route.as_deref(),
            ttl_s = spec.ttl.map(|ttl| ttl.as_secs_f64()),
            seed = spec.seed,
            "fault started"
        );
        *self.lock() = Some(ActiveFault { spec, origin, started: Instant::now(), random });
        self.0.is_set.store(true, Ordering::Release);
    }

    /// Ends the fault.
    pub fn clear(&self) {
        let ended = self.lock().take();
        self.0.is_set.store(false, Ordering::Release);
        if let Some(fault) = ended {
            tracing::warn!(
                after_s = fault.started.elapsed().as_secs_f64(),
                reason = "request",
                "fault ended"
            );
        }
    }

    /// What happens to a request with this path.
    pub fn decide(&self, path: &str) -> Injection {
        if !self.0.is_set.load(Ordering::Acquire) {
            return Injection::default();
        }
        let fault = self.unexpired();
        let Some(fault) = fault.as_ref() else { return Injection::default() };
        if fault.spec.route.as_deref().is_some_and(|route| !path.starts_with(route)) {
            return Injection::default();
        }
        // Both numbers are drawn each time, so that a seed names the same requests whatever the rates.
        let (error, latency) = (fault.random.next_share(), fault.random.next_share());
        let status = (error < fault.spec.error_rate.share()).then_some(fault.spec.error_status);
        let is_slow = fault.spec.has_latency() && latency < fault.spec.latency_rate.share();
        let injection = Injection { delay: is_slow.then_some(fault.spec.latency), status };
        if injection.status.is_some() {
            self.0.injected.get_or_create(&ERROR).inc();
        }
        if injection.delay.is_some() {
            self.0.injected.get_or_create(&LATENCY).inc();
        }
        injection
    }

    /// The fault in force.
    pub fn state(&self) -> FaultState {
        let fault = self.unexpired();
        let fault = fault.as_ref();
        let age = fault.map(|fault| fault.started.elapsed());
        let ends_in = fault.and_then(|fault| Some(fault.spec.ttl?.saturating_sub(fault.started.elapsed())));
        let injected = |kind| self.0.injected.get_or_create_owned(kind).get();
        FaultState {
            active: fault.is_some(),
            fault: fault.map(|fault| fault.spec.clone()),
            origin: fault.map(|fault| fault.origin),
            age_seconds: age.map(|age| age.as_secs_f64()),
            ends_in_seconds: ends_in.map(|left| left.as_secs_f64()),
            injected_errors: injected(&ERROR),
            injected_delays: injected(&LATENCY),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ActiveFault>> {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault, after one whose time is over has been removed.
    fn unexpired(&self) -> MutexGuard<'_, Option<ActiveFault>> {
        let mut fault = self.lock();
        let is_over = fault
            .as_ref()
            .is_some_and(|fault| fault.spec.ttl.is_some_and(|ttl| fault.started.elapsed() >= ttl));
        if is_over {
            *fault = None;
            self.0.is_set.store(false, Ordering::Release);
            tracing::warn!(reason = "ttl", "fault ended");
        }
        fault
    }
}

/// Shows the fault at the moment of the scrape, so that an expired one is never reported as active.
#[derive(Debug)]
struct ActiveCollector(FaultEngine);

impl Collector for ActiveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (error, latency) = {
            let fault = self.0.unexpired();
            let spec = fault.as_ref().map(|fault| &fault.spec);
            (spec.is_some_and(|spec| !spec.error_rate.is_zero()), spec.is_some_and(FaultSpec::has_latency))
        };
        let mut family = encoder.encode_descriptor(
            "kubsets_fault_active",
            "Whether a fault of this kind is in force.",
            None,
            MetricType::Gauge,
        )?;
        for (kind, is_active) in [(ERROR, error), (LATENCY, latency)] {
            ConstGauge::new(i64::from(is_active)).encode(family.encode_family(&kind)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identity, Rate};

    fn engine() -> (FaultEngine, Metrics) {
        let metrics = Metrics::new(&Identity::local("demo-app"));
        (FaultEngine::new(&metrics), metrics)
    }

    fn errors(rate: &str, seed: u64) -> FaultSpec {
        FaultSpec { error_rate: rate.parse().unwrap(), seed: Some(seed), ..FaultSpec::none() }
    }

    fn active(metrics: &Metrics, kind: &str) -> bool {
        let text = metrics.render(None).text;
        let line = text.lines().find(|line| {
            line.starts_with("kubsets_fault_active{") && line.contains(&format!("kind=\"{kind}\""))
        });
        line.unwrap().ends_with(" 1")
    }

    #[test]
    fn the_rate_is_met_and_a_seed_repeats() {
        let (engine, _) = engine();
        let run = |seed| {
            engine.set(errors("5%", seed), "request");
            (0..20_000).map(|_| engine.decide("/api/info").status.is_some()).collect::<Vec<_>>()
        };
        let (first, again, other) = (run(1), run(1), run(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let failed = first.iter().filter(|failed| **failed).count();
        assert!((850..1150).contains(&failed), "{failed}");
    }

    #[test]
    fn only_the_route_is_hit() {
        let (engine, _) = engine();
        engine.set(FaultSpec { route: Some("/orders".into()), ..errors("1", 1) }, "request");
        assert_eq!(engine.decide("/orders/7").status, Some(500));
        assert!(engine.decide("/api/info").is_none());
    }

    #[test]
    fn latency_has_its_own_rate() {
        let (engine, metrics) = engine();
        let spec = FaultSpec {
            latency: Duration::from_millis(20),
            latency_rate: Rate::new(0.5).unwrap(),
            seed: Some(3),
            ..FaultSpec::none()
        };
        engine.set(spec, "request");
        let slow = (0..1000).filter(|_| engine.decide("/").delay.is_some()).count();
        assert!((430..570).contains(&slow), "{slow}");
        assert!(active(&metrics, "latency") && !active(&metrics, "error"));
        assert_eq!(engine.state().injected_delays, slow as u64);
    }

    #[test]
    fn a_fault_ends_by_ttl_and_by_request() {
        let (engine, metrics) = engine();
        engine.set(FaultSpec { ttl: Some(Duration::from_millis(30)), ..errors("1", 1) }, "start");
        assert!(engine.state().active && active(&metrics, "error"));
        std::thread::sleep(Duration::from_millis(40));
        assert!(!active(&metrics, "error"));
        assert!(engine.decide("/").is_none() && !engine.state().active);
        engine.set(errors("1", 1), "request");
        engine.clear();
        assert!(engine.decide("/").is_none() && !active(&metrics, "error"));
    }
}
