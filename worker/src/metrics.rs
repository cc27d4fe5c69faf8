//! What the worker measures.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kubsets_telemetry::{
    Metrics,
    metrics::{DurationFamily, Durations, Exemplar, operation_durations},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
};

/// Upper bounds in seconds for the way from order to fulfilment, which may include retries.
const FULFILMENT_BUCKETS: [f64; 14] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// Metrics of the worker.
pub(crate) struct WorkerMetrics {
    process: DurationFamily<ProcessLabels>,
    orders: Family<OutcomeLabel, Counter>,
    fulfilment: DurationFamily<SourceLabel>,
    message_age: Gauge<f64, AtomicU64>,
    pub(crate) open_orders: Gauge,
    pub(crate) oldest_open: Gauge<f64, AtomicU64>,
    pub(crate) heartbeat: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProcessLabels {
    messaging_operation_name: &'static str,
    messaging_destination_name: String,
    error_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

impl WorkerMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let gauge = |name: &str, help: &str| metrics.register(name, help, Gauge::<f64, AtomicU64>::default());
        let new = Self {
            process: metrics.durations(
                "messaging_process_duration",
                "Duration of the handling of one event",
                operation_durations,
            ),
            orders: metrics.register("kubsets_orders_processed", "Events by outcome", Family::default()),
            fulfilment: metrics.durations(
                "kubsets_order_fulfilment_duration",
                "Time from order to fulfilment",
                fulfilment_durations,
            ),
            message_age: gauge("kubsets_queue_age_seconds", "Age of the last event when it was taken"),
            open_orders: metrics.register("kubsets_orders_open", "Orders not yet ended", Gauge::default()),
            oldest_open: gauge("kubsets_orders_oldest_open_age_seconds", "Age of the oldest open order"),
            heartbeat: gauge(
                "kubsets_heartbeat_last_fulfilled_timestamp_seconds",
                "When a heartbeat order was last fulfilled, since 1970",
            ),
        };
        // Present from the start on, so that a rate over them has a zero to begin with.
        for outcome in ["fulfilled", "duplicate", "retried", "dead"] {
            drop(new.orders.get_or_create(&OutcomeLabel { outcome }));
        }
        new
    }

    pub(crate) fn taken(&self, age: Option<Duration>) {
        self.message_age.set(age.unwrap_or_default().as_secs_f64());
    }

    pub(crate) fn processed(
        &self,
        topic: &str,
        outcome: &'static str,
        error_type: &'static str,
        took: Duration,
        exemplar: Option<Exemplar>,
    ) {
        let labels = ProcessLabels {
            messaging_operation_name: "process",
            messaging_destination_name: topic.to_owned(),
            error_type,
        };
        self.process.get_or_create(&labels).observe(took.as_secs_f64(), exemplar, None);
        self.orders.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn fulfilled(&self, source: &str, took_seconds: f64, exemplar: Option<Exemplar>) {
        let is_heartbeat = source == "heartbeat";
        let source = if is_heartbeat { "heartbeat" } else { "other" };
        self.fulfilment.get_or_create(&SourceLabel { source }).observe(took_seconds, exemplar, None);
        if is_heartbeat {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.heartbeat.set(now.as_secs_f64());
        }
    }
}

fn fulfilment_durations() -> Durations {
    HistogramWithExemplars::new(FULFILMENT_BUCKETS.into_iter())
}
