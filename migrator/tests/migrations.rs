//! Against a real server: once, twice, side by side, and with a database that is not there.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, Instant};

use kubsets_telemetry::test_util::TestDatabase;
use migrator::{MigrateArgs, MigratorError, latest_version, run};
use sqlx::{Connection, PgConnection};

fn args(url: &str, timeout: Duration) -> MigrateArgs {
    MigrateArgs { database_url: url.parse().unwrap(), migrate_timeout: timeout }
}

const ENOUGH: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let Some(database) = TestDatabase::create() else { return };
    let args = args(&database.url(), ENOUGH);
    let first = run(&args).await.unwrap();
    assert_eq!((first.before, first.after), (None, latest_version()));
    let second = run(&args).await.unwrap();
    assert_eq!((second.before, second.after), (Some(latest_version()), latest_version()));
}

#[tokio::test]
async fn many_migrators_at_once_agree() {
    let Some(database) = TestDatabase::create() else { return };
    let args = args(&database.url(), ENOUGH);
    let all = tokio::task::LocalSet::new();
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let args = args.clone();
            all.spawn_local(async move { run(&args).await.unwrap().after })
        })
        .collect();
    all.await;
    for run in runs {
        assert_eq!(run.await.unwrap(), latest_version());
    }
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(applied, latest_version());
}

#[tokio::test]
async fn a_changed_history_is_refused() {
    let Some(database) = TestDatabase::create() else { return };
    let args = args(&database.url(), ENOUGH);
    run(&args).await.unwrap();
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::query("update _sqlx_migrations set checksum = '\\x00' where version = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    assert!(matches!(run(&args).await, Err(MigratorError::Migrate { .. })));
}

#[tokio::test]
async fn a_missing_database_is_told_apart_from_a_missing_server() {
    // Port 1 of the loopback address has no server: wait, then give up in time.
    let started = Instant::now();
    let nobody = args("postgres://kubsets@127.0.0.1:1/kubsets", Duration::from_secs(1));
    let error = run(&nobody).await.unwrap_err();
    assert!(matches!(error, MigratorError::Unreachable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));

    let Some(database) = TestDatabase::create() else { return };
    let started = Instant::now();
    let missing = args(&format!("{}_missing", database.url()), ENOUGH);
    let error = run(&missing).await.unwrap_err();
    assert!(matches!(error, MigratorError::Refused { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
