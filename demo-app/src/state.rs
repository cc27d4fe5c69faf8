//! What the handlers share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kubsets_telemetry::{
    Health, Identity, Metrics, database::DatabaseMetrics, fault::FaultEngine, http_server::HttpServer,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::{database, routes::page, store::Store};

/// State of the API; clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    identity: Identity,
    health: Health,
    server: HttpServer,
    faults: FaultEngine,
    store: Store,
    accepted: Family<SourceLabel, Counter>,
    new_orders: Arc<Notify>,
    page: String,
    started: Instant,
    request_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SourceLabel {
    source: &'static str,
}

impl AppState {
    /// State on top of a pool, which may be unable to connect yet.
    pub fn new(
        identity: Identity,
        metrics: &Metrics,
        health: Health,
        pool: PgPool,
        topic: String,
        request_timeout: Duration,
    ) -> Self {
        let database = DatabaseMetrics::new(metrics, database::pool_use(pool.clone()));
        Self(Arc::new(Inner {
            server: HttpServer::new(&identity, metrics, health.clone()),
            faults: FaultEngine::new(metrics),
            store: Store::new(pool, database, topic),
            accepted: metrics.register("kubsets_orders_accepted", "Orders taken", Family::default()),
            new_orders: Arc::new(Notify::new()),
            page: page::render(&identity),
            started: Instant::now(),
            identity,
            health,
            request_timeout,
        }))
    }

    /// The switch for faults.
    pub fn faults(&self) -> FaultEngine {
        self.0.faults.clone()
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn health(&self) -> Health {
        self.0.health.clone()
    }

    pub(crate) fn server(&self) -> HttpServer {
        self.0.server.clone()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    pub(crate) fn page(&self) -> &str {
        &self.0.page
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.0.request_timeout
    }

    /// Wakes the relay.
    pub(crate) fn new_orders(&self) -> Arc<Notify> {
        self.0.new_orders.clone()
    }

    /// Counts an order. The caller chooses the source freely: only known ones become labels.
    pub(crate) fn count_accepted(&self, source: &str) {
        let source = ["api", "heartbeat", "load", "smoke", "page"]
            .into_iter()
            .find(|known| *known == source)
            .unwrap_or("other");
        self.0.accepted.get_or_create(&SourceLabel { source }).inc();
    }
}
