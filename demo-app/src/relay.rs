//! Carries outbox rows to the broker: at least once, in batches, by any number of replicas.

mod metrics;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kubsets_telemetry::{
    backoff::Backoff,
    health::Dependency,
    kafka::{with_header, with_trace},
    metrics::Exemplar,
    propagation::{TraceFields, set_parent},
};
use rdkafka::{message::OwnedHeaders, producer::future_producer::DeliveryFuture};
use serde_json::Value;
use sqlx::{FromRow, PgPool, Postgres, Transaction};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{Span, field::Empty, info_span};
use uuid::Uuid;

pub(crate) use self::metrics::RelayMetrics;
use crate::broker::Broker;

const BATCH: i64 = 200;
/// Rows of other replicas that have died are found after at most this time.
const POLL: Duration = Duration::from_secs(1);
const GAUGE_EVERY: Duration = Duration::from_secs(5);
const CHECK_EVERY: Duration = Duration::from_secs(10);
const PRUNE_EVERY: Duration = Duration::from_mins(1);

/// Why a batch was not carried over.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("broker: {0}")]
    Broker(String),
}

/// The relay of one process.
pub(crate) struct Relay {
    pub(crate) pool: PgPool,
    pub(crate) broker: Broker,
    pub(crate) metrics: RelayMetrics,
    pub(crate) dependency: Dependency,
    pub(crate) new_orders: Arc<Notify>,
}

