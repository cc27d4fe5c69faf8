//! Looks at what is not done yet: the age of the oldest open order says more than an offset.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::metrics::WorkerMetrics;

const EVERY: Duration = Duration::from_secs(5);
const PRUNE_EVERY_ROUNDS: u32 = 60;

/// Measures until `stop`, and forgets events that were processed long ago.
pub(crate) async fn watch(pool: PgPool, metrics: Arc<WorkerMetrics>, stop: CancellationToken) {
    let mut round = 0_u32;
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        match measure(&pool).await {
            Ok((open, oldest_s, heartbeat_s)) => {
                metrics.open_orders.set(open);
                metrics.oldest_open.set(oldest_s);
                metrics.heartbeat.set(heartbeat_s.max(metrics.heartbeat.get()));
            }
            Err(error) => tracing::debug!(error = %error, "the backlog cannot be measured"),
        }
        round = round.wrapping_add(1);
        if round.is_multiple_of(PRUNE_EVERY_ROUNDS)
            && let Err(error) = prune(&pool).await
        {
            tracing::debug!(error = %error, "old events were not removed");
        }
    }
}

async fn measure(pool: &PgPool) -> Result<(i64, f64, f64), sqlx::Error> {
    // Both parts read small indexes; the count stops at a number that is bad enough.
    sqlx::query_as(
        "select
             (select count(*) from (select from orders where state = 'accepted' limit 100000) open),
             coalesce((select extract(epoch from clock_timestamp() - min(created_at))
                       from orders where state = 'accepted'), 0)::float8,
             coalesce((select extract(epoch from max(fulfilled_at))
                       from orders where source = 'heartbeat'), 0)::float8",
    )
    .fetch_one(pool)
    .await
}

/// The broker keeps messages for days, not weeks: older ones cannot come a second time.
async fn prune(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from processed_events where event_id in (
             select event_id from processed_events where processed_at < now() - interval '14 days'
             order by processed_at limit 10000)",
    )
    .execute(pool)
    .await
    .map(|_| ())
}
