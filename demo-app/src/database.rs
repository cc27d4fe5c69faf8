//! Connections to the database: they may be missing at any time without ending the service.

use std::time::Duration;

use kubsets_telemetry::database::PoolUse;
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The schema that the queries of this service need.
pub(crate) const SCHEMA_VERSION: i64 = 2;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Options that keep one slow query from holding a connection for ever.
pub(crate) fn options(url: PgConnectOptions, application: &str) -> PgConnectOptions {
    url.application_name(application).options([("statement_timeout", "5s"), ("lock_timeout", "3s")])
}

/// A pool that connects when it is first used.
pub(crate) fn pool(options: PgConnectOptions, max_connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .connect_lazy_with(options)
}

pub(crate) fn pool_use(pool: PgPool) -> impl Fn() -> PoolUse + Send + Sync + 'static {
    move || {
        let idle = pool.num_idle() as u32;
        PoolUse { idle, used: pool.size().saturating_sub(idle), max: pool.options().get_max_connections() }
    }
}

/// Asks the database on a connection of its own, so that a busy pool does not look like a dead
/// database.
pub(crate) struct Ping {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Ping {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    pub(crate) async fn check(&mut self) -> Result<(), String> {
        let answer = tokio::time::timeout(PING_TIMEOUT, self.ask()).await;
        answer.map_err(|_| format!("no answer within {PING_TIMEOUT:?}"))?.map_err(|error| error.to_string())
    }

    async fn ask(&mut self) -> Result<(), sqlx::Error> {
        // Taken out while in use: a connection whose answer never came must not be used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(&self.options).await?,
        };
        connection.ping().await?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// The newest schema version that is in place; `None` when nothing has been migrated yet.
pub(crate) async fn schema_version(pool: &PgPool) -> Result<Option<i64>, sqlx::Error> {
    let version = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
    match version.fetch_one(pool).await {
        // 42P01: the table of migrations does not exist.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(None),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_schema_exists() {
        assert!(SCHEMA_VERSION <= migrator::latest_version());
    }
}