#[derive(FromRow)]
struct OutboxRow {
    id: i64,
    event_id: Uuid,
    order_id: Uuid,
    topic: String,
    payload: Value,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

struct InFlight {
    row_id: i64,
    order_id: Uuid,
    topic: String,
    span: Span,
    started: Instant,
    delivery: Result<DeliveryFuture, String>,
}

struct Delivered {
    row_id: i64,
    order_id: Uuid,
    acknowledged: Instant,
}

/// Does something at most once per period.
struct Every(Duration, Option<Instant>);

impl Every {
    fn is_due(&mut self) -> bool {
        let is_due = self.1.is_none_or(|last| last.elapsed() >= self.0);
        if is_due {
            self.1 = Some(Instant::now());
        }
        is_due
    }
}

impl Relay {
    /// Runs until `stop`; the batch in hand is finished first.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));
        let (mut gauge, mut check, mut prune) =
            (Every(GAUGE_EVERY, None), Every(CHECK_EVERY, None), Every(PRUNE_EVERY, None));
        while !stop.is_cancelled() {
            let wait = match self.carry_batch().await {
                Ok(carried) => {
                    backoff.reset();
                    if carried == BATCH as usize { Duration::ZERO } else { POLL }
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    let failures = backoff.failures();
                    tracing::warn!(error = %error, failures, retry_ms = wait.as_millis() as u64, "relay failed");
                    wait
                }
            };
            if gauge.is_due() {
                self.measure_backlog().await;
            }
            if check.is_due() {
                let outcome = self.broker.check().await;
                self.dependency.report(&outcome);
            }
            if prune.is_due() {
                self.prune().await;
            }
            // A failed batch waits for its time, new orders or not.
            let is_healthy = backoff.failures() == 0;
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.new_orders.notified(), if is_healthy && !wait.is_zero() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Carries over one batch and returns its size. Rows whose delivery failed stay for later.
    async fn carry_batch(&mut self) -> Result<usize, RelayError> {
        self.broker.heal().map_err(|error| RelayError::Broker(error.to_string()))?;
        let mut transaction = self.pool.begin().await?;
        // Other replicas skip the rows that this one holds.
        let rows: Vec<OutboxRow> = sqlx::query_as(
            "select id, event_id, order_id, topic, payload, traceparent, tracestate
             from outbox where published_at is null order by id limit $1 for update skip locked",
        )
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let size = rows.len();
        let in_flight: Vec<_> = rows.into_iter().map(|row| self.send(row)).collect();
        let (mut delivered, mut failure) = (Vec::with_capacity(size), None);
        for message in in_flight {
            match self.settle(message).await {
                Ok(one) => delivered.push(one),
                Err(error) => failure = Some(error),
            }
        }
        if !delivered.is_empty() {
            mark_published(&mut transaction, &delivered).await?;
        }
        transaction.commit().await?;
        match failure {
            None => Ok(size),
            Some(error) => Err(RelayError::Broker(error)),
        }
    }

    fn send(&self, row: OutboxRow) -> InFlight {
        let span = info_span!(
            "send",
            otel.name = format!("send {}", row.topic),
            otel.kind = "producer",
            otel.status_code = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = row.topic,
            messaging.kafka.message.key = %row.order_id,
            messaging.destination.partition.id = Empty,
            messaging.kafka.offset = Empty,
            "error.type" = Empty,
        );
        let stored = TraceFields { traceparent: row.traceparent, tracestate: row.tracestate };
        set_parent(&span, &stored.to_context());
        let headers = with_header(OwnedHeaders::new(), "event-id", &row.event_id.to_string());
        let headers =
            with_trace(with_header(headers, "content-type", "application/json"), &TraceFields::of(&span));
        let started = Instant::now();
        let delivery = self
            .broker
            .send(&row.topic, &row.order_id.to_string(), &row.payload.to_string(), headers)
            .map_err(|error| error.to_string());
        InFlight { row_id: row.id, order_id: row.order_id, topic: row.topic, span, started, delivery }
    }

    /// Waits for the broker's answer to one message.
    async fn settle(&self, message: InFlight) -> Result<Delivered, String> {
        let outcome = match message.delivery {
            Err(error) => Err(error),
            Ok(delivery) => match delivery.await {
                Ok(Ok(delivery)) => Ok(delivery),
                Ok(Err((error, _))) => Err(error.to_string()),
                Err(_) => Err("the producer was closed".to_owned()),
            },
        };
        let exemplar = Exemplar::of(&message.span);
        self.metrics.sent(&message.topic, outcome.is_ok(), message.started.elapsed(), exemplar);
        match outcome {
            Ok(delivery) => {
                message.span.record("messaging.destination.partition.id", delivery.partition.to_string());
                message.span.record("messaging.kafka.offset", delivery.offset);
                self.dependency.report(&Ok(()));
                Ok(Delivered {
                    row_id: message.row_id,
                    order_id: message.order_id,
                    acknowledged: Instant::now(),
                })
            }
            Err(error) => {
                message.span.record("otel.status_code", "ERROR");
                message.span.record("error.type", "delivery");
                self.dependency.report(&Err(error.clone()));
                Err(error)
            }
        }
    }

    async fn measure_backlog(&self) {
        let measured: Result<(i64, f64), _> = sqlx::query_as(
            "select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8
             from (select created_at from outbox where published_at is null order by id limit 10000) pending",
        )
        .fetch_one(&self.pool)
        .await;
        if let Ok((pending, oldest_s)) = measured {
            self.metrics.backlog(pending, oldest_s);
        }
    }

    /// Removes what was carried over a while ago; the time is kept with the order.
    async fn prune(&self) {
        let pruned = sqlx::query(
            "delete from outbox where id in (
                 select id from outbox where published_at < now() - interval '10 minutes'
                 order by published_at limit 10000 for update skip locked)",
        )
        .execute(&self.pool)
        .await;
        if let Err(error) = pruned {
            tracing::debug!(error = %error, "old outbox rows were not removed");
        }
    }
}

/// The worker may be faster than this: an order is never shown as fulfilled before it was published.
async fn mark_published(
    transaction: &mut Transaction<'_, Postgres>,
    delivered: &[Delivered],
) -> Result<(), sqlx::Error> {
    let rows: Vec<i64> = delivered.iter().map(|one| one.row_id).collect();
    let orders: Vec<Uuid> = delivered.iter().map(|one| one.order_id).collect();
    // Told as an age, so that all times of an order come from one clock, that of the database.
    let ages: Vec<f64> = delivered.iter().map(|one| one.acknowledged.elapsed().as_secs_f64()).collect();
    sqlx::query(
        "with carried as (update outbox set published_at = clock_timestamp() where id = any($1))
         update orders set
             published_at = least(clock_timestamp() - make_interval(secs => done.age), fulfilled_at, dead_at)
         from unnest($2::uuid[], $3::float8[]) as done (order_id, age)
         where id = done.order_id and published_at is null",
    )
    .bind(rows)
    .bind(orders)
    .bind(ages)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
