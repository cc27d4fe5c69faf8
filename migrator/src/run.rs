//! Waits for the database, takes the lock, applies what is missing.

use std::time::{Duration, Instant};

use clap::Args;
use kubsets_telemetry::{backoff::Backoff, config::parse_duration};
use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// What to migrate and how long to wait for it.
#[derive(Clone, Args)]
pub struct MigrateArgs {
    /// The database, as `postgres://user:password@host:port/name`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: PgConnectOptions,
    /// Longest time to wait for the database and for another migrator.
    #[arg(long, env = "MIGRATE_TIMEOUT", default_value = "2m", value_parser = parse_duration)]
    pub migrate_timeout: Duration,
}

/// What a run has found and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Version before; `None` in an empty database.
    pub before: Option<i64>,
    /// Version now.
    pub after: i64,
    /// Time that the database took to answer.
    pub waited: Duration,
    /// Time that the migrations took, with the wait for another migrator.
    pub took: Duration,
}

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigratorError {
    /// The database did not answer in time.
    #[error("the database {target} did not answer within {timeout:?}")]
    Unreachable {
        /// Host, port and name of the database.
        target: String,
        /// How long was waited.
        timeout: Duration,
        /// The last failure.
        #[source]
        source: sqlx::Error,
    },
    /// The database answered and refused.
    #[error("the database {target} refuses the connection")]
    Refused {
        /// Host, port and name of the database.
        target: String,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// A migration failed, or the database holds other migrations than this program.
    #[error("cannot migrate the database {target}")]
    Migrate {
        /// Host, port and name of the database.
        target: String,
        /// What failed.
        #[source]
        source: MigrateError,
    },
    /// Another migrator held the lock too long, or a migration took too long.
    #[error("the migration of {target} did not end within {timeout:?}; another migrator may hold the lock")]
    Timeout {
        /// Host, port and name of the database.
        target: String,
        /// How long was waited.
        timeout: Duration,
    },
}

/// The newest version that this program knows.
pub fn latest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Brings the schema up to date. Safe to run twice and side by side: an advisory lock lets one
/// migrator work and the others find nothing left to do.
///
/// # Errors
/// See [`MigratorError`].
pub async fn run(args: &MigrateArgs) -> Result<Outcome, MigratorError> {
    let target = describe(&args.database_url);
    let started = Instant::now();
    let mut connection = connect(args, &target).await?;
    let waited = started.elapsed();
    tracing::info!(target_database = target, waited_ms = waited.as_millis() as u64, "database answers");

    let begin = Instant::now();
    let work = async {
        let before = version(&mut connection).await?;
        MIGRATIONS.run(&mut connection).await?;
        Ok((before, version(&mut connection).await?.unwrap_or_default()))
    };
    let (before, after) = tokio::time::timeout(args.migrate_timeout, work)
        .await
        .map_err(|_| MigratorError::Timeout { target: target.clone(), timeout: args.migrate_timeout })?
        .map_err(|source| MigratorError::Migrate { target, source })?;
    let _ = connection.close().await;
    Ok(Outcome { before, after, waited, took: begin.elapsed() })
}

async fn connect(args: &MigrateArgs, target: &str) -> Result<PgConnection, MigratorError> {
    let deadline = Instant::now() + args.migrate_timeout;
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).min(Duration::from_secs(5));
        let attempt = tokio::time::timeout(left, PgConnection::connect_with(&args.database_url)).await;
        let error = match attempt {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if is_final(&error) => {
                return Err(MigratorError::Refused { target: target.to_owned(), source: error });
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let wait = backoff.next_wait();
        if Instant::now() + wait >= deadline {
            let timeout = args.migrate_timeout;
            return Err(MigratorError::Unreachable { target: target.to_owned(), timeout, source: error });
        }
        tracing::info!(error = %error, retry_ms = wait.as_millis() as u64, "waiting for the database");
        tokio::time::sleep(wait).await;
    }
}

/// Waiting does not help against a wrong password (class 28) or a database that does not exist
/// (3D000); it does help while the server starts (57P03) or has no connection left (53300).
fn is_final(error: &sqlx::Error) -> bool {
    let code = match error {
        sqlx::Error::Database(error) => error.code(),
        _ => None,
    };
    code.is_some_and(|code| code.starts_with("28") || code == "3D000")
}

async fn version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(None);
    }
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(connection).await
}

/// Host, port and name, never the password.
fn describe(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or("postgres");
    format!("{}:{}/{name}", options.get_host(), options.get_port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_without_gaps() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let expected: Vec<_> = (1..=latest_version()).collect();
        assert_eq!(versions, expected);
    }

    #[test]
    fn the_password_is_not_part_of_messages() {
        let options: PgConnectOptions = "postgres://kubsets:secret@db:5432/kubsets".parse().unwrap();
        assert_eq!(describe(&options), "db:5432/kubsets");
    }
}
