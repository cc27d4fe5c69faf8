//! The metrics registry: `OpenMetrics` with exemplars, plain text for those who ask for it.

mod exposition;
mod process;

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, text::encode},
    metrics::{exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::{Metric, Registry, Unit},
};
use tracing::Span;

pub use self::exposition::Exposition;
use crate::{Identity, propagation::span_context};

/// Upper bounds in seconds of the semantic conventions for HTTP and messaging durations.
pub const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Upper bounds in seconds of the semantic conventions for database operations.
pub const DATABASE_BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The labels of an exemplar: which trace had this duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Exemplar {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
}

impl Exemplar {
    /// The exemplar of a span, when it is sampled.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span_context(span);
        context.is_sampled().then(|| Self {
            trace_id: context.trace_id().to_string(),
            span_id: context.span_id().to_string(),
        })
    }
}

/// A histogram of durations whose buckets point to traces.
pub type Durations = HistogramWithExemplars<Exemplar>;
/// [`Durations`] by labels.
pub type DurationFamily<L> = Family<L, Durations, fn() -> Durations>;

/// The metrics of one process.
#[derive(Clone)]
pub struct Metrics(Arc<RwLock<Registry>>);

impl Metrics {
    /// A registry whose every series has the label `version`, with build and process metrics.
    pub fn new(identity: &Identity) -> Self {
        Self::with_labels(identity, [])
    }

    /// Like [`Metrics::new`], with more labels on every series.
    pub fn with_labels<const N: usize>(identity: &Identity, labels: [(&'static str, Arc<str>); N]) -> Self {
        let all = std::iter::once(("version", identity.version.clone())).chain(labels);
        let mut registry =
            Registry::with_labels(all.map(|(name, value)| (name.into(), value.to_string().into())));
        registry.register_collector(Box::new(process::ProcessCollector::new()));
        let metrics = Self(Arc::new(RwLock::new(registry)));
        let build: Family<BuildLabels, Gauge> =
            metrics.register("kubsets_build_info", "Always 1; names the service and pod", Family::default());
        build.get_or_create(&BuildLabels { service: identity.service, pod: identity.pod.to_string() }).set(1);
        metrics
    }

    /// Registers a metric and gives it back.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.write(|registry| registry.register(name, help, metric.clone()));
        metric
    }

    /// Registers durations under `<name>_seconds` with the given upper bounds.
    pub fn durations<L>(&self, name: &str, help: &str, new: fn() -> Durations) -> DurationFamily<L>
    where
        L: EncodeLabelSet + std::fmt::Debug + Clone + std::hash::Hash + Eq + Send + Sync + 'static,
    {
        let family: DurationFamily<L> = Family::new_with_constructor(new);
        self.write(|registry| registry.register_with_unit(name, help, Unit::Seconds, family.clone()));
        family
    }

    /// Registers something that makes its metrics at the moment of the scrape.
    pub fn collect(&self, collector: impl Collector) {
        self.write(|registry| registry.register_collector(Box::new(collector)));
    }

    /// All metrics in the form that the `Accept` header asks for.
    pub fn render(&self, accept: Option<&str>) -> Exposition {
        let mut text = String::with_capacity(8 * 1024);
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a string does not fail");
        drop(registry);
        Exposition::negotiate(text, accept)
    }

    fn write(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Durations with the bounds of [`DURATION_BUCKETS`].
pub fn operation_durations() -> Durations {
    HistogramWithExemplars::new(DURATION_BUCKETS.into_iter())
}

/// Durations with the bounds of [`DATABASE_BUCKETS`].
pub fn database_durations() -> Durations {
    HistogramWithExemplars::new(DATABASE_BUCKETS.into_iter())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    service: &'static str,
    pod: String,
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn every_series_has_the_version() {
        let metrics = Metrics::new(&Identity::local("demo-app"));
        let counter: Counter = metrics.register("tea", "Cups", Counter::default());
        counter.inc();
        let text = metrics.render(Some("application/openmetrics-text")).text;
        let line = text.lines().find(|line| line.starts_with("tea_total")).unwrap();
        assert_eq!(line, format!("tea_total{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
        assert!(text.contains("process_resident_memory_bytes{version="), "{text}");
        assert!(
            text.contains("kubsets_build_info{version=") && text.contains("service=\"demo-app\""),
            "{text}"
        );
    }

    #[test]
    fn exemplars_only_in_openmetrics() {
        let metrics = Metrics::new(&Identity::local("demo-app"));
        let family = metrics.durations::<Vec<(String, String)>>("brewing", "Time", operation_durations);
        let exemplar = Exemplar { trace_id: "ab".repeat(16), span_id: "cd".repeat(8) };
        family.get_or_create(&vec![]).observe(0.02, Some(exemplar), None);
        let open = metrics.render(Some("application/openmetrics-text;version=1.0.0"));
        assert!(open.text.contains("# {trace_id=\"abab"), "{}", open.text);
        assert!(open.text.ends_with("# EOF\n"));
        let plain = metrics.render(Some("text/plain"));
        assert!(!plain.text.contains("trace_id") && !plain.text.contains("# EOF"), "{}", plain.text);
        let bucket = plain.text.lines().find(|line| line.contains("le=\"0.025\"")).unwrap();
        assert!(bucket.ends_with("} 1"), "{bucket}");
    }
}
