//! Connections to the database.

use std::time::Duration;

use kubsets_telemetry::database::PoolUse;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The schema that the queries of this service need.
pub(crate) const SCHEMA_VERSION: i64 = 2;

/// One for the event in work, one for the backlog, one for health.
const MAX_CONNECTIONS: u32 = 3;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pool that connects when it is first used.
pub(crate) fn pool(url: PgConnectOptions) -> PgPool {
    let options =
        url.application_name("worker").options([("statement_timeout", "5s"), ("lock_timeout", "3s")]);
    PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options)
}

pub(crate) fn pool_use(pool: PgPool) -> impl Fn() -> PoolUse + Send + Sync + 'static {
    move || {
        let idle = pool.num_idle() as u32;
        PoolUse { idle, used: pool.size().saturating_sub(idle), max: MAX_CONNECTIONS }
    }
}

/// Whether the database answers and has the schema that is needed.
pub(crate) async fn check_schema(pool: &PgPool) -> Result<(), String> {
    let version = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
    let version: Option<i64> = match version.fetch_one(pool).await {
        // 42P01: the table of migrations does not exist.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => None,
        other => other.map_err(|error| error.to_string())?,
    };
    match version {
        Some(version) if version >= SCHEMA_VERSION => Ok(()),
        version => Err(format!(
            "schema is at {}, {SCHEMA_VERSION} is needed: run the migrator",
            version.map_or("nothing".to_owned(), |version| version.to_string())
        )),
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
