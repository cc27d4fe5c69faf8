//! What happens to one event.

use std::{sync::Arc, time::Instant};

use kubsets_telemetry::{
    fault::FaultEngine,
    kafka::LogContext,
    metrics::Exemplar,
    propagation::{link, set_parent},
};
use rdkafka::{message::OwnedHeaders, producer::FutureProducer};
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::{
    broker,
    envelope::Envelope,
    metrics::WorkerMetrics,
    retry::RetryPolicy,
    store::{Fulfilment, Store},
};

/// Handles events one at a time.
pub(crate) struct Handler {
    pub(crate) store: Store,
    pub(crate) producer: FutureProducer<LogContext>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) faults: FaultEngine,
    pub(crate) policy: RetryPolicy,
    pub(crate) group: String,
    pub(crate) topic_retry: String,
    pub(crate) topic_dlq: String,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fulfilled,
    Duplicate,
    Retried,
    Dead,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::Duplicate => "duplicate",
            Self::Retried => "retried",
            Self::Dead => "dead",
        }
    }
}

/// Database or broker are away: nothing is decided about the event, and it is no attempt of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Outage {
    #[error("database: {0}")]
    Database(sqlx::Error),
    #[error("broker: {0}")]
    Broker(String),
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed.
    Passing(String),
    /// No attempt can succeed.
    Final(String),
}

impl Handler {
    /// Handles an event to its end.
    ///
    /// # Errors
    /// When database or broker are away; call again later with the same event.
    pub(crate) async fn handle(&self, envelope: &Envelope) -> Result<Outcome, Outage> {
        let started = Instant::now();
        let span = self.process_span(envelope);
        let ended = self.attempt(envelope, &span).instrument(span.clone()).await;
        if let Ok((outcome, error_type)) = &ended {
            let exemplar = Exemplar::of(&span);
            self.metrics.processed(&envelope.topic, outcome.name(), error_type, started.elapsed(), exemplar);
        } else {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", "outage");
        }
        ended.map(|(outcome, _)| outcome)
    }

    /// The span is a child of the producer's, so that one order is one trace, and links to it.
    fn process_span(&self, envelope: &Envelope) -> Span {
        let span = info_span!(
            "process",
            otel.name = format!("process {}", envelope.topic),
            otel.kind = "consumer",
            otel.status_code = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = envelope.topic,
            messaging.destination.partition.id = envelope.partition.to_string(),
            messaging.consumer.group.name = self.group,
            messaging.kafka.offset = envelope.offset,
            messaging.kafka.message.key = envelope.key,
            kubsets.attempt = envelope.attempt,
            "error.type" = Empty,
        );
        let origin = envelope.trace.to_context();
        set_parent(&span, &origin);
        link(&span, &origin);
        span
    }

    async fn attempt(&self, envelope: &Envelope, span: &Span) -> Result<(Outcome, &'static str), Outage> {
        match self.fulfil(envelope).await? {
            Ok(outcome) => Ok((outcome, "")),
            // A second copy of an event that is done must not end in the dead-letter topic.
            Err(Failure::Passing(_)) if self.is_done(envelope).await? => Ok((Outcome::Duplicate, "")),
            Err(failure) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", "failed");
                Ok((self.pass_on(envelope, failure).await?, "failed"))
            }
        }
    }

    async fn is_done(&self, envelope: &Envelope) -> Result<bool, Outage> {
        match envelope.event() {
            Ok(event) => self.store.is_processed(event.event_id).await.map_err(Outage::Database),
            Err(_) => Ok(false),
        }
    }

    async fn fulfil(&self, envelope: &Envelope) -> Result<Result<Outcome, Failure>, Outage> {
        let injection = self.faults.decide(&format!("/{}", envelope.topic));
        if let Some(delay) = injection.delay {
            tokio::time::sleep(delay).await;
        }
        let event = match envelope.event() {
            Ok(event) => event,
            Err(error) => return Ok(Err(Failure::Final(format!("the event cannot be read: {error}")))),
        };
        if injection.status.is_some() {
            return Ok(Err(Failure::Passing("fault on purpose".to_owned())));
        }
        let fulfilment = match self.store.fulfil(&event, envelope).await {
            Ok(fulfilment) => fulfilment,
            Err(error) if is_about_data(&error) => return Ok(Err(Failure::Passing(error.to_string()))),
            Err(error) => return Err(Outage::Database(error)),
        };
        Ok(match fulfilment {
            Fulfilment::Done { took_seconds, source } => {
                self.metrics.fulfilled(&source, took_seconds, Exemplar::of(&Span::current()));
                tracing::info!(order = %event.order_id, took_ms = took_seconds * 1000.0, "order fulfilled");
                Ok(Outcome::Fulfilled)
            }
            Fulfilment::Duplicate => {
                tracing::debug!(order = %event.order_id, "event was handled before");
                Ok(Outcome::Duplicate)
            }
            Fulfilment::Unknown => Err(Failure::Final(format!("there is no order {}", event.order_id))),
        })
    }

    /// Puts a failed event where it belongs: the retry topic, or at its end the dead-letter topic.
    async fn pass_on(&self, envelope: &Envelope, failure: Failure) -> Result<Outcome, Outage> {
        let (reason, delay) = match failure {
            Failure::Passing(reason) => (reason, self.policy.delay_after(envelope.attempt)),
            Failure::Final(reason) => (reason, None),
        };
        let order = envelope.order_id();
        let attempt = envelope.attempt;
        let Some(delay) = delay else {
            // Topic first: after a crash in between the event comes twice, but is never lost.
            self.forward(&self.topic_dlq, envelope, envelope.dead_headers(&reason)).await?;
            if let Some(order) = order {
                self.store.bury(order, attempt, &reason).await.map_err(Outage::Database)?;
            }
            tracing::error!(order = order.map(|id| id.to_string()), attempt, reason, "event is dead");
            return Ok(Outcome::Dead);
        };
        self.forward(&self.topic_retry, envelope, envelope.retry_headers(delay, &reason)).await?;
        if let Some(order) = order {
            // Only for those who look at the order: the event itself is safe already.
            let _ = self.store.note_failure(order, attempt, &reason).await;
        }
        let delay_ms = delay.as_millis() as u64;
        tracing::warn!(
            order = order.map(|id| id.to_string()),
            attempt,
            reason,
            delay_ms,
            "event will be tried again"
        );
        Ok(Outcome::Retried)
    }

    async fn forward(&self, topic: &str, envelope: &Envelope, headers: OwnedHeaders) -> Result<(), Outage> {
        let span = info_span!(
            "send",
            otel.name = format!("send {topic}"),
            // The creation context stays that of the order: this is a client of it, no producer.
            otel.kind = "client",
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = topic,
        );
        link(&span, &envelope.trace.to_context());
        broker::forward(&self.producer, topic, envelope, headers)
            .instrument(span)
            .await
            .map_err(Outage::Broker)
    }
}

/// Errors that another row would not have: bad data (22) and broken rules (23).
fn is_about_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
        }
        _ => false,
    }
}
