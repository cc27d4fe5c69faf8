//! Puts the worker together and runs it until it is stopped.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use kubsets_telemetry::{
    Health, Identity, Metrics, Supervisor, admin,
    database::DatabaseMetrics,
    fault::{self, FaultEngine},
    health::{Dependency, Gate, Need, WatchPeriods},
    kafka::LogContext,
    logs::LogLevel,
    serve::Server,
};
use rdkafka::producer::{FutureProducer, Producer};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    backlog, broker, consumer::EventLoop, database, handler::Handler, metrics::WorkerMetrics,
    retry::RetryPolicy, settings::Settings, store::Store, topics::Topics,
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
const BROKER_PERIODS: WatchPeriods =
    WatchPeriods { up: Duration::from_secs(10), down: Duration::from_millis(500) };

/// The worker with its admin port bound.
pub struct Worker {
    settings: Settings,
    identity: Identity,
    health: Health,
    pool: PgPool,
    producer: FutureProducer<LogContext>,
    admin: Server,
    database_metrics: DatabaseMetrics,
    metrics: Arc<WorkerMetrics>,
    faults: FaultEngine,
    database: Dependency,
    kafka: Dependency,
    migrations: Gate,
    topics: Gate,
}

impl Worker {
    /// Binds the admin port. Database and broker need not be there.
    ///
    /// # Errors
    /// When the address cannot be bound or a setting is refused by the broker library.
    pub async fn build(settings: Settings, level: LogLevel) -> anyhow::Result<Self> {
        let identity = settings.service.identity("worker");
        let (metrics, health) = (Metrics::new(&identity), Health::new());
        let pool = database::pool(settings.database_url.clone());
        let producer = broker::producer(&settings, &identity.pod)
            .with_context(|| format!("cannot use KAFKA_BROKERS={}", settings.kafka_brokers))?;
        let faults = FaultEngine::new(&metrics);
        if let Some(spec) = settings.faults.to_spec() {
            faults.set(spec, "start");
        }
        let database_metrics = DatabaseMetrics::new(&metrics, database::pool_use(pool.clone()));
        let worker_metrics = Arc::new(WorkerMetrics::new(&metrics));
        let routes = admin::router(metrics, health.clone(), level).merge(fault::router(faults.clone()));
        Ok(Self {
            admin: Server::bind(settings.service.admin_addr, routes).await?,
            database: health.dependency("postgres", Need::Required),
            kafka: health.dependency("kafka", Need::Required),
            migrations: health.gate("migrations"),
            topics: health.gate("topics"),
            settings,
            identity,
            health,
            pool,
            producer,
            database_metrics,
            metrics: worker_metrics,
            faults,
        })
    }

    /// Address of the admin port as bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Handles events until `signal`, then stops: not ready, drain delay, event in hand, pool.
    ///
    /// # Errors
    /// When a part ended on its own or did not end in time.
    pub async fn run_until_stopped<F: Future<Output = ()>>(
        self,
        signal: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        tracing::info!(admin = %self.admin_address(), "worker starts");
        let service = &self.settings.service;
        let mut supervisor = Supervisor::new(self.health.clone(), service.drain_delay, service.drain_timeout);
        let stop = supervisor.stop_token();
        let (pool, producer) = (self.pool.clone(), self.producer.clone());
        let admin_stop = CancellationToken::new();
        let admin = tokio::spawn(self.admin.run(admin_stop.clone()));

        let (migrated, schema_pool, gate) = (CancellationToken::new(), self.pool.clone(), self.migrations);
        let database = self.database.clone();
        let (watch_stop, is_migrated) = (stop.clone(), migrated.clone());
        supervisor.spawn("database watch", async move {
            let check = || async {
                let outcome = database::check_schema(&schema_pool).await;
                match &outcome {
                    Ok(()) if is_migrated.is_cancelled() => {}
                    Ok(()) => {
                        gate.open();
                        is_migrated.cancel();
                    }
                    Err(reason) if !is_migrated.is_cancelled() => gate.wait_for(reason.clone()),
                    Err(_) => {}
                }
                outcome
            };
            database.watch(WatchPeriods::default(), watch_stop, check).await;
        });

        let topics = Topics {
            brokers: self.settings.kafka_brokers.clone(),
            names: [
                self.settings.topic_orders.clone(),
                self.settings.topic_retry.clone(),
                self.settings.topic_dlq.clone(),
            ],
            partitions: self.settings.partitions,
        };
        let (has_topics, gate, kafka) = (CancellationToken::new(), self.topics, self.kafka.clone());
        let (watch_stop, topics_seen, watch_producer) = (stop.clone(), has_topics.clone(), producer.clone());
        supervisor.spawn("broker watch", async move {
            let check = || async {
                let outcome = topics.ensure(&watch_producer).await.map_err(|error| error.to_string());
                match &outcome {
                    Ok(()) if topics_seen.is_cancelled() => {}
                    Ok(()) => {
                        gate.open();
                        topics_seen.cancel();
                    }
                    Err(reason) if !topics_seen.is_cancelled() => gate.wait_for(reason.clone()),
                    Err(_) => {}
                }
                outcome
            };
            kafka.watch(BROKER_PERIODS, watch_stop, check).await;
        });

        supervisor.spawn("backlog", backlog::watch(self.pool.clone(), self.metrics.clone(), stop.clone()));

        let settings = self.settings;
        let pod = self.identity.pod.to_string();
        let handler = Handler {
            store: Store::new(self.pool, self.database_metrics, pod.clone()),
            producer: self.producer,
            metrics: self.metrics.clone(),
            faults: self.faults,
            policy: RetryPolicy { max_attempts: settings.max_attempts, first_delay: settings.retry_delay },
            group: settings.group.clone(),
            topic_retry: settings.topic_retry.clone(),
            topic_dlq: settings.topic_dlq.clone(),
        };
        let (metrics, database, kafka) = (self.metrics, self.database, self.kafka);
        supervisor.spawn("events", async move {
            let ready = async { tokio::join!(migrated.cancelled(), has_topics.cancelled()) };
            if stop.run_until_cancelled(ready).await.is_none() {
                return;
            }
            match broker::consumer(&settings, &pod) {
                Ok(events) => {
                    tracing::info!(group = settings.group, "taking events");
                    let events = Arc::new(events);
                    EventLoop { events, handler, metrics, database, kafka, stop }.run().await;
                }
                Err(error) => tracing::error!(error = %error, "the consumer cannot be made"),
            }
        });

        let outcome = supervisor.run_until(signal).await;
        let flushing = tokio::task::spawn_blocking(move || producer.flush(FLUSH_TIMEOUT));
        if !matches!(flushing.await, Ok(Ok(()))) {
            tracing::warn!("some messages were not sent");
        }
        if tokio::time::timeout(CLOSE_TIMEOUT, pool.close()).await.is_err() {
            tracing::warn!("some database connections were not closed in time");
        }
        admin_stop.cancel();
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, admin).await;
        Ok(outcome?)
    }
}
