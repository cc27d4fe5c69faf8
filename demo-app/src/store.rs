//! Orders in the database.

use kubsets_telemetry::{Identity, database::DatabaseMetrics, propagation::TraceFields};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::order::{NewOrder, Order};

/// Queries of the API.
pub(crate) struct Store {
    pool: PgPool,
    metrics: DatabaseMetrics,
    topic: String,
}

/// Times as RFC 3339 in UTC, made by the database whose clock they are from.
macro_rules! select_orders {
    ($tail:literal) => {
        concat!(
            "select id, item, quantity, source, state, version, pod, trace_id, worker, attempts, failure, ",
            select_orders!(@time "created_at"), ", ",
            select_orders!(@time "published_at"), ", ",
            select_orders!(@time "fulfilled_at"), ", ",
            select_orders!(@time "dead_at"),
            " from orders ",
            $tail
        )
    };
    (@time $column:literal) => {
        concat!("to_char(", $column, " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as ", $column)
    };
}

impl Store {
    pub(crate) fn new(pool: PgPool, metrics: DatabaseMetrics, topic: String) -> Self {
        Self { pool, metrics, topic }
    }

    /// Writes an order and its outbox row. One statement is one transaction: there is no moment in
    /// which a client that goes away could leave one without the other.
    pub(crate) async fn insert(
        &self,
        order: &NewOrder,
        identity: &Identity,
        trace_id: &str,
        trace: &TraceFields,
    ) -> Result<Uuid, sqlx::Error> {
        let (id, event_id) = (Uuid::now_v7(), Uuid::now_v7());
        let payload = json!({
            "type": "order.accepted",
            "event_id": event_id,
            "order_id": id,
            "item": order.item,
            "quantity": order.quantity,
            "source": order.source,
        });
        let statement = sqlx::query(
            "with placed as (
                 insert into orders (id, item, quantity, source, version, pod, trace_id)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 returning id
             )
             insert into outbox (event_id, order_id, topic, payload, traceparent, tracestate)
             select $8, placed.id, $9, $10, $11, $12 from placed",
        )
        .bind(id)
        .bind(&order.item)
        .bind(order.quantity)
        .bind(&order.source)
        .bind(&*identity.version)
        .bind(&*identity.pod)
        .bind(trace_id)
        .bind(event_id)
        .bind(&self.topic)
        .bind(payload)
        .bind(&trace.traceparent)
        .bind(&trace.tracestate);
        self.metrics.observe("INSERT", "orders", statement.execute(&self.pool)).await?;
        Ok(id)
    }

    /// One order.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<Order>, sqlx::Error> {
        let query = sqlx::query_as(select_orders!("where id = $1")).bind(id);
        self.metrics.observe("SELECT", "orders", query.fetch_optional(&self.pool)).await
    }

    /// The newest orders, newest first.
    pub(crate) async fn recent(&self) -> Result<Vec<Order>, sqlx::Error> {
        let query = sqlx::query_as(select_orders!("order by created_at desc limit 20"));
        self.metrics.observe("SELECT", "orders", query.fetch_all(&self.pool)).await
    }
}
