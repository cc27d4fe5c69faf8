//! Spans and metrics of database work, after the semantic conventions; knows no driver.

use std::{fmt, future::Future, sync::Arc, time::Instant};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};
use tracing::{Instrument, field::Empty, info_span};

use crate::{
    Metrics,
    metrics::{DurationFamily, Exemplar, database_durations},
};

/// Times database operations; clones share the metric.
#[derive(Clone)]
pub struct DatabaseMetrics(DurationFamily<OperationLabels>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    db_operation_name: &'static str,
    db_collection_name: &'static str,
    error_type: &'static str,
}

/// How much of a connection pool is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that wait for work.
    pub idle: u32,
    /// Connections at work.
    pub used: u32,
    /// Most connections that the pool may open.
    pub max: u32,
}

impl DatabaseMetrics {
    /// Registers `db_client_operation_duration_seconds`, and `db_client_connection_count` and
    /// `db_client_connection_max` from what `pool` says at each scrape.
    pub fn new(metrics: &Metrics, pool: impl Fn() -> PoolUse + Send + Sync + 'static) -> Self {
        metrics.collect(PoolCollector(Arc::new(pool)));
        Self(metrics.durations(
            "db_client_operation_duration",
            "Duration of database operations",
            database_durations,
        ))
    }

    /// Runs `work` in a client span named `operation collection` and records how long it took.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn observe<T, E: fmt::Display>(
        &self,
        operation: &'static str,
        collection: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let span = info_span!(
            "database",
            otel.name = format!("{operation} {collection}"),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            db.system.name = "postgresql",
            db.operation.name = operation,
            db.collection.name = collection,
        );
        let result = work.instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", error.to_string());
        }
        let labels = OperationLabels {
            db_operation_name: operation,
            db_collection_name: collection,
            error_type: if result.is_ok() { "" } else { "database" },
        };
        self.0.get_or_create(&labels).observe(started.elapsed().as_secs_f64(), Exemplar::of(&span), None);
        result
    }
}

struct PoolCollector(Arc<dyn Fn() -> PoolUse + Send + Sync>);

impl fmt::Debug for PoolCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolCollector")
    }
}

impl Collector for PoolCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let pool = (self.0)();
        let mut count = encoder.encode_descriptor(
            "db_client_connection_count",
            "Connections of the pool by state.",
            None,
            MetricType::Gauge,
        )?;
        for (state, connections) in [("idle", pool.idle), ("used", pool.used)] {
            let labels = [("db_client_connection_state", state)];
            ConstGauge::new(i64::from(connections)).encode(count.encode_family(&labels)?)?;
        }
        let max = ConstGauge::new(i64::from(pool.max));
        max.encode(encoder.encode_descriptor(
            "db_client_connection_max",
            "Most connections that the pool may open.",
            None,
            MetricType::Gauge,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[tokio::test]
    async fn operations_and_pool_are_counted() {
        let metrics = Metrics::new(&Identity::local("demo-app"));
        let database = DatabaseMetrics::new(&metrics, || PoolUse { idle: 3, used: 1, max: 8 });
        let ok: Result<u8, String> = database.observe("SELECT", "orders", async { Ok(7) }).await;
        assert_eq!(ok, Ok(7));
        let bad: Result<u8, String> =
            database.observe("SELECT", "orders", async { Err("gone".into()) }).await;
        assert!(bad.is_err());
        let text = metrics.render(None).text;
        for wanted in [
            r#"db_operation_name="SELECT",db_collection_name="orders",error_type="database"} 1"#,
            r#"db_operation_name="SELECT",db_collection_name="orders",error_type=""} 1"#,
            r#"db_client_connection_state="used"} 1"#,
            r#"db_client_connection_max{version="0.1.0"} 8"#,
        ] {
            assert!(text.contains(wanted), "{wanted} is missing in {text}");
        }
    }
}
