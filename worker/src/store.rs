//! Orders in the database: each event changes them once.

use kubsets_telemetry::database::DatabaseMetrics;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::envelope::{Envelope, Event};

/// Queries of the worker.
pub(crate) struct Store {
    pool: PgPool,
    metrics: DatabaseMetrics,
    worker: String,
}

/// What an event did to its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fulfilment {
    /// The order is fulfilled now.
    Done {
        /// Time from order to fulfilment.
        took_seconds: f64,
        /// Where the order came from.
        source: String,
    },
    /// The event was handled before, or the order had already ended.
    Duplicate,
    /// There is no such order.
    Unknown,
}

#[derive(FromRow)]
struct Row {
    is_new: bool,
    exists: bool,
    source: Option<String>,
    took_seconds: Option<f64>,
}

impl Store {
    pub(crate) fn new(pool: PgPool, metrics: DatabaseMetrics, worker: String) -> Self {
        Self { pool, metrics, worker }
    }

    /// Fulfils an order in one statement, and so in one transaction: the event is noted as
    /// processed if and only if the order changes with it.
    pub(crate) async fn fulfil(&self, event: &Event, envelope: &Envelope) -> Result<Fulfilment, sqlx::Error> {
        let query = sqlx::query_as(
            "with known as (
                 select id from orders where id = $2
             ), noted as (
                 insert into processed_events
                     (event_id, order_id, topic, partition, message_offset, attempt, worker)
                 select $1, known.id, $3, $4, $5, $6, $7 from known
                 on conflict (event_id) do nothing
                 returning order_id
             ), done as (
                 update orders set
                     state = 'fulfilled', fulfilled_at = clock_timestamp(), worker = $7, attempts = $6,
                     failure = null
                 from noted where orders.id = noted.order_id and orders.state = 'accepted'
                 returning orders.source,
                     extract(epoch from orders.fulfilled_at - orders.created_at)::float8 as took_seconds
             )
             select
                 exists (select from noted) and exists (select from done) as is_new,
                 exists (select from known) as exists,
                 (select source from done) as source,
                 (select took_seconds from done) as took_seconds",
        )
        .bind(event.event_id)
        .bind(event.order_id)
        .bind(&envelope.topic)
        .bind(envelope.partition)
        .bind(envelope.offset)
        .bind(envelope.attempt.cast_signed())
        .bind(&self.worker);
        let row: Row = self.metrics.observe("UPDATE", "orders", query.fetch_one(&self.pool)).await?;
        Ok(match row {
            Row { exists: false, .. } => Fulfilment::Unknown,
            Row { is_new: true, source, took_seconds, .. } => Fulfilment::Done {
                took_seconds: took_seconds.unwrap_or_default(),
                source: source.unwrap_or_default(),
            },
            _ => Fulfilment::Duplicate,
        })
    }

    /// Whether an event was handled before.
    pub(crate) async fn is_processed(&self, event: Uuid) -> Result<bool, sqlx::Error> {
        let query = sqlx::query_scalar("select exists (select from processed_events where event_id = $1)")
            .bind(event);
        self.metrics.observe("SELECT", "processed_events", query.fetch_one(&self.pool)).await
    }

    /// Ends an order that cannot be fulfilled. Says whether it was still open.
    pub(crate) async fn bury(&self, order: Uuid, attempt: u32, reason: &str) -> Result<bool, sqlx::Error> {
        let reason: String = reason.chars().take(500).collect();
        let query = sqlx::query(
            "update orders set
                 state = 'dead', dead_at = clock_timestamp(), worker = $2, attempts = $3, failure = $4
             where id = $1 and state = 'accepted'",
        )
        .bind(order)
        .bind(&self.worker)
        .bind(attempt.cast_signed())
        .bind(reason);
        let done = self.metrics.observe("UPDATE", "orders", query.execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes why the last attempt failed, for those who look at the order meanwhile.
    pub(crate) async fn note_failure(
        &self,
        order: Uuid,
        attempt: u32,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        let reason: String = reason.chars().take(500).collect();
        let query =
            sqlx::query("update orders set attempts = $2, failure = $3 where id = $1 and state = 'accepted'")
                .bind(order)
                .bind(attempt.cast_signed())
                .bind(reason);
        self.metrics.observe("UPDATE", "orders", query.execute(&self.pool)).await?;
        Ok(())
    }
}
