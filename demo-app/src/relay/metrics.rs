//! What the relay sends and what it still has to send.

use std::{sync::atomic::AtomicU64, time::Duration};

use kubsets_telemetry::{
    Metrics,
    metrics::{DurationFamily, Exemplar, operation_durations},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

/// Metrics of the relay.
pub(crate) struct RelayMetrics {
    duration: DurationFamily<SendLabels>,
    sent: Family<SendLabels, Counter>,
    pending: Gauge,
    oldest: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SendLabels {
    messaging_operation_name: &'static str,
    messaging_destination_name: String,
    error_type: &'static str,
}

impl RelayMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            duration: metrics.durations(
                "messaging_client_operation_duration",
                "Time from handing a message over to its acknowledgement",
                operation_durations,
            ),
            sent: metrics.register(
                "messaging_client_sent_messages",
                "Messages handed to the broker",
                Family::default(),
            ),
            pending: metrics.register(
                "kubsets_outbox_pending",
                "Outbox rows not yet published",
                Gauge::default(),
            ),
            oldest: metrics.register(
                "kubsets_outbox_oldest_age_seconds",
                "Age of the oldest unpublished outbox row",
                Gauge::default(),
            ),
        }
    }

    pub(crate) fn sent(&self, topic: &str, is_delivered: bool, took: Duration, exemplar: Option<Exemplar>) {
        let labels = SendLabels {
            messaging_operation_name: "send",
            messaging_destination_name: topic.to_owned(),
            error_type: if is_delivered { "" } else { "delivery" },
        };
        self.duration.get_or_create(&labels).observe(took.as_secs_f64(), exemplar, None);
        self.sent.get_or_create(&labels).inc();
    }

    pub(crate) fn backlog(&self, pending: i64, oldest_s: f64) {
        self.pending.set(pending);
        self.oldest.set(oldest_s);
    }
}
