//! Puts the service together and runs it until it is stopped.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::Context;
use kubsets_telemetry::{
    Health, Metrics, Supervisor, admin,
    fault::{self, FaultEngine},
    health::{Dependency, Gate, Need, WatchPeriods},
    logs::LogLevel,
    serve::Server,
};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    broker::Broker,
    database::{self, Ping, SCHEMA_VERSION},
    relay::{Relay, RelayMetrics},
    routes,
    settings::Settings,
    state::AppState,
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The service with its sockets bound.
pub struct Application {
    settings: Settings,
    health: Health,
    pool: PgPool,
    api: Server,
    admin: Server,
    relay: Relay,
    faults: FaultEngine,
    // Known to the probes before the first of them can ask.
    database: Dependency,
    migrations: Gate,
}

impl Application {
    /// Binds the sockets. Database and broker need not be there.
    ///
    /// # Errors
    /// When an address cannot be bound or a setting is refused by the broker library.
    pub async fn build(settings: Settings, level: LogLevel) -> anyhow::Result<Self> {
        let identity = settings.service.identity("demo-app");
        let (metrics, health) = (Metrics::new(&identity), Health::new());
        let options = database::options(settings.database_url.clone(), "demo-app");
        let pool = database::pool(options, settings.database_max_connections);
        let topic = settings.topic_orders.clone();
        let broker = Broker::new(&settings.kafka_brokers, &identity.pod)
            .with_context(|| format!("cannot use KAFKA_BROKERS={}", settings.kafka_brokers))?;
        let state =
            AppState::new(identity, &metrics, health.clone(), pool.clone(), topic, settings.request_timeout);
        let faults = state.faults();
        if let Some(spec) = settings.faults.to_spec() {
            faults.set(spec, "start");
        }
        let relay = Relay {
            pool: pool.clone(),
            broker,
            metrics: RelayMetrics::new(&metrics),
            // Without the broker orders wait in the outbox: readiness does not depend on it.
            dependency: health.dependency("kafka", Need::Optional),
            new_orders: state.new_orders(),
        };
        let admin_routes = admin::router(metrics, health.clone(), level).merge(fault::router(faults.clone()));
        Ok(Self {
            api: Server::bind(settings.listen_addr, routes::app(state)).await?,
            admin: Server::bind(settings.service.admin_addr, admin_routes).await?,
            database: health.dependency("postgres", Need::Required),
            migrations: health.gate("migrations"),
            settings,
            health,
            pool,
            relay,
            faults,
        })
    }

    /// Address of the API as bound.
    pub fn api_address(&self) -> SocketAddr {
        self.api.address()
    }

    /// Address of the admin port as bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Serves until `signal`, then stops: not ready, drain delay, requests in flight, pool.
    ///
    /// # Errors
    /// When a part ended on its own or did not end in time.
    pub async fn run_until_stopped<F: Future<Output = ()>>(
        self,
        signal: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        tracing::info!(
            api = %self.api_address(),
            admin = %self.admin_address(),
            faults = self.faults.state().active,
            "demo-app listens"
        );
        let service = &self.settings.service;
        let mut supervisor = Supervisor::new(self.health.clone(), service.drain_delay, service.drain_timeout);
        // The admin port answers until the very end, so that the drain can be watched.
        let admin_stop = CancellationToken::new();
        let admin = tokio::spawn(self.admin.run(admin_stop.clone()));

        let stop = supervisor.stop_token();
        supervisor.spawn("api", self.api.run(stop.clone()));

        let database = self.database;
        let options = database::options(self.settings.database_url, "demo-app ping");
        let ping_stop = stop.clone();
        supervisor.spawn("database watch", async move {
            let ping = Mutex::new(Ping::new(options));
            let check = || async { ping.lock().await.check().await };
            database.watch(WatchPeriods::default(), ping_stop, check).await;
        });

        let (gate, pool, relay) = (self.migrations, self.pool.clone(), self.relay);
        supervisor.spawn("relay", async move {
            if stop.run_until_cancelled(await_schema(&pool, &gate)).await.is_some() {
                relay.run(stop).await;
            }
        });

        let outcome = supervisor.run_until(signal).await;
        if tokio::time::timeout(CLOSE_TIMEOUT, self.pool.close()).await.is_err() {
            tracing::warn!("some database connections were not closed in time");
        }
        admin_stop.cancel();
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, admin).await;
        Ok(outcome?)
    }
}

/// Opens the gate when the migrations that the queries need are in place.
async fn await_schema(pool: &PgPool, gate: &Gate) {
    loop {
        match database::schema_version(pool).await {
            Ok(Some(version)) if version >= SCHEMA_VERSION => {
                tracing::info!(version, "schema is in place");
                return gate.open();
            }
            Ok(version) => gate.wait_for(format!(
                "schema is at {}, {SCHEMA_VERSION} is needed: run the migrator",
                version.map_or("nothing".to_owned(), |version| version.to_string())
            )),
            Err(error) => gate.wait_for(error.to_string()),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
